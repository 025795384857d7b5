"""What an app was opened with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, ValuesView
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..engine import Observer
from ..env import Env
from ..errors import UsageError
from ..executors import BUILT_IN, ExecutorFactory
from ..functions import Function
from ..model import EngineInfo
from ..opening import PATIENCE
from ..options import Options
from .endpoints import configured_executors
from .process import Drives

if TYPE_CHECKING:
    from .channels import Notice


class Functions(Mapping[str, Function]):
    """What an app drives: its open blocks, and what is declared. Each start looks here: so no ChainMap."""

    def __init__(self, blocks: Mapping[str, Function], declared: Mapping[str, Function]) -> None:
        self._blocks, self._declared = blocks, declared

    def __getitem__(self, name: str) -> Function:
        block = self._blocks.get(name)
        return self._declared[name] if block is None else block

    def __contains__(self, name: object) -> bool:
        return name in self._declared or name in self._blocks

    def _all(self) -> dict[str, Function]:
        return {**self._declared, **self._blocks}

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def values(self) -> ValuesView[Function]:  # as they are listed at each look for runs: in one go
        return self._all().values()


@dataclass(slots=True)
class Profile:
    """Read by all parts of one app. Commands change `starter`, `patience` and `about` before first use."""

    url: str
    is_found: bool  # by looking for a store, so that a new one is worth a line
    env: Env
    options: Options
    functions: Mapping[str, Function]  # what it may drive
    starter: str  # the script that may attach to what it left behind
    tell: Callable[[str], None]  # a person what is worth knowing
    drives: Drives
    about: EngineInfo | None  # what the engine says of itself
    executors: Mapping[str, ExecutorFactory] = field(default_factory=dict[str, ExecutorFactory])
    blocks: dict[str, Function] = field(default_factory=dict[str, Function])  # of open executors
    patience: float = PATIENCE  # s; how long opening, and a commit without an engine, waits for the store
    # Of a test, each with its channel: they are sent to nobody.
    kept_notices: list[tuple[str, Notice]] | None = None
    observers: list[Observer] = field(default_factory=list[Observer])  # of the engine's events

    @property
    def has_engine(self) -> bool:
        """Whether it drives runs at all."""
        return self.drives != "nothing"


def checked_executors(executors: Mapping[str, ExecutorFactory]) -> Mapping[str, ExecutorFactory]:
    """What `App(executors=...)` says, and the environment. Raises UsageError where it cannot be."""
    for name, factory in executors.items():
        if name in BUILT_IN:
            raise UsageError(f"App(executors=...): {name!r} is one of Podium's own", fix="another name")
        if not callable(factory):
            raise UsageError(
                f"App(executors={{{name!r}: {factory!r}}}): a function (env, reactor, ended) is needed"
            )
    return {**configured_executors(), **executors}
