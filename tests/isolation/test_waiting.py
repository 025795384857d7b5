"""Tasks in processes of their own that wait for runs whose tasks need such processes, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium import App, Options
from tests.isolation import tasks


@pytest.mark.parametrize(("deep", "wide", "result"), [(False, 5, 10), (True, 2, 6)])
def test_a_process_that_waits_for_a_run_lends_its_slot(
    tmp_path: Path, deep: bool, wide: int, result: int
) -> None:
    """Neither slots nor places in memory are enough for all that wait."""
    options = Options(poll=0.05, grace=2, process_slots=1, runs_max=1)
    with App(tmp_path / "podium.db", options=options):
        assert tasks.each_waits.start(deep, wide).result(60) == result


def test_and_is_not_told_that_nothing_drives_what_its_engine_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with App(tmp_path / "podium.db", drives="own"):
        assert tasks.each_waits.start(False, 1).result(60) == 0
    assert "nothing drives it" not in capfd.readouterr().err
