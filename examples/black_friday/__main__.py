"""`python -m examples.black_friday [TABLE]`: what two scorers make of a feed; the same again resumes."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Sequence

from ..headlines.scorers import SCORERS
from .flow import black_friday
from .serve import TOKEN, Feed


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what they say."""
    parser = argparse.ArgumentParser(prog="python -m examples.black_friday", description=__doc__)
    parser.add_argument("table", nargs="?", help="of datasette: http://127.0.0.1:8001/feed/tweets")
    parser.add_argument("--first", choices=SCORERS, default="words")
    parser.add_argument("--second", choices=SCORERS, default="literal")
    parser.add_argument("--seconds", type=float, default=0.0, help="that scoring a page takes at least (0)")
    given = parser.parse_args(arguments)
    os.environ.setdefault("TWEETS_TOKEN", TOKEN)
    if given.table:
        print(black_friday.run(given.table, given.first, given.second, given.seconds))
        return
    with Feed(busy=1) as feed:
        threading.Thread(target=feed.serve_forever, daemon=True).start()
        print(black_friday.run(feed.table, given.first, given.second, given.seconds))
        feed.shutdown()


if __name__ == "__main__":
    main()
