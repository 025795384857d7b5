"""`podium export`: a run as one file."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from podium import App, task, workflow
from tests.cli.support import STORE, as_json, podium


@task
def greet(name: str) -> str:
    print(f"<b>hello</b> {name}")
    if not name:
        raise ValueError("<script>alert(1)</script>")
    return name


@workflow
def greets(name: str, token: str = "") -> str:
    return greet(name)


class Tags(HTMLParser):
    """The elements of a page, and what their attributes refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "style", "onclick")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def exported(run: str) -> str:
    done = podium("export", run, "--html", "run.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run.html\n"
    return Path("run.html").read_text("utf-8")


@pytest.fixture
def runs(project: Path) -> None:
    with App(STORE):
        greets.options(id="good").run("Ada", token="mine-alone")
        with pytest.raises(ValueError, match="script"):
            greets.options(id="bad").run("")


@pytest.mark.usefixtures("runs")
def test_a_run_is_one_file_that_asks_nothing_of_others_and_users_text_is_text() -> None:
    page = exported("good")
    tags = Tags(page)
    assert not {"script", "link", "img", "iframe", "b"} & set(tags.tags)
    assert tags.links == []
    assert "url(" not in page
    assert re.search(r"default-src 'none'; style-src 'sha256-[\w+/=]+'", page.replace("&#39;", "'"))
    assert "&lt;b&gt;hello&lt;/b&gt; Ada" in page  # in the log
    assert "mine-alone" not in page
    for title in ("Timeline", "Graph", "Input", "Result", "Steps", "Log"):
        assert f"<h2>{title}</h2>" in page
    assert 'role="img" aria-label="greet succeeded"' in page


@pytest.mark.usefixtures("runs")
def test_a_failed_run_has_its_error_and_what_it_failed_at() -> None:
    page = exported("bad")
    assert "ValueError: &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&#39;str&#39; object" not in page
    assert "raise ValueError" in page
    assert "script" not in Tags(page).tags


@pytest.mark.usefixtures("runs")
def test_a_file_that_is_there_is_written_over_only_by_force() -> None:
    exported("good")
    again = podium("export", "bad", "--html", "run.html")
    assert (again.returncode, "already" in again.stderr) == (2, True)
    forced = as_json("export", "bad", "--html", "run.html", "--force")
    assert forced["run"] == "bad"
    assert forced["bytes"] == Path("run.html").stat().st_size
    assert podium("export", "bad", "--html", "no/where.html").returncode == 2
    assert podium("export", "nothing", "--html", "x.html").returncode == 3
    assert not Path("x.html").exists()
