"""The exit codes of the command line are those that the reference lists, and no others."""

from __future__ import annotations

import re

from podium.cli.exit_codes import ExitCode
from tests.tidy.source import ROOT


def test_the_reference_has_a_line_for_each_exit_code_and_no_other() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| exit code \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    listed = [int(code) for line in table.splitlines() for code in re.findall(r"\d+", line.split("|")[1])]
    assert listed == sorted(ExitCode)


def test_no_command_ends_with_a_number_of_its_own() -> None:
    for file in (ROOT / "src" / "podium" / "cli").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        found = re.findall(r"^.*(?:sys\.exit|os\._exit|SystemExit)\(\d+\).*$", text, re.MULTILINE)
        assert not found, f"{file.name}: {found}: take it from ExitCode"
