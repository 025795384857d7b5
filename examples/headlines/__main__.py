"""`python -m examples.headlines [FOLDER]`: a report on files of headlines; the same again resumes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .flow import headlines
from .scorers import SCORERS


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m examples.headlines", description=__doc__)
    parser.add_argument("folder", nargs="?", help="text files with a year in their names, a headline a line")
    parser.add_argument("--scorer", choices=SCORERS, default="words")
    parser.add_argument("--seconds", type=float, default=0.0, help="that scoring a year takes at least (0)")
    parser.add_argument("--recorded", help='a folder of lines "headline : score", to compare with')
    given = parser.parse_args(arguments)
    print(headlines.run(given.folder, given.scorer, given.seconds, given.recorded))


if __name__ == "__main__":
    main()
