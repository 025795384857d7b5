"""`python -m examples.ml_pipeline [FILE.csv]`: sweep and test; again, it takes all fits from the record."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .flow import sweep


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what the sweep came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="images as rows of numbers, the label last")
    given = parser.parse_args(arguments)
    print(sweep.run(given.file))


if __name__ == "__main__":
    main()
