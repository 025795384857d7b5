"""`podium explain CODE`: what an error code means, offline."""

from __future__ import annotations

import difflib
import textwrap
from typing import Any

import click

from ..errors import RunNotFound, UsageError
from . import options
from .exit_codes import FINE
from .json_answer import say_json
from .pages import Page, pages
from .terminal import say


class UnknownCode(RunNotFound):
    """There is no such code."""

    code = "E100"


PAGES = pages()


def _complete(_: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [code for code in PAGES if code.startswith(incomplete.upper())]


@click.command(context_settings=options.HELP)
@click.argument("code", required=False, shell_complete=_complete)
@options.as_json
@options.quiet("The codes only.")
def command(code: str | None, as_json: bool, quiet: bool) -> int:
    """What an error code means and what to do, with an example. Without CODE: all of them."""
    wanted = list(PAGES) if code is None else [_known(code)]
    if as_json:
        say_json(codes=[_json(known) for known in wanted])
    elif quiet:
        for known in wanted:
            say(known)
    elif code is None:
        for known, page in PAGES.items():
            say(f"{click.style(known, bold=True)}  {_plain(page.name)}")
    else:
        _show(wanted[0], PAGES[wanted[0]])
    return FINE


def _known(code: str) -> str:
    wanted = code.upper()
    wanted = f"E{wanted}" if wanted.isdecimal() else wanted
    if wanted in PAGES:
        return wanted
    if not wanted.startswith("E") or not wanted[1:].isdecimal():
        named = {_plain(page.name).lower(): known for known, page in PAGES.items()}
        near = difflib.get_close_matches(code.lower(), named, 1, cutoff=0.8)
        if near:
            return named[near[0]]
        raise UsageError(f"{code!r} is no code", fix="such as E204; podium explain  lists them")
    number = int(wanted[1:5])
    near_code = min(PAGES, key=lambda known: abs(int(known[1:]) - number))
    raise UnknownCode(
        f"there is no code {wanted}", fix=f"nearest: {near_code} ({_plain(PAGES[near_code].name)})"
    )


def _show(code: str, page: Page) -> None:
    acts = f"  who can act: {page.who}" if page.who else ""
    say(f"{click.style(code, bold=True)}  {_plain(page.name)}{acts}")
    say("")
    say(textwrap.fill(_plain(page.why), 78, initial_indent="  ", subsequent_indent="  "))
    say("")
    what = textwrap.fill(f"What to do: {_plain(page.do)}", 78, initial_indent="  ", subsequent_indent="  ")
    say(what.replace("What to do", click.style("What to do", bold=True)))
    if page.example:
        say(f"\n{textwrap.indent(page.example.rstrip(), '    ')}")


def _plain(text: str) -> str:
    return text.replace("`", "")


def _json(code: str) -> dict[str, Any]:
    page = PAGES[code]
    return {"code": code, "name": _plain(page.name), "who": page.who or None, "do": _plain(page.do),
            "why": page.why.replace("\n", " "), "example": page.example.rstrip()}  # fmt: skip
