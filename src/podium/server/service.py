"""What the handlers share: the app that they ask, and what is known of this server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..client import App
from .access import Access


@dataclass(frozen=True)
class Service:
    """One app, served."""

    app: App
    access: Access
    version: str
    modules: tuple[str, ...] = ()  # that it was told to serve
    broken: Callable[[], Mapping[str, str]] = dict[str, str]  # those that cannot be loaded, and why
