"""How a process that may become a server is looked at, until it is one; which app is the current one."""

from __future__ import annotations

import signal
import threading
import traceback
from pathlib import Path

import pytest

from podium import App
from podium.client import default_app


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each look at whether this process is a server; it is none."""
    seen: list[str] = []

    me = threading.get_ident()

    def look() -> bool:
        if threading.get_ident() == me:  # the process's own watch, if there is one, looks as well
            seen.append("is it a server?")
        return False

    monkeypatch.setattr(default_app, "is_server", look)
    monkeypatch.setattr(default_app, "SETTLE_SECONDS", 0.0)
    return seen


def watch() -> None:
    default_app._AutoOpen()._open_when_settled(looks=3)


def test_a_script_is_looked_at_as_often_as_it_may_become_a_server(
    looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_app.apps, "are_live", lambda: False)
    watch()
    assert len(looks) == 3 + 1  # the last one decides


def test_a_script_whose_app_is_open_is_not_looked_at_meanwhile(looks: list[str], tmp_path: Path) -> None:
    """A look passes all tasks of its event loop."""
    with App(tmp_path / "podium.db") as app:
        app.session.listen()
        watch()
    assert len(looks) == 1


def test_an_app_is_left_for_the_one_around_it_though_ctrl_c_comes_before_it_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave, interrupts = default_app.apps.leave, [True]

    def interrupted(app: App) -> None:
        if interrupts:
            interrupts.pop()
            signal.raise_signal(signal.SIGINT)
        leave(app)

    with App(tmp_path / "podium.db", drives="nothing") as around:
        inner = App(tmp_path / "inner.db", drives="nothing")
        with pytest.raises(KeyboardInterrupt) as caught, inner:
            monkeypatch.setattr(default_app.apps, "leave", interrupted)
        assert default_app.current_app() is around
        inner.close()
    assert [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)] == [__file__]
