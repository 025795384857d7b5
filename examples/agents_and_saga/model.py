"""A language model, by script: it plans, works on what was planned, sums up. A file counts its calls."""

from __future__ import annotations

import os
from pathlib import Path

SUBTASKS = {
    "Which kettle do we sell?": ["What do people want?", "What do others sell?", "What can we make?"],
}
ANSWERS = {
    "What do people want?": "a quiet one",
    "What do others sell?": "loud ones",
    "What can we make?": "three this week",
}


def plan(question: str) -> list[str]:
    """The lead: which subtasks the question falls into."""
    _count(question)
    return SUBTASKS.get(question, [question])


def work(subtask: str) -> str:
    """A worker: the answer to a subtask."""
    _count(subtask)
    return ANSWERS.get(subtask, "nobody knows")


def conclude(question: str, answers: list[str]) -> str:
    """The lead again: what follows from the answers."""
    _count(question)
    return f"{question} {', '.join(answers)}"


def calls() -> int:
    """How many there have been."""
    counted = _file()
    return len(counted.read_text().splitlines()) if counted.exists() else 0


def _count(prompt: str) -> None:
    with _file().open("a") as counted:
        counted.write(f"{prompt}\n")


def _file() -> Path:
    return Path(os.environ.get("MODEL_CALLS", "model-calls.txt"))
