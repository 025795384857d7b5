"""The command line: `python -m examples.content_moderation URL`. The same command again resumes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Sequence

from .moderator import NAMES, MissingExtra, named
from .orchestrator import moderate_site


def main(arguments: Sequence[str] | None = None) -> int:
    """Crawl, rate, print the report. Returns 0 when every page is safe, 1 when one is, 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="content_moderation", description="Crawl a web site and rate every page: safe, 13+ or 18+."
    )
    parser.add_argument("url", help="where the crawl starts; it stays on that host")
    parser.add_argument("--moderator", choices=NAMES, default="words", help="default: %(default)s")
    parser.add_argument("--limit", type=int, default=8, help="requests at once (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds each of them rests after one")
    parser.add_argument("--pages", type=int, default=5_000, help="addresses at most (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--log", metavar="FILE", help="append a line per request to FILE")
    options = parser.parse_args(arguments)
    if options.log:
        logging.basicConfig(filename=options.log, level=logging.INFO, format="%(message)s")
    try:
        named(options.moderator)  # before anything is fetched
    except MissingExtra as error:
        parser.error(str(error))
    try:
        report = moderate_site.run(
            options.url, options.moderator, options.limit, options.pause, options.pages
        )
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(json.dumps(dataclasses.asdict(report), indent=2) if options.json else report)
    return 1 if report.flagged else 0
