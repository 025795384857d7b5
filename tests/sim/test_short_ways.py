"""A step's short ways lead where the long ones lead: a world tells the same story with them and without.

`Machine.come_to` is to do what `feed` does, `Launcher.begin_lone` what `act` does and what is looked at after
it, `Function.taken` what `bind`, `encode` and `is_read_as_given` do. Each has its own code, so something must
hold the pairs together: here all short ways are closed, and nothing may be otherwise, not even a moment.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from podium.engine.launcher import Launcher
from podium.functions import Function
from podium.machine import Machine
from podium.model import Entry
from podium.testing import Report
from tests.sim.planted import Plant
from tests.sim.short_ways import WORLDS

SEEDS = range(20)
LONE = ("chance", "far", "heard", "cached", "forks")  # runs that often ask for one step alone


# -- both ways -------------------------------------------------------------------------------------------


@contextmanager
def short_ways_closed() -> Iterator[None]:
    """Each step goes the long way."""

    def come_to(machine: Machine, _step: Any, entry: Entry) -> None:
        machine.feed(entry)

    def begin_lone(_launcher: Launcher, _held: Any) -> bool:
        return False

    def taken(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], depot: Any) -> Any:
        bound = function.bind(args, kwargs)
        data, digest = function.encode(bound, len(args), depot)
        return data, digest, bound if function.is_read_as_given(bound) else None

    with ExitStack() as stack:
        stack.enter_context(patch.object(Machine, "come_to", come_to))
        stack.enter_context(patch.object(Launcher, "begin_lone", begin_lone))
        stack.enter_context(patch.object(Function, "taken", taken))
        yield


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often each short way was gone to its end."""
    gone: Counter[str] = Counter()
    real_come_to, real_begin_lone = Machine.come_to, Launcher.begin_lone
    real_taken = Function.taken

    def come_to(machine: Machine, step: Any, entry: Entry) -> None:
        gone["come_to"] += 1
        real_come_to(machine, step, entry)

    def begin_lone(launcher: Launcher, held: Any) -> bool:
        has_begun = real_begin_lone(launcher, held)
        gone["begin_lone"] += has_begun
        return has_begun

    def taken(function: Function, *call: Any) -> Any:
        gone["taken"] += 1
        return real_taken(function, *call)

    with ExitStack() as stack:
        stack.enter_context(patch.object(Machine, "come_to", come_to))
        stack.enter_context(patch.object(Launcher, "begin_lone", begin_lone))
        stack.enter_context(patch.object(Function, "taken", taken))
        yield gone


class Story(msgspec.Struct):
    """All that happened in a world, in order and with its times, as a digest; each run's row and history, and
    what it said."""

    digest: str
    runs: dict[str, Any]


def told(kind: str, seed: int) -> tuple[Story, Report]:
    world = WORLDS[kind].world(seed)
    report = world.play()
    said = getattr(world, "said", {})
    runs = {id: (past.row, tuple(past.entries), said.get(id)) for id, past in world.monitor.pasts.items()}
    return Story(report.digest, runs), report


def difference(kind: str, seed: int, plant: Plant = nullcontext) -> str:
    """What the monitor says of this world, or which runs are others than where the short ways are closed;
    "": neither."""
    with plant():
        short, report = told(kind, seed)
    if report.violations:
        return report.violations[0]
    with short_ways_closed():
        long, _ = told(kind, seed)
    if short == long:
        return ""
    others = [id for id in {**short.runs, **long.runs} if short.runs.get(id) != long.runs.get(id)]
    return f"other runs: {others}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORLDS)
def test_a_world_is_the_same_where_the_short_ways_are_closed(kind: str) -> None:
    with counted() as gone:
        assert {seed: what for seed in SEEDS if (what := difference(kind, seed))} == {}
    assert min(gone["come_to"], gone["taken"]) > 10 or kind == "attended"  # which is told, and asks by bytes
    assert gone["begin_lone"] > 10 or kind not in LONE


# -- planted differences ---------------------------------------------------------------------------------

Parts = dict[str, ast.AST]


def parts_of(short_way: Callable[..., Any]) -> tuple[ast.Module, Parts]:
    """Its code, and all it looks at and keeps: conditions, each for itself, and assignments to fields."""
    module = ast.parse(textwrap.dedent(inspect.getsource(short_way)))
    parts: list[ast.AST] = []
    for node in ast.walk(module):
        if isinstance(node, ast.If):
            parts += node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            parts.append(node)
    return module, {ast.unparse(part): part for part in parts}


class _LeftOut(ast.NodeTransformer):
    def __init__(self, part: ast.AST) -> None:
        self._part = part

    def visit(self, node: ast.AST) -> Any:
        if node is not self._part:
            return self.generic_visit(node)
        return ast.copy_location(ast.Pass() if isinstance(node, ast.stmt) else ast.Constant(False), node)


def left_out(owner: type, name: str, part: str) -> AbstractContextManager[Any]:
    """The short way of this name with one part left out of its code."""
    real = getattr(owner, name)
    module, parts = parts_of(real)
    made: dict[str, Any] = {}
    code = ast.fix_missing_locations(_LeftOut(parts[part]).visit(module))
    exec(compile(code, f"{name} without {part}", "exec"), real.__globals__, made)
    return patch.object(owner, name, made[name])


# By what a short way looks at, or keeps: a world that notices where it is left out.
LOOKS: dict[tuple[type, str], dict[str, tuple[str, int]]] = {
    (Launcher, "begin_lone"): {
        "len(held) != 1": ("chance", 1),
        "attempts.tries": ("hopes", 0),
        "machine.is_attended": ("attended", 0),
        "machine.loop.timers": ("endless", 0),
        "outbox.is_passed_over": ("heard", 0),
        "outbox.pauses": ("pauses", 17),
        "self._suspects": ("retried", 3),
        "self._lifecycle.stopping": ("cached", 13),
        "attempts.former_keys is not None": ("former", 1),
        "type(step) is not Step": ("minds", 0),
        "step.is_effect": ("effects", 1),
        "machine.open.get(step.id) is not step": ("minds", 0),
    },
    (Machine, "come_to"): {
        "self.verbs.turn = entry.seq": ("streams", 0),
        "loop.entered = True": ("chance", 0),
        "self._fed = entry": ("called off", 0),
        "loop.now = entry.at": ("chance", 4),
        "step.is_effect": ("effects", 1),
    },
}
EACH_LOOK = [(*way, part) for way, parts in LOOKS.items() for part in parts]


@pytest.mark.parametrize("way", LOOKS, ids=lambda way: way[1])
def test_of_each_look_it_is_known_which_world_needs_it(way: tuple[type, str]) -> None:
    assert parts_of(getattr(*way))[1].keys() == LOOKS[way].keys()


@pytest.mark.parametrize(
    ("owner", "name", "part"), EACH_LOOK, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_look_that_is_left_out_is_caught(owner: type, name: str, part: str) -> None:
    kind, seed = LOOKS[owner, name][part]
    assert difference(kind, seed, lambda: left_out(owner, name, part)), "it got away"
    assert difference(kind, seed) == ""


def a_call_has_another_digest() -> AbstractContextManager[Any]:
    """`taken` digests the bytes, names and all, in another way."""
    real = Function.taken

    def taken(function: Function, args: Any, kwargs: Any, depot: Any) -> Any:
        data, digest, given = real(function, args, kwargs, depot)
        return data, digest[::-1], given

    return patch.object(Function, "taken", taken)


def a_call_loses_an_argument() -> AbstractContextManager[Any]:
    """`taken` gives the attempt other arguments than those on record."""
    real = Function.taken

    def taken(function: Function, args: Any, kwargs: Any, depot: Any) -> Any:
        data, digest, given = real(function, args, kwargs, depot)
        return data, digest, given and dict.fromkeys(given, 0)

    return patch.object(Function, "taken", taken)


# By plant: a world that notices it.
PLANTED: dict[Plant, tuple[str, int]] = {
    a_call_has_another_digest: ("cached", 0),
    a_call_loses_an_argument: ("chance", 0),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_short_way_that_leads_elsewhere_is_caught(plant: Plant) -> None:
    kind, seed = PLANTED[plant]
    assert difference(kind, seed, plant), f"{plant.__doc__} got away"
    assert difference(kind, seed) == ""
