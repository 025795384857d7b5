"""Figures for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from ...client import App
from ...inspect import can_act
from ...model import State
from ..http import Response
from ..service import Service

_DAY = 86_400.0
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(service: Service) -> Response:
    """How many runs stand how, what ended within a day, who drives: text for Prometheus."""
    return Response(200, "".join(_lines(service.app, service.version)).encode(), _TYPE)


def _lines(app: App, version: str) -> Iterator[str]:
    yield from _gauge("podium_build_info", "The version.", {f'version="{version}"': 1})
    counts = Counter(app.store.counts(app.env.now() - _DAY))
    of_state = {f'state="{state}"': counts[state] for state in State if not state.is_final}
    yield from _gauge("podium_runs", "Unfinished runs by state.", of_state)
    of_state = {f'state="{state}"': counts[state] for state in State if state.is_final}
    yield from _gauge("podium_runs_ended_day", "Runs that ended within 24 hours, by state.", of_state)
    engines = app.store.engines()
    alive = sum(can_act(app.is_alive, engine) for engine in engines)
    counted = {'alive="true"': alive, 'alive="false"': len(engines) - alive}
    yield from _gauge("podium_engines", "Engines with a row.", counted)


def _gauge(name: str, text: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
    yield from (f"{name}{{{labels}}} {value}\n" for labels, value in values.items())
