"""HTML as values: `tag("p", text, class_="dim")`. Text is text, whatever a user has written into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Kid: TypeAlias = "Markup | str | int | float | Iterable[Kid] | None"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *kids: Kid, **attributes: str | int | float | bool | None) -> Markup:
    """An element. An attribute that is None or False is left out; `class_` and `view_box` are class and
    viewBox, any other underscore is a hyphen."""
    said: list[str] = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = "viewBox" if key == "view_box" else key.rstrip("_").replace("_", "-")
        said.append(f" {key}" if value is True else f' {key}="{str(value).translate(_ESCAPES)}"')
    if name in ("meta", "br"):
        return Markup(f"<{name}{''.join(said)}>")
    return Markup(f"<{name}{''.join(said)}>{join(kids)}</{name}>")


def join(kids: Iterable[Kid]) -> Markup:
    """Pieces one after the other; None is nothing."""
    return Markup("".join(_text(kid) for kid in kids))


def _text(kid: Kid) -> str:
    if kid is None:
        return ""
    if isinstance(kid, Markup):
        return kid
    if isinstance(kid, str | int | float):
        return str(kid).translate(_ESCAPES)
    return join(kid)
