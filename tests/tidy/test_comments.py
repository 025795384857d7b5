"""Whoever silences a checker says why: on the same line, or in the comment right above."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.tidy.source import sources

# The directive with its codes; what is left of the comment must be words.
DIRECTIVE = re.compile(
    r"#\s*(type:\s*ignore|pyright:\s*(ignore|basic|strict)|noqa|ruff:\s*noqa|pragma:\s*no cover)"
    r"(\[[\w\s,-]*\]|:\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*)?"
)
WORDS = re.compile(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}")


def unexplained(text: str) -> Iterator[int]:
    """Numbers of the lines that silence a checker without a reason."""
    comments = {
        token.start[0]: (token.string, token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    for number, (comment, _) in comments.items():
        if not DIRECTIVE.search(comment):
            continue
        above = number - 1  # lines that belong together may share the comment above the first of them
        while above in comments and DIRECTIVE.search(comments[above][0]) and not comments[above][1]:
            above -= 1
        reason, alone = comments.get(above, ("", False))
        if not WORDS.search(DIRECTIVE.sub("", comment)) and not (alone and WORDS.search(reason)):
            yield number


def test_a_silenced_checker_has_a_reason() -> None:
    silent = [
        f"{source.path}:{number}: {source.lines[number - 1].strip()}"
        for folder in ("src", "tests", "examples", "bench", "tools")
        for source in sources(folder)
        for number in unexplained(source.text)
    ]
    assert not silent, "say why, after the directive or in a comment line above"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = 1  # type: ignore[misc]\n", [1]),
        ("x = 1  # noqa: E501\n", [1]),
        ("x = 1  # noqa: E501  # pyright: ignore[foo]\n", [1]),
        ("x = 1  # type: ignore[misc]  # the stubs lack it\n", []),
        (
            "# Private, but the same.\nx = 1  # pyright: ignore[a]\ny = 1  # pyright: ignore[a]\n",
            [],
        ),
        ("y = 0\nx = 1  # pyright: ignore[foo]\n", [2]),
        ("x = '# noqa'\n", []),
    ],
)
def test_the_check_itself(text: str, lines: list[int]) -> None:
    assert list(unexplained(text)) == lines
