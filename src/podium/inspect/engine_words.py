"""Engines in the words of a cause: which process that is, and why it does not take a run."""

from __future__ import annotations

from ..model import ON_STORE, EngineRow, RunRow, read_engine_info


def script_words(engine: EngineRow) -> str:
    """Who started it, to stand after its name; "" where that is not known."""
    script = read_engine_info(engine.info).script
    return f" (started by {script})" if script else ""


def lacks(engine: EngineRow, row: RunRow) -> str:
    """Why an engine that lives does not take a run."""
    info = read_engine_info(engine.info)
    if row.function not in engine.functions:
        return f"drives {info.run} and no other run" if info.run else "has no such function"
    project = project_on(engine, row.function)
    if row.project not in ("", project):
        return f"has the one in {project or 'the project of this store'}"
    return f"drives {info.run} and no other run" if info.run else "drives what it has started"


def project_on(engine: EngineRow, function: str) -> str:
    """The project that a function's code is of, as the engine has it; "": that of the store."""
    return read_engine_info(engine.info).projects.get(function, "")


def named(engine: EngineRow) -> str:
    """An engine by its process."""
    return f"process {engine.pid} on {engine.host}{script_words(engine)}"


def unblock(blocked: str) -> str:
    """What changes that an engine's event loop is held up so."""
    if ON_STORE in blocked:
        return "it goes on when the store answers, or is given up; `asyncio.to_thread(...)` looks beside it"
    return "await in that task what it waits for, or make it a plain `def`, which has a thread of its own"
