"""The campaign on a real server of moto: restarted while it waits for a person, killed while it undoes."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.agents_and_saga.trial import trial


def test_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "MODEL_CALLS"):
        monkeypatch.setenv(name, "")  # which the trial sets, and nobody else is to see
    found = trial(tmp_path)
    assert found.pop("summary") == "Which kettle do we sell? a quiet one, loud ones, three this week"
    assert found == {
        "done": 3, "undone": 2, "left": 0, "receipts": 3, "messages": 3,
        "model calls": 5, "in replays": 0, "killed while undoing": True,
    }  # fmt: skip
