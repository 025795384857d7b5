"""docs/reference.md keeps up with the code: every public name, verb, error code and option of an engine."""

from __future__ import annotations

import re

import click
import msgspec
import pytest

import podium
from podium import Options, errors
from podium.cli.main import command_line
from podium.cli.pages import pages, row
from podium.client import SETTINGS
from tests.tidy.source import ROOT, sources

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
CODES = {code for source in sources() for code in re.findall(r'"(E\d{3})"', source.text)}
NAMES = {kind.code: name for name, kind in vars(errors).items() if hasattr(kind, "code")}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.PodiumError)
    ],
)
def test_an_error_that_can_be_caught_is_exported(name: str) -> None:
    assert getattr(podium, name) is getattr(errors, name)


PAGES = pages()  # src/podium/cli/codes.toml: what `podium explain` shows


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_has_a_page_for_explain(code: str) -> None:
    assert NAMES.get(code, "") in PAGES[code].name
    assert PAGES[code].why.strip().endswith((".", ":"))


def test_no_code_is_explained_that_is_gone() -> None:
    assert set(PAGES) == CODES


def test_the_table_of_codes_is_that_of_the_pages() -> None:
    table = re.findall(r"^\| E\d{3} \|.*$", REFERENCE, re.MULTILINE)
    assert table == [row(code, page) for code, page in sorted(PAGES.items())]


CHANNEL = "PODIUM_CHANNEL_"  # and the name of a channel of alerts
SETTINGS_NAMED = {name for source in sources() for name in re.findall(r"(?<!_)PODIUM_[A-Z_]+\b", source.text)}


def test_every_variable_is_a_setting_and_in_the_reference() -> None:
    known = {setting.name for setting in SETTINGS}
    named = {name for name in SETTINGS_NAMED - {"PODIUM_"} if not name.startswith(CHANNEL)}
    assert named == known, "podium.client.settings names them all"
    assert not [name for name in (*known, CHANNEL) if f"`{name}" not in REFERENCE]


def test_every_verb_is_in_the_reference() -> None:
    verbs = command_line.list_commands(click.Context(command_line))
    assert not [verb for verb in verbs if not re.search(rf"^\| `podium {verb}[ `]", REFERENCE, re.MULTILINE)]


HEADS = re.findall(r"^\| ([^|]*`[^|]*) \|", REFERENCE, re.MULTILINE)
ROWS = {name for head in HEADS for name in re.findall(r"`(\w+)`", head)}
ERRORS = {name for name in podium.__all__ if name in NAMES.values()}


@pytest.mark.parametrize("name", podium.__all__)
def test_a_public_name_has_its_row(name: str) -> None:
    assert name in ROWS or (
        name in ERRORS and re.search(rf"^\| E\d{{3}} \| `{name}`", REFERENCE, re.MULTILINE)
    )


@pytest.mark.parametrize("option", msgspec.structs.fields(Options), ids=lambda option: option.name)
def test_an_option_stands_there_with_its_default(option: msgspec.structs.FieldInfo) -> None:
    assert f"| `{option.name}` | {option.default} |" in REFERENCE


SURFACE = (ROOT / "tests" / "typing" / "surface.py").read_text(encoding="utf-8").partition("\nclass ")[2]


@pytest.mark.parametrize("name", sorted({*podium.__all__} - ERRORS))
def test_the_type_checker_reads_a_line_of_each_public_name(name: str) -> None:
    assert re.search(rf"\b{name}\b", SURFACE)  # behind the imports
