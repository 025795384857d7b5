"""The dashboard's files: whole, small, from nowhere else, without anything that the policy refuses."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import podium
from tests.server.conftest import Server

STATIC = Path(podium.__file__).parent / "server" / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
SCRIPTS_MAX = 90_000  # bytes, compressed: what the page may weigh


def test_every_file_that_is_named_is_there() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    named = [STATIC / name.lstrip("/") for name in re.findall(r'(?:src|href)="(/[\w./-]+\.\w+)"', page)]
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        names = re.findall(r'(?:from|import)\s*\(?"(\./[\w./-]+|\.\./[\w./-]+)"', text)
        names += re.findall(r'"(\./pages/\w+\.js)"', text)
        named += [script.parent / name for name in names]
    sheet = (STATIC / "podium.css").read_text(encoding="utf-8")
    named += [STATIC / name for name in re.findall(r"url\(\"?([\w./-]+)\"?\)", sheet)]
    assert len(named) > 40
    assert [str(file) for file in named if not file.is_file()] == []


def test_every_script_is_reached_from_the_page() -> None:
    found, todo = set[Path](), [STATIC / "app.js", STATIC / "first.js"]
    while todo:
        script = todo.pop().resolve()
        if script in found:
            continue
        found.add(script)
        names = re.findall(r'"((?:\./|\.\./)[\w./-]+\.js)"', script.read_text(encoding="utf-8"))
        todo += [script.parent / name for name in names]
    assert found == {script.resolve() for script in SCRIPTS}


@pytest.mark.parametrize("file", [STATIC / "index.html", *SCRIPTS], ids=lambda file: file.name)
def test_nothing_is_inline_and_nothing_is_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son\w+=", text)
    # Only names of namespaces and a command to copy look like an address.
    addresses = re.findall(r"https?://[\w.-]+", text)
    assert set(addresses) <= {"http://www.w3.org"}
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(['\"]"
    assert not re.search(sinks, re.sub(r"//.*", "", text))


MADE_UP = ("f-", "s-")  # classes that scripts put together, with a state's name behind


def test_the_sheet_has_no_rule_for_what_no_page_has() -> None:
    sheet = re.sub(r"/\*.*?\*/", "", (STATIC / "podium.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    selectors = re.sub(r"\{[^{}]*\}", "{}", sheet)  # what is between braces is no selector
    named = {name for name in re.findall(r"\.([a-zA-Z_][\w-]*)", selectors) if not name.startswith(MADE_UP)}
    pages = "".join(file.read_text(encoding="utf-8") for file in (STATIC / "index.html", *SCRIPTS))
    words = set(re.findall(r"[\w-]+", pages))
    assert len(named) > 100
    assert sorted(named - words) == []


def test_every_sign_that_a_script_names_is_drawn_in_the_page() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    drawn = re.findall(r'<symbol id="i-(\w+)"', page)
    scripts = "".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    named = set(re.findall(r'\b(?:icon|sign|state)\("(\w+)"', scripts)) | set(
        re.findall(r'href="#i-(\w+)"', page)
    )
    assert len(named) > 20
    assert sorted(named - set(drawn)) == []
    assert len(drawn) == len(set(drawn))


def test_a_link_that_was_cut_within_a_character_leads_to_its_page(server: Server) -> None:
    page = server.ask("/runs?q=%E0%A4")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert server.ask("/runs?q=%E0%A4", token="").status == 401


def test_the_scripts_are_small() -> None:
    assert sum(len(gzip.compress(script.read_bytes())) for script in SCRIPTS) < SCRIPTS_MAX


def test_a_run_has_its_page_also_where_its_id_has_dots(server: Server) -> None:
    page = server.ask("/runs/shop.flows:nightly@2026-11-27T06:00:00Z")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert server.ask("/nothing.js").status == 404


def test_what_a_page_names_is_kept_for_good_until_a_file_is_another(server: Server) -> None:
    page = server.ask("/runs").body.decode()
    named = re.findall(r'(?:src|href)="(/static/\w+/[\w./-]+)"', page)
    assert len(named) > 15
    replies = [server.ask(name) for name in named]
    assert {(reply.status, reply.headers["cache-control"]) for reply in replies} == {
        (200, "private, max-age=31536000, immutable")
    }
    former = server.ask("/static/0123456789abcdef/app.js")
    plain = server.ask("/app.js")
    assert former.headers["cache-control"] == plain.headers["cache-control"] == "private, no-cache"
    assert former.body == plain.body == (STATIC / "app.js").read_bytes()
    assert server.ask("/app.js", if_none_match=plain.headers["etag"]).status == 304
    assert server.ask("/static/0123456789abcdef/nothing.js").status == 404
    assert server.ask(named[0], token="").status == 401
