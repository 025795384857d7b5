"""`podium.check`: what the runs on record would do on the code of this process."""

from __future__ import annotations

from ..checks import check_count
from ..errors import RunNotFound, UsageError
from ..functions import Function
from ..inspect import parse
from ..machine import current_machine
from ..model import RunRow
from .app import App
from .default_app import current_app
from .dry_check import CheckedRun, check_all


def check(query: str = "", *, last: int = 0) -> list[CheckedRun]:
    """Replay every run that has not ended, and the newest `last` of those that have, on this process's code.

    Nothing is written, no task runs, nothing that a body asks for goes out: what is found is what would
    happen if the runs went on here. `query` narrows them down, as for `podium.runs`. Functions are those that
    are imported; `podium check` imports by itself, in a fresh process, and so also tells of a module that is
    broken and of a body that does not decide the same under another hash seed. Raises UsageError.

    Example, of a test that holds that a change of the code stops no run:

    >>> run = rests.start()
    >>> [each.what for each in podium.check() if not each.is_well]
    []
    """
    if current_machine() is not None:
        raise UsageError("podium.check(...) in a workflow's body", fix="call it in a task, or outside")
    check_count("podium.check", "last", last, 0)
    app = current_app()

    def find(row: RunRow) -> Function:
        return _imported(app, row)

    return list(check_all(app, parse([query], app.env.now()), last, find))


def _imported(app: App, row: RunRow) -> Function:
    function = app.functions.get(row.function)
    if function is None:
        raise RunNotFound(f"nothing that is imported here declares {row.function}", fix="import its module")
    return function
