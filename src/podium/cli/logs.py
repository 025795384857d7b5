"""`podium logs RUN`: what its tasks printed and logged, with the step and the try that said it."""

from __future__ import annotations

import datetime
import logging
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import click
import msgspec

from ..env import RealEnv
from ..errors import UsageError
from ..inspect import RecordView, StepName, line_shape, read_span
from ..model import STDERR, STDOUT, LogLine, RunRow, State
from . import formatting, options
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import looking, pick
from .terminal import safe_lines, say, tell

FOLLOW_SECONDS = 0.2  # how often a follower looks
_PAGE = 1000
_STEP_MAX = 32
_LEVEL_DIGITS = 9
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_PRINTED = {STDOUT: "stdout", STDERR: "stderr"}
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # meant for the terminal that the task had

_env = RealEnv()


@click.command(context_settings=options.HELP)
@options.run_id
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the run ends or is parked.")
@click.option(
    "--step", metavar="S", help="Only of this step: /fetch#2; or of a function: fetch, view:fetch, fetch#2."
)
@click.option(
    "--level", metavar="W", help="Only records of this level or above, and no prints: info, warning …"
)
@click.option("--grep", metavar="R", help="Only lines in which this regular expression is found.")
@click.option("--since", metavar="AGE", help="Only what was said within 30s, 5m, 2h, 1d.")
@click.option(
    "-n", "newest", type=click.IntRange(0, options.COUNT_MAX), metavar="N",
    help="Only the last N of these lines.",
)  # fmt: skip
@options.store
@options.as_json
@options.quiet("What was said, and nothing around it.")
def command(
    run: str,
    follow: bool,
    step: str | None,
    level: str | None,
    grep: str | None,
    since: str | None,
    newest: int | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """What a run's tasks printed and logged.

    Prints have no level; their column says out or err. --json gives JSON lines: an object for each line that
    was said, on a line of its own, and nothing where nothing was said.
    """
    wanted = LineFilter(
        None if step is None else StepName(step), _level(level), _pattern(grep), _since(since)
    )
    with looking(store) as view:
        row = pick(view, run)
        screen = Json(row) if as_json else Bare() if quiet else Table()
        reader = Reader(view, row, wanted, newest)
        lines = reader.lines()
        shown = screen.show(lines if newest is None else deque(lines, maxlen=newest))
        if follow:
            _follow(view, row.id, reader, screen)
        elif not shown:
            tell("no line matches" if row.logs and newest != 0 else "nothing is on record")
        if not (follow or as_json or quiet):
            _tell_failure(row)
    return FINE


def _tell_failure(row: RunRow) -> None:
    """What the lines led to: the failure, and what the step was called with."""
    if row.state is not State.FAILED:
        return
    called = formatting.failed_call(row.payload)
    what = f"{formatting.state(row.state)}: {formatting.failure(row.payload)}"
    tell(f"{what}  {formatting.dim(f'in {called}')}" if called else what)


def _follow(view: RecordView, run: str, reader: Reader, screen: Screen) -> None:
    while True:
        row = view.load(run)  # before its lines, so that the last ones are not missed
        screen.show(reader.lines())
        if row.state.is_settled:
            if row.state is State.FAILED:
                _tell_failure(row)
            else:
                tell(formatting.state(row.state))
            return
        view.store.wait(FOLLOW_SECONDS)


# -- what is asked for ----------------------------------------------------------------------------------


class LineFilter(NamedTuple):
    """Which lines are shown. None narrows nothing."""

    step: StepName | None
    level: int | None
    pattern: re.Pattern[str] | None
    since: float | None

    def has(self, line: LogLine) -> bool:
        """Whether this is one of them."""
        return (
            (self.since is None or line.at >= self.since)
            and (self.level is None or line.level >= self.level)
            and (self.step is None or self.step.means(line.step))
            and (self.pattern is None or self.pattern.search(line.text) is not None)
        )


def _level(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdecimal() and len(text) <= _LEVEL_DIGITS:
        return int(text)
    found = [number for name, number in _LEVELS.items() if text and name.startswith(text.lower())]
    if len(found) != 1:
        raise UsageError(f"there is no level {text!r}", fix=f"there are: {', '.join(_LEVELS)}, and numbers")
    return found[0]


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--grep {formatting.shorten(text, 100)!r} is no regular expression: {error}",
            fix="a sign that stands for itself has a \\ before it: --grep 'f\\(x\\)'",
        ) from None


def _since(text: str | None) -> float | None:
    if text is None:
        return None
    age = read_span(text)
    if age is None:
        raise UsageError(f"--since {text!r} is no age", fix="for instance: 30s, 5m, 2h, 1d, 1h30m")
    return _env.now() - age


class Reader:
    """Reads on from where it stopped."""

    def __init__(self, view: RecordView, row: RunRow, wanted: LineFilter, newest: int | None) -> None:
        self._store, self._run, self._wanted = view.store, row.id, wanted
        self._after = max(0, row.logs - newest) if newest is not None and not any(wanted) else 0
        self._step = wanted.step and wanted.step.identity  # the store knows where its lines are

    def lines(self) -> Iterator[LogLine]:
        """What is wanted of what there is by now."""
        while page := self._store.logs(self._run, self._after, _PAGE, self._step):
            self._after = page[-1].n
            yield from filter(self._wanted.has, page)


# -- how it is shown ------------------------------------------------------------------------------------


class Screen(Protocol):
    """Where lines go."""

    def show(self, lines: Iterable[LogLine]) -> int:
        """Write them; how many they were."""
        ...


class Json:
    """An object per line, for programs."""

    def __init__(self, row: RunRow) -> None:
        self._run = row.id

    def show(self, lines: Iterable[LogLine]) -> int:
        count = 0
        for line in lines:
            count += 1
            say_json(**msgspec.structs.asdict(line_shape(self._run, line)))
        return count


class Bare:
    """The words alone, as they were said but for what would move a cursor."""

    def show(self, lines: Iterable[LogLine]) -> int:
        count = 0
        for line in lines:
            count += 1
            say(safe_lines(_COLOURS.sub("", line.text)))
        return count


class Table:
    """Time, step, try, level, text; a title on a terminal."""

    def __init__(self) -> None:
        self._day = ""
        self._step = 0  # width of that column: it grows, because what comes is not known
        self._is_titled = not sys.stdout.isatty()

    def show(self, lines: Iterable[LogLine]) -> int:
        count = 0
        for line in lines:
            count += 1
            self._show(line)
        return count

    def _show(self, line: LogLine) -> None:
        at = datetime.datetime.fromtimestamp(line.at).astimezone()
        step = _step(line.step)
        self._step = max(self._step, len(step))
        if not self._is_titled:
            self._is_titled = True
            say(formatting.dim(f"{'time':<12}  {'step':<{self._step}}  try  {'level':<8}"))
        if (day := f"{at:%Y-%m-%d %Z}") != self._day:
            self._day = day
            say(formatting.dim(f"-- {day}"))
        level, colour = _level_word(line.level)
        tried = str(line.attempt or "")
        head = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}  {step:<{self._step}}  {tried:>3}  "
        first, *more = safe_lines(_COLOURS.sub("", line.text)).split("\n")
        say(f"{formatting.dim(head)}{click.style(f'{level:<8}', fg=colour)}  {first}".rstrip())
        for text in more:
            say(f"{' ' * (len(head) + 10)}{text}".rstrip())


def _step(identity: str) -> str:
    """ "fetch#2 [1.0]": the call of a function, and the branch if it is not the body's own."""
    if not identity:
        return "(body)"
    scope, _, name = identity.partition("/")
    label = formatting.shorten(formatting.label(name), _STEP_MAX)
    return f"{label} [{scope}]" if scope else label


def _level_word(level: int) -> tuple[str, str | None]:
    if level in _PRINTED:
        return _PRINTED[level].removeprefix("std"), None
    colour = "red" if level >= logging.ERROR else "yellow" if level >= logging.WARNING else None
    return logging.getLevelName(level).lower().replace(" ", ""), colour
