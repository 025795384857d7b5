"""docs/reference.md keeps up with the code: every error code and every option of an engine, as they are."""

from __future__ import annotations

import re

import msgspec
import pytest

from podium import Options, errors
from tests.tidy.source import ROOT, sources

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
CODES = {code for source in sources() for code in re.findall(r'"(E\d{3})"', source.text)}
NAMES = {kind.code: name for name, kind in vars(errors).items() if hasattr(kind, "code")}


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_explained(code: str) -> None:
    rows = re.findall(rf"^\| {code} \| (.+?) \|", REFERENCE, re.MULTILINE)
    assert len(rows) == 1
    assert NAMES.get(code, "") in rows[0]


def test_no_code_is_explained_that_is_gone() -> None:
    assert set(re.findall(r"^\| (E\d{3}) \|", REFERENCE, re.MULTILINE)) == CODES


@pytest.mark.parametrize("option", msgspec.structs.fields(Options), ids=lambda option: option.name)
def test_an_option_stands_there_with_its_default(option: msgspec.structs.FieldInfo) -> None:
    assert f"| `{option.name}` | {option.default} |" in REFERENCE
