"""What drives runs: engines, settings, and whether all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from ...client import (
    Finding,
    Option,
    ShownSetting,
    check_environment,
    examine,
    shown_options,
    shown_settings,
    shown_url,
)
from ...errors import RunNotFound
from ...inspect import EngineShape, ask_engine, check_runs, engine_shapes
from ...model import Query, State
from ..service import Service
from .steering import Nothing

_RUNNING = Query(states=frozenset({State.RUNNING}), limit=10_000)


class EngineItem(EngineShape, frozen=True, kw_only=True):
    """An engine, and how many runs it drives now."""

    owned: int


class EnginesPage(msgspec.Struct, frozen=True, kw_only=True):
    """All engines with a row, oldest first."""

    items: list[EngineItem]
    next: None = None
    version: int = 1


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine was asked to do. It does so at its next heartbeat."""

    id: str
    asked: str
    version: int = 1


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the environment, and options of an engine with their defaults."""

    settings: list[ShownSetting]
    options: list[Option]
    version: int = 1


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """What `podium doctor --quick` found."""

    store: str
    well: bool
    findings: list[Finding]
    version: int = 1


def pause(service: Service, engine: str, body: Nothing) -> Asked:
    """Have an engine take nothing new; what it has begun ends."""
    return _ask(service, engine, "pause")


def resume(service: Service, engine: str, body: Nothing) -> Asked:
    """Have a paused engine go on."""
    return _ask(service, engine, "resume")


def drain(service: Service, engine: str, body: Nothing) -> Asked:
    """Have a worker end when what it has begun has ended."""
    return _ask(service, engine, "drain")


def _ask(service: Service, engine: str, action: str) -> Asked:
    found = next((each for each in engine_shapes(service.app) if each.id == engine), None)
    if found is None:
        raise RunNotFound(f"there is no engine {engine!r}", fix="GET /api/engines  lists them")
    ask_engine(service.app, found, action)
    return Asked(id=engine, asked=action)


def engines(service: Service) -> EnginesPage:
    """Who drives runs, and how they are."""
    app = service.app
    owned = Counter(row.owner for row in app.find(_RUNNING))
    return EnginesPage(
        items=[
            EngineItem(**msgspec.structs.asdict(shape), owned=owned[shape.id]) for shape in engine_shapes(app)
        ]
    )


def config() -> Config:
    """Every setting: its value, where that comes from, its default. Never what lets somebody in."""
    return Config(settings=shown_settings(), options=shown_options())


def doctor(service: Service) -> Checkup:
    """Is the store well, who is alive, what is stuck: without reading every page."""
    found = list(_findings(service))
    return Checkup(
        store=shown_url(service.app.url), well=all(finding.is_well for finding in found), findings=found
    )


def _findings(service: Service) -> Iterator[Finding]:
    yield from check_environment()
    yield from examine(service.app.url, thorough=False)
    yield from check_runs(service.app)
