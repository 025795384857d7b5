"""How the engine of an app presents itself, and what it does with runs that nobody here asked for."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from ..functions import Function
from ..model import EngineInfo
from ..modules import main_file
from ..options import Options, Others
from .process import Drives
from .project import project_in


def described(
    about: EngineInfo | None, drives: Drives, options: Options, functions: Mapping[str, Function], url: str
) -> EngineInfo:
    """What the engine of an app says of itself; `about` is what a command wants it to say."""
    about = about or EngineInfo(script=main_file(), slots=options.thread_slots)
    projects = {name: project_in(url, function) for name, function in list(functions.items())}
    return replace(
        about,
        drives="own" if drives == "own" else "all",
        queues=options.queues,
        projects={name: project for name, project in projects.items() if project},
    )


def fate_of_others(drives: Drives, about: EngineInfo | None) -> Others:
    """What becomes of runs that nobody here asked for. In a worker that is all of them."""
    is_worker = about is not None and about.kind == "worker"
    if about is not None and about.kind == "pool":
        return "watch"
    return "leave" if drives == "own" else "equal" if is_worker else "yield"
