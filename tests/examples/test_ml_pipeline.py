"""The ML pipeline: its numbers, killed in the sweep, and no fit that was made before is made again."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from sklearn.datasets import load_digits

from tests.examples.support import program, said

NAME = "examples.ml_pipeline"
REPORT = "baseline 871/899\nbest C=10 gamma=0.001: 862/898 in the sweep, 872/899 in the test\n"


def fits(text: str) -> list[str]:
    return re.findall(r"^fit (.*)$", text, re.MULTILINE)


def test_the_numbers_and_a_second_run_fits_nothing(tmp_path: Path) -> None:
    first = said(tmp_path, NAME)
    assert first.endswith(REPORT)
    assert len(fits(first)) == len(set(fits(first))) == 80 + 2
    second = said(tmp_path, NAME)
    assert second.endswith(REPORT)
    assert fits(second) == []
    values = [file for file in (tmp_path / "podium.db-values").iterdir() if len(file.name) == 64]
    assert len(values) == 4 + 2, "two images, two labels, two models, each once"


def test_killed_in_the_sweep_it_makes_the_other_fits_alone(tmp_path: Path) -> None:
    process = program(tmp_path, NAME)
    assert process.stdout is not None
    seen = ""
    while len(fits(seen)) < 30:
        seen += process.stdout.readline()
    process.kill()
    seen += process.communicate()[0]
    rest = said(tmp_path, NAME)
    assert rest.endswith(REPORT)
    again = set(fits(seen)) & set(fits(rest))
    assert len(set(fits(seen)) | set(fits(rest))) == 82
    assert len(again) <= 4, "those alone that were told of, and not yet on record"


def some_digits(folder: Path) -> None:
    """A file of 400."""
    found = load_digits()
    with (folder / "digits.csv").open("w", newline="") as file:
        rows = zip(found.data[:400].tolist(), found.target[:400].tolist(), strict=True)
        csv.writer(file).writerows([*image, label] for image, label in rows)


def test_one_s_own_digits(tmp_path: Path) -> None:
    some_digits(tmp_path)
    told = said(tmp_path, NAME, "digits.csv")
    assert re.search(r"^baseline \d+/200\nbest ", told, re.MULTILINE)
