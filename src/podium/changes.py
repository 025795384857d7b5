"""The registry of what Podium changes in the process that it runs in.

Each change is declared where it is made, with its reason, and made through its entry here, so that nothing is
changed that stands in no list: `docs/process.md` is that list, and a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

DECLARED = "anything of Podium is first used"
ENGINE = "an engine opens"
COMMAND = "a `podium` command runs"
CHILD = "an isolated task's own process starts"
STORE = "a store opens"
NEVER = "the process ends"


@dataclass
class Change:
    """One change. `install` makes it.

    `names` are what is changed, as Python calls it; the first one stands for all. `until`: when it ends.
    """

    names: tuple[str, ...]
    when: str
    why: str
    until: str
    install: Callable[..., Any]
    _is_installed: bool = field(default=False, init=False)

    def install_once(self) -> None:
        """For what stays: made at the first call, in this process and what is forked from it."""
        if not self._is_installed:
            self._is_installed = True
            self.install()


_changes: list[Change] = []


def declare(
    *names: str,
    when: str,
    why: str,
    until: str,
    install: Callable[..., Any],
) -> Change:
    """Enter a change; making it is the caller's affair."""
    change = Change(names, when, why, until, install)
    _changes.append(change)
    return change


def declare_patch(
    *targets: tuple[str, object, str, Callable[[Any], Any]], when: str, why: str, until: str = NEVER
) -> Change:
    """Enter a change of attributes: (name, owner, attribute, what makes the new value of the old one)."""

    def install() -> None:
        for _, owner, attribute, make in targets:
            setattr(owner, attribute, make(getattr(owner, attribute)))

    names = (name for name, *_ in targets)
    return declare(*names, when=when, why=why, until=until, install=install)


def changes() -> list[Change]:
    """All that are declared by the modules imported so far."""
    return list(_changes)


def at_fork(
    what: str,
    *,
    when: str,
    why: str,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Enter what is done around a fork, and have it done from now on."""
    wanted = {"before": before, "after_in_parent": in_parent, "after_in_child": in_child}
    given = {moment: act for moment, act in wanted.items() if act is not None}

    def install() -> None:
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(**given)

    name = f"os.register_at_fork ({what})"
    declare(name, when=when, why=why, until=NEVER, install=install).install_once()
