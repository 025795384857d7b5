"""The main job on the Python documentation, killed many times: `python -m tests.examples.prove --kills 10`.

Exits 0 exactly when the killed crawl reports what the undisturbed one reports, with the numbers known for
that site, and the server saw no more repeated requests than were in flight at the kills.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from examples.content_moderation import servers, sites, trial
from examples.content_moderation.orchestrator import Report

LIMIT = 8
DOCS_ADDRESSES = 529  # 526 pages, 1 broken link, 1 file that is no page, robots.txt


def undisputed(report: Report) -> None:
    """Check the numbers that anybody's crawl of python3.11-doc finds."""
    assert report.pages == 526
    assert report.ratings == {"safe": 526, "13+": 0, "18+": 0}
    assert report.flagged == ()
    assert [finding.url.partition("/whatsnew/")[2] for finding in report.broken] == ["changelog.html"]
    assert [finding.what for finding in report.skipped] == ["text/x-python"]
    assert report.unvisited == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    moments = sorted(chance.sample(range(1, DOCS_ADDRESSES - LIMIT), options.kills))
    with servers.directory(sites.python_docs()) as site, tempfile.TemporaryDirectory() as folder:
        calm = _crawl(site, Path(folder) / "calm", [])
        killed = _crawl(site, Path(folder) / "killed", [b - a for a, b in pairwise([0, *moments])])
    undisputed(calm.report)
    bound = LIMIT * killed.kills
    print(f"seed {options.seed}: {killed.kills} kills, of {DOCS_ADDRESSES} requests after {moments}")
    print(f"undisturbed: {calm.report.pages} pages, {calm.gets.total()} GETs, {calm.seconds:.1f} s")
    print(f"killed: {killed.report.pages} pages, {killed.gets.total()} GETs, {killed.seconds:.1f} s")
    print(f"repeated GETs: {killed.repeated}, at most {bound} were in flight")
    print(f"reports equal: {killed.report == calm.report}")
    held = (
        killed.kills == options.kills
        and killed.report == calm.report
        and killed.repeated <= bound
        and calm.repeated == 0
        and len(killed.gets) == len(calm.gets) == DOCS_ADDRESSES
    )
    return 0 if held else 1


def _crawl(site: servers.Site, folder: Path, kill_after: list[int]) -> trial.Trial:
    folder.mkdir()
    before = site.gets()
    job = trial.Job(site.url, folder, ("--limit", str(LIMIT)))
    return trial.run(job, lambda: site.gets() - before, kill_after)


if __name__ == "__main__":
    sys.exit(main())
