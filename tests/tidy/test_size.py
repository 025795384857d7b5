"""A file fits in a sitting, a function on a screen. Lists of exceptions are ratchets: they shrink."""

from __future__ import annotations

from tests.tidy.source import functions, sources

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

LONGER_FILES: dict[str, int] = {}  # path -> lines it may have today
LONGER_FUNCTIONS: dict[str, int] = {}  # path:name -> lines it may have today


def test_a_file_fits_in_a_sitting() -> None:
    long = [
        source.path
        for source in sources()
        if len(source.lines) > LONGER_FILES.get(source.path, FILE_LINES_MAX)
    ]
    assert not long, "split it along a seam that has a name"


def test_a_function_fits_on_a_screen() -> None:
    long = [
        f"{source.at(function)}: {name} has {length} lines: keep the ifs, move plain work into a named leaf"
        for source in sources()
        for name, function in functions(source.tree)
        if (length := (function.end_lineno or function.lineno) - function.lineno + 1)
        > LONGER_FUNCTIONS.get(f"{source.path}:{name}", FUNCTION_LINES_MAX)
    ]
    assert not long
