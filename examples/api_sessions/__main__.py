"""`python -m examples.api_sessions [URL]`: fifty accounts at work, on httpbin; the same again resumes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..content_moderation.servers import httpbin
from .flow import visit


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m examples.api_sessions", description=__doc__)
    parser.add_argument("url", nargs="?", help="of a httpbin; without it one is started")
    parser.add_argument("--accounts", type=int, default=50, help="how many (50)")
    parser.add_argument("--seconds", type=float, default=0.2, help="that a call takes there (0.2)")
    parser.add_argument("--shared", action="store_true", help="one session for all: see the mix-up")
    given = parser.parse_args(arguments)
    accounts = [f"account-{n}" for n in range(given.accounts)]
    if given.url:
        print(visit.run(given.url.rstrip("/"), accounts, given.seconds, given.shared))
        return
    with httpbin() as site:
        api = site.url.partition("/links")[0]
        print(visit.run(api, accounts, given.seconds, given.shared))


if __name__ == "__main__":
    main()
