"""The main job on real sites, each served by a real server process whose log counts our requests.

Every crawl runs in a process of its own, so that it can be killed for real.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from examples.content_moderation import demo, servers, sites, trial
from tests.examples.prove import DOCS_ADDRESSES, undisputed

LIMIT = 8

needs_docs = pytest.mark.skipif(
    not (sites.DOCS_INSTALLED.exists() or shutil.which("apt-get")),
    reason="the Python documentation comes as a Debian package",
)


def crawl(site: servers.Site, folder: Path, *options: str, kill_after: Sequence[int] = ()) -> trial.Trial:
    """Run the job; the log of the site may hold earlier crawls, whose requests are not counted."""
    before = site.gets()
    job = trial.Job(site.url, folder, ("--limit", str(LIMIT), *options))
    with (folder / "stderr.txt").open("wb") as stderr:
        return trial.run(job, lambda: site.gets() - before, kill_after, stderr=stderr)


def resumed(folder: Path) -> int:
    """How many of the job's processes said that they resumed."""
    return len(re.findall(r"\bresumed \S+: \d+ steps on record", (folder / "stderr.txt").read_text()))


@pytest.fixture(scope="module")
def httpbin() -> Iterator[servers.Site]:
    with servers.httpbin() as site:
        yield site


@pytest.fixture(scope="module")
def docs() -> Iterator[servers.Site]:
    with servers.directory(sites.python_docs()) as site:
        yield site


def test_fifty_linked_pages_are_all_safe(httpbin: servers.Site, tmp_path: Path) -> None:
    done = crawl(httpbin, tmp_path)
    assert done.report.pages == 50
    assert done.report.ratings == {"safe": 50, "13+": 0, "18+": 0}
    assert done.report.broken == done.report.skipped == ()
    assert (len(done.gets), done.repeated) == (51, 0)  # with robots.txt


def test_after_a_kill_the_same_command_resumes_and_says_so(httpbin: servers.Site, tmp_path: Path) -> None:
    done = crawl(httpbin, tmp_path, "--pause", "0.05", kill_after=[25])
    assert (done.kills, done.report.pages) == (1, 50)
    assert resumed(tmp_path) == 1
    assert done.repeated <= LIMIT


def test_the_demo_ends_well(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--store", str(tmp_path), "--pause", "0.05"]) == 0
    shown = capfd.readouterr().out
    assert "killed with SIGKILL" in shown
    assert "50 pages" in shown
    assert shown.rstrip().endswith("the numbers came out")


@needs_docs
@pytest.mark.slow
def test_the_python_documentation_has_526_safe_pages_and_one_broken_link_also_after_two_kills(
    docs: servers.Site, tmp_path: Path
) -> None:
    folders = [tmp_path / "undisturbed", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    kills = [random.randint(1, 200), random.randint(1, 200)]
    print("kills after", kills)
    calm = crawl(docs, folders[0])
    undisputed(calm.report)
    assert (len(calm.gets), calm.repeated) == (DOCS_ADDRESSES, 0)
    killed = crawl(docs, folders[1], kill_after=kills)
    assert (killed.kills, resumed(folders[1])) == (2, 2)
    assert killed.report == calm.report
    assert len(killed.gets) == DOCS_ADDRESSES
    assert killed.repeated <= LIMIT * 2


@needs_docs
@pytest.mark.slow
def test_substring_rules_flag_14_pages(docs: servers.Site, tmp_path: Path) -> None:
    report = crawl(docs, tmp_path, "--moderator", "substrings").report
    assert (report.pages, len(report.flagged)) == (526, 14)


@pytest.mark.parametrize("moderator", ["words", "substrings"])
def test_one_file_prints_the_same(httpbin: servers.Site, tmp_path: Path, moderator: str) -> None:
    report = crawl(httpbin, tmp_path, "--moderator", moderator).report
    assert without_time(one_file(httpbin.url, moderator, tmp_path)) == without_time(str(report))


def one_file(url: str, moderator: str, folder: Path) -> str:
    job = trial.Job(url, folder, (moderator,), "examples.content_moderation.one_file")
    with (folder / "stderr.txt").open("wb") as stderr:
        process = job.start(stderr)
    assert process.wait() == 0
    return job.output.read_text()


def without_time(report: str) -> str:
    return re.sub(r", [\d.]+ s$", "", report.strip(), flags=re.MULTILINE)
