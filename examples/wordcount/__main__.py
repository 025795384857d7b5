"""`python -m examples.wordcount [FOLDER] [--on dask]`: counts words; the same again resumes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .flow import COUNT, wordcount

DOCS = Path(__file__).parents[2] / "docs"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m examples.wordcount", description=__doc__)
    parser.add_argument("folder", nargs="?", default=str(DOCS), help="of pages; Podium's own documentation")
    parser.add_argument("--on", choices=COUNT, default="threads", help="where pages are counted (threads)")
    given = parser.parse_args(arguments)
    print(wordcount.run(given.folder, given.on))


if __name__ == "__main__":
    main()
