"""The same where the system offers less than Linux: no pidfd, no shared files, no signal from a pipe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from podium import App, Options, TaskCrashed
from tests.isolation import tasks
from tests.isolation.conftest import noted
from tests.isolation.test_pool import start_a_parent
from tests.waiting import is_alive, until

WITHOUT = """
import fcntl, os
for home, name in ((os, "pidfd_open"), (os, "memfd_create"), (fcntl, "F_SETSIG")):
    if hasattr(home, name):
        delattr(home, name)
"""


@pytest.fixture(autouse=True)
def _without_what_only_linux_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here and, by a sitecustomize, in every process that is started from here."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    for name in ("pidfd_open", "memfd_create"):
        monkeypatch.delattr(os, name, raising=False)


@pytest.mark.parametrize("how", ["exit", "abort", "kill"])
def test_a_crash_is_an_outcome(app: App, how: str) -> None:
    with pytest.raises(TaskCrashed):
        tasks.crash.run(how)
    assert tasks.add.run(1, 2) == 3


def test_large_values_pass(app: App) -> None:
    data = bytes(range(256)) * 20_000
    assert tasks.carry.run(data) == data


def test_a_timeout_ends_all(app: App, folder: Path) -> None:
    assert "took longer" in tasks.hold.run(str(folder), "others")
    until(lambda: not any(map(is_alive, noted(folder))))


def test_what_closes_its_descriptors_is_no_use_any_more(store: Path) -> None:
    with App(store, options=Options(grace=0.1)), pytest.raises(TaskCrashed):
        tasks.demonize.run()


def test_what_writes_nonsense_into_its_link_is_killed(app: App) -> None:
    with pytest.raises(TaskCrashed, match="broke its process's link to Podium"):
        tasks.babble.run()


def test_when_the_parent_is_killed_nobody_is_left_who_lets_python_run(store: Path, folder: Path) -> None:
    parent = start_a_parent(store, folder, "ignores", "others for ever")
    parent.kill()
    parent.wait()
    until(lambda: not any(map(is_alive, noted(folder))))
