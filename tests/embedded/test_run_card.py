"""A run as a notebook shows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import podium
from podium import App, task, workflow


@task
async def double(n: int) -> int:
    if n == 3:
        raise ValueError("<b>three</b>")
    return 2 * n


async def both(n: int) -> int:
    return await double(await double(n))


@workflow
async def doubles(many: int) -> int:
    return sum([*await double.map(range(many)), *await asyncio.gather(both(10), both(20))])


def shown(run: object) -> str:
    """What IPython asks an object for."""
    html = getattr(run, "_repr_html_")()  # noqa: B009  Run has it, object has not
    assert isinstance(html, str)
    return html


def test_a_run_shows_how_it_stands_and_what_it_did(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        run = doubles.options(id="good").start(3)
        assert run.result() == 126
        html = shown(run)
    assert "succeeded" in html
    assert "<b>doubles</b><code>(many=3)</code>" in html
    assert "result: <code>126</code>" in html
    assert " 3/3 " in html
    assert " 4/4 " in html
    assert "<script" not in html
    assert html.count("<ul>") == html.count("</ul>")


def test_a_failed_run_says_why_and_its_text_is_text(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        run = doubles.start(5)
        with pytest.raises(ValueError, match="three"):
            run.result()
        html = shown(run)
    assert "1 failed" in html
    assert "&lt;b&gt;three&lt;/b&gt;" in html


@workflow
async def looks_inside() -> str | None:
    step = double.start(1)
    html = step._repr_html_()
    await step
    return html


def test_inside_a_workflow_a_step_has_nothing_to_show(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        assert looks_inside.run() is None


def test_runs_show_themselves_as_a_table(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        assert shown(podium.runs()) == "<div>no runs match</div>"
        doubles.options(id="good").start(3).result()
        found = podium.runs("status:done workflow:doubles")
        assert repr(found) == "<podium.runs('status:done workflow:doubles'): iterate them, or .count()>"
        html = shown(found)
    assert "✔ succeeded" in html
    assert "<td>doubles</td><td><code>many=3</code></td>" in html
    assert "<td>good</td>" in html
    assert "newest" not in html
