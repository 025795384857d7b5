"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...client import App
from ...inspect import can_act, parse, tallied
from ...model import State
from ..http import Answer
from ..service import Service

_MOST = 10_000  # runs that are counted
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(service: Service) -> Answer:
    """How many runs stand how, what ended within a day, who drives: text for Prometheus.

    Runs are counted up to 10,000 of a kind.
    """
    return Answer(200, "".join(_lines(service.app, service.version)).encode(), _TYPE)


def _lines(app: App, version: str) -> Iterator[str]:
    now = app.env.now()
    yield from _gauge("podium_build_info", "The version.", {f'version="{version}"': 1})
    standing = tallied(app, parse(["status:open"], now), _MOST).states
    of_state = {f'state="{state}"': standing[state] for state in State if not state.is_final}
    yield from _gauge("podium_runs", "Unfinished runs by state.", of_state)
    ended = tallied(app, parse(["ended:1d"], now), _MOST).states
    of_state = {f'state="{state}"': ended[state] for state in State if state.is_final}
    yield from _gauge("podium_runs_ended_day", "Runs that ended within 24 hours, by state.", of_state)
    engines = app.store.engines()
    alive = sum(can_act(app.is_alive, engine) for engine in engines)
    counted = {'alive="true"': alive, 'alive="false"': len(engines) - alive}
    yield from _gauge("podium_engines", "Engines with a row.", counted)


def _gauge(name: str, text: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
    yield from (f"{name}{{{labels}}} {value}\n" for labels, value in values.items())
