"""`make demo`: crawl and rate a real site, die in the middle, go on, and account for every request."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import servers, trial
from .moderator import NAMES

PAGES = 50
KILL_AFTER = PAGES // 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns 0 when the numbers came out, 1 when not, 130 when interrupted."""
    options = _options(arguments)
    try:
        with _site(options) as site, _folder(options.store) as folder:
            return 0 if _play(options, site, folder) else 1
    except RuntimeError as error:  # no server, no site, or a job that ended without a report
        _say(f"the demo failed: {error}")
        return 1
    except KeyboardInterrupt:
        _say("interrupted; the servers are down")
        return 130


def _play(options: argparse.Namespace, site: servers.Site, folder: Path) -> bool:
    """The story: crawl, kill, resume, report. Returns whether the numbers came out."""
    given = ("--moderator", options.moderator, "--limit", str(options.limit), "--pause", str(options.pause))
    if options.url:  # nobody counts for us there, so the job keeps a log of its own
        job = trial.Job(site.url, folder, (*given, "--log", str(site.log)))
    else:
        job = trial.WatchedJob(site.url, folder, given)
    _say(f"crawling {site.url}, at most {options.limit} requests at once")
    done = trial.run(
        job,
        site.gets,
        () if options.no_kill else (options.kill_after,),
        on_kill=lambda gets: _say(f"killed with SIGKILL after {gets} requests; the same command again:"),
    )
    bound = options.limit * done.kills  # a request that was answered but not yet recorded is made again
    print(f"\n{done.report}\n")
    addresses, gets = len(done.gets), done.gets.total()
    print(
        f"  {addresses} addresses asked for ({'own' if options.url else 'server'} log, robots.txt included)"
    )
    print(f"  {gets} GETs: {gets - addresses} repeated, {bound} allowed, {options.limit} in flight per kill")
    print(f"  {done.kills} kill{'s' * (done.kills != 1)}, {done.seconds:.1f} s with all starts")
    came_out = done.kills == (not options.no_kill) and gets - addresses <= bound and done.report.pages > 0
    if not (options.url or options.site):
        came_out = came_out and done.report.ratings == {"safe": PAGES, "13+": 0, "18+": 0}
    _say("the numbers came out" if came_out else "THE NUMBERS DID NOT COME OUT")
    return came_out


@contextmanager
def _site(options: argparse.Namespace) -> Generator[servers.Site]:
    """The site that the options name, served for as long as the demo runs."""
    with ExitStack() as stack:
        if options.url:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-demo-"))
            yield servers.Site(options.url, Path(folder) / "requests.log")
        elif options.site:
            yield stack.enter_context(servers.directory(options.site))
        else:
            yield stack.enter_context(servers.httpbin(PAGES))


@contextmanager
def _folder(store: Path | None) -> Generator[Path]:
    if store:
        yield store.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="podium-demo-") as folder:
            yield Path(folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--url", help=f"crawl this site (default: {PAGES} pages of httpbin, served here)")
    source.add_argument("--site", type=Path, metavar="DIR", help="serve this folder of HTML and crawl it")
    parser.add_argument("--moderator", choices=NAMES, default="words", help="default: %(default)s")
    parser.add_argument("--limit", type=int, default=4, help="requests at once (default: %(default)s)")
    parser.add_argument(
        "--pause", type=float, default=0.15, help="seconds between them (default: %(default)s)"
    )
    parser.add_argument("--no-kill", action="store_true", help="let it run through")
    parser.add_argument(
        "--kill-after", type=int, default=KILL_AFTER, metavar="N", help="requests (default: %(default)s)"
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="keep the store in DIR (default: thrown away)"
    )
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(f"-- {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
