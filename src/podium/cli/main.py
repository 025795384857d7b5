"""`podium VERB ...`: the verbs, and how each way to end becomes words and an exit code."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

import click

import podium

from ..errors import (
    IdConflict,
    PodiumError,
    ResourceShortage,
    RunNotFound,
    StoreError,
    StoreRefused,
    UsageError,
    WrongState,
)
from . import terminal
from .exit_codes import (
    CONFIGURATION,
    FAILED,
    FINE,
    INTERRUPTED,
    NOT_ALLOWED,
    NOT_FOUND,
    UNREACHABLE,
    USAGE,
)
from .terminal import tell

# The first that fits.
_CODES: tuple[tuple[type[PodiumError], int], ...] = (
    (RunNotFound, NOT_FOUND),
    (WrongState, NOT_ALLOWED),
    (IdConflict, NOT_ALLOWED),
    (UsageError, USAGE),
    (StoreRefused, CONFIGURATION),
    (StoreError, UNREACHABLE),
    (ResourceShortage, UNREACHABLE),
)


class Verb(NamedTuple):
    module: str
    help: str


# Module names are relative to podium; each has a `command`.
_VERBS = {
    "up": Verb("cli.up", "Worker, API and dashboard in one process; prints a link."),
    "run": Verb("cli.run", "Run a workflow and follow it; again after a crash to go on."),
    "worker": Verb("cli.worker", "Drive the runs of these modules until told to stop."),
    "workers": Verb("cli.workers", "Which processes drive runs, how they are; pause, drain."),
    "runs": Verb("cli.runs", "List runs, newest first; a query narrows them down."),
    "show": Verb("cli.show", "One run: its steps, its last error, what to do next."),
    "why": Verb("cli.why", "Why a run stands where it stands, what would move it."),
    "logs": Verb("cli.logs", "What a run's tasks printed and logged; -f follows."),
    "export": Verb("cli.export", "A run as one HTML file, which opens anywhere."),
    "watch": Verb("cli.watch", "Follow a run that another process drives."),
    "check": Verb("cli.check", "Would runs go on with the code as it is now? A dry replay."),
    "schedules": Verb("cli.schedules", "What starts by itself, and when; pause, fire, backfill."),
    "queues": Verb("cli.queues", "How full each queue is; set its limits, pause; -f follows."),
    "series": Verb("cli.series", "What tasks and bodies have measured, over time."),
    "resume": Verb("cli.resume", "Go on with a parked or left-behind run, here."),
    "retry": Verb("cli.retry", "A new run that goes on at the step at which one failed."),
    "fork": Verb("cli.fork", "A copy of a run that goes its own way from a step on."),
    "cancel": Verb("cli.cancel", "Ask a run to stop; its body may clean up."),
    "waiting": Verb("cli.waiting", "What runs ask of people, and nobody has answered yet."),
    "answer": Verb("cli.answer", "Answer what a run asks."),
    "send": Verb("cli.send", "Send a run a signal, which its body receives."),
    "complete": Verb("cli.complete", "Complete a callback: another system's answer to a run."),
    "settle": Verb("cli.settle", "Say what became of a step that only a person can know of."),
    "pause": Verb("cli.pause", "Have a run wait until it is resumed; what has begun ends before."),
    "stream": Verb("cli.stream", "What a run emits and publishes, as it comes."),
    "terminate": Verb("cli.terminate", "End a run that nobody drives, without running its body."),
    "rename": Verb("cli.rename", "Move unfinished runs to the name that their function has now."),
    "prune": Verb("cli.prune", "Delete runs that have ended, by age, state or number."),
    "backup": Verb("cli.backup", "Copy the store, while it is in use, to a file."),
    "move": Verb("cli.move", "Move everything in a store to another one, a server say."),
    "doctor": Verb("cli.doctor", "Is the store well, who is alive, what is stuck."),
    "config": Verb("cli.config", "Every setting: its value, where that is from, its default."),
    "explain": Verb("cli.explain", "What an error code means and what to do, by example."),
    "completion": Verb("cli.completion", "Complete verbs and ids in bash, zsh or fish."),
}


class VerbGroup(click.Group):
    """Knows the verbs by name and loads one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = _VERBS.get(cmd_name)
        return import_module(f"podium.{verb.module}").command if verb else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in _VERBS:
            near = difflib.get_close_matches(name, _VERBS, 1)
            hint = f"podium {near[0]}" if near else "podium --help  lists the verbs"
            raise UsageError(f"there is no verb {name!r}", fix=f"nearest: {hint}" if near else hint)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> Any:
        """Without loading every verb for its help."""
        item = import_module("click.shell_completion").CompletionItem
        found = [item(name, help=verb.help) for name, verb in _VERBS.items() if name.startswith(incomplete)]
        return found or super(click.Group, self).shell_complete(ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.help) for name, verb in _VERBS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        terminal.say(f"podium {podium.__version__}")
        ctx.exit()


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A RUN is an id, or a unique beginning or end of one, or @last, or @failed.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show it."
)
def command_line() -> None:
    """Durable orchestration for plain Python functions."""


def main(args: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    terminal.prepare()
    code = _run(args)
    terminal.flush()
    sys.exit(code)


def _run(args: list[str] | None) -> int:
    try:
        _require_text(sys.argv[1:] if args is None else args)
        return command_line.main(args, prog_name="podium", standalone_mode=False) or FINE
    except click.Abort:
        tell("interrupted")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        terminal.say(error.ctx.get_help() if error.ctx else "")
        return USAGE
    except click.NoSuchOption as error:
        terminal.error(UsageError.code, f"there is no option {error.option_name}", *_no_option(error))
        return USAGE
    except click.UsageError as error:
        where = f"  {error.ctx.command_path} --help  shows how" if error.ctx else ""
        terminal.error(UsageError.code, error.format_message(), where)
        return USAGE
    except click.ClickException as error:
        terminal.error(UsageError.code, error.format_message())
        return USAGE
    except PodiumError as error:
        terminal.error(error.code, error.message, *getattr(error, "details", ()), error.fix)
        _trace()
        return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
    except Exception as error:
        if isinstance(error, OSError) and _is_of_help(error):
            terminal.give_up(sys.stdout, error)
        # Ours: say so in a line, the rest on request.
        terminal.error("E900", f"{type(error).__name__}: {error}", "this is Podium's fault: please report it")
        _trace(hint=True)
        return FAILED


def _require_text(words: list[str]) -> None:
    """Bytes that are none would be refused by the store, by msgspec, by whoever prints them."""
    for number, word in enumerate(words, 1):
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = ascii(word if len(word) <= 100 else f"{word[:100]}…")
            raise UsageError(
                f"word {number} of the command, {shown}, holds bytes that are no text",
                fix=f"write it in {sys.getfilesystemencoding()}; a file with such a name needs another one",
            ) from None


def _is_of_help(error: OSError) -> bool:
    """Whether Click, which prints help by itself, could not."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "click.utils"


def _no_option(error: click.NoSuchOption) -> Iterator[str]:
    verb = error.ctx.command_path if error.ctx else "podium"
    near = sorted(error.possibilities or ())
    yield f"nearest: {near[0]}" if near else f"{verb} --help  lists them"
    yield f"an id that begins with - goes after --:  {verb} -- ID"


def _trace(hint: bool = False) -> None:
    if os.environ.get("PODIUM_TRACE") == "1":
        tell(terminal.safe_lines(traceback.format_exc()).rstrip())
    elif hint:
        tell("  PODIUM_TRACE=1  shows where")
