"""Errors say who can act: the caller, the user's code, the environment, or us.

Control-flow signals derive from BaseException so that a user's `except Exception` cannot eat them.
Codes are stable; `podium explain CODE` prints the page of each.
"""

from __future__ import annotations

from collections.abc import Mapping


class PodiumError(Exception):
    """Base of every error a user may catch. `code` is stable, `fix` is one line to act on."""

    code = "E000"

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  {self.fix}" if self.fix else self.message


# -- the caller can act ------------------------------------------------------------------------------


class UsageError(PodiumError):
    """Podium was called in a way that cannot work; nothing was stored."""

    code = "E100"


class ArgumentError(UsageError, TypeError):
    """An argument does not fit the function's signature; nothing was stored."""

    code = "E101"


class DeclarationError(UsageError):
    """A function cannot be a task or workflow as it stands (closure, lambda, name taken)."""

    code = "E103"


class NotReplaySafe(DeclarationError):
    """A workflow's own code reads a clock, chance, an address, the order of a set: other on every resume."""

    code = "E104"


class EncodeError(UsageError):
    """A value cannot be stored. `path` leads to the offender, e.g. `result["log"][3]`."""

    code = "E112"

    def __init__(self, message: str, *, path: str = "", fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.path = path


class PayloadTooLarge(EncodeError):
    """A value is above the payload cap."""

    code = "E113"


class StoreInUse(UsageError, PermissionError):
    """A file of a store was opened by code in a process that has the store open. Nothing was opened."""

    code = "E132"


class RunNotFound(UsageError):
    """No run has this id."""

    code = "E301"


class IdConflict(UsageError):
    """The id belongs to a run of another function or of other arguments."""

    code = "E302"

    @classmethod
    def of(cls, run: str, taken: Mapping[str, str], label: str) -> IdConflict:
        """`taken`: what the runs are whose ids could not be had; `label`: the function that was called."""
        what = taken.get(run, "another call")
        return cls(
            f"run {run!r} exists, and {label}(...) cannot have its id: it is {what}",
            fix=f"use another id, or the same call; podium show {run}  has its arguments",
        )


class WrongState(UsageError):
    """The run's state does not allow this."""

    code = "E303"


class InboxFull(UsageError):
    """Too many signals lie in the run's inbox that it has not received."""

    code = "E304"


# -- the user's code can act -------------------------------------------------------------------------


class TaskFailed(PodiumError):
    """Stands for a recorded failure that cannot be raised as itself.

    Its type is not imported here, is no Exception (SystemExit), or holds what cannot be restored.
    `type` is "module:qualname", `traceback` the text of the original one.
    """

    code = "E200"

    def __init__(self, type: str, message: str, traceback: str = "") -> None:
        Exception.__init__(self, type, message, traceback)
        self.type = type
        self.message = message
        self.traceback = traceback
        self.fix = ""

    def __str__(self) -> str:
        name = self.type.rpartition(":")[2]
        return f"{name}: {self.message}" if self.message else name


class TaskTimeout(PodiumError, TimeoutError):
    """An attempt took longer than the task's `timeout`."""

    code = "E201"


class TaskCrashed(PodiumError):
    """The process of a task with `isolation="process"` died under it: a failure, retried like others.

    The message says how: by which signal or exit code, or that it went over its memory cap.
    """

    code = "E209"


class CommandFailed(PodiumError):
    """A command that `podium.shell` ran has ended otherwise than with exit code 0.

    `exit_code` is below 0 where a signal has killed it; `stderr` is the end of what it wrote there.
    """

    code = "E212"

    def __init__(self, message: str, exit_code: int = 1, stderr: str = "", *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.exit_code, self.stderr = exit_code, stderr


class DecodeError(PodiumError):
    """A stored value does not fit the type that the code asks for now."""

    code = "E202"


class MissingValue(DecodeError):
    """The file of a value that is kept by reference is gone, or has been changed."""

    code = "E507"

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="bring the file back from a backup of the store's folder of values")


class NeverAwaited(PodiumError):
    """A workflow ended with a call of a task that nobody awaited."""

    code = "E203"


class NotRecorded(PodiumError, AttributeError):
    """Asked of what stands for a part of an exception that could not be recorded with it.

    Example: `error.response.json()` of an HTTP error that came out of a task.
    """

    code = "E211"


class UnaskedCancel(PodiumError):
    """A workflow's body ended with CancelledError though nobody had cancelled the run: it failed."""

    code = "E210"


class Mismatch(PodiumError):
    """The code asks for something else than the history records: the run parks (in tests: raises)."""

    code = "E204"

    def __init__(
        self, message: str, *, line: str = "", expected: str = "", found: str = "", fix: str = ""
    ) -> None:
        super().__init__(message, fix=fix)
        self.line, self.expected, self.found = line, expected, found


class RunParked(PodiumError):
    """The awaited run is parked: it needs a person's decision. The message says why and how to go on."""

    code = "E205"


class RunCancelled(PodiumError):
    """The awaited run was cancelled."""

    code = "E206"


# -- the environment can act -------------------------------------------------------------------------


class StoreError(PodiumError):
    """Base of what a store may raise. `unknown`: the commit may have happened all the same; read back.
    `elsewhere`: it is a server's, that a `Client` has asked; for a task an error as any other."""

    code = "E500"
    unknown = False
    elsewhere = False


class StoreUnavailable(StoreError):
    """Try again: locked past the patience, disk full, connection lost. Never a task's outcome."""

    code = "E501"


class StoreRefused(StoreError):
    """This store cannot be opened like this: newer schema, read-only, network file system, corrupt."""

    code = "E502"


class StoreFatal(StoreError):
    """The store can no longer be trusted on this handle (failed sync, corrupt page)."""

    code = "E503"


class EngineStopped(PodiumError):
    """The engine is shut down; the run goes on wherever another engine lives, or on the next start."""

    code = "E504"


class ResourceShortage(PodiumError):
    """The system gives this process no more threads, memory or file descriptors.

    Never the outcome of a task or a run: what is under way waits and goes on when it is over.
    """

    code = "E505"


# -- we can act --------------------------------------------------------------------------------------


class DamagedRecord(PodiumError):
    """A row of the store holds what Podium never writes there: its run is parked, the others go on."""

    code = "E506"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: something else has written to the store",
            fix="end the run (podium terminate), or restore the store from a backup",
        )


class InternalError(PodiumError):
    """A broken promise inside Podium, with the run's story. Please report it."""

    code = "E900"


# -- control flow ------------------------------------------------------------------------------------


class Signal(BaseException):
    """Base of control-flow signals."""


class Discarded(Signal):
    """This machine was dropped from memory; its body must not act any more."""


class EffectInWorkflow(Signal):
    """A workflow body did something that only a task may do. `line` is "file:line", `by` the line of the
    body that called what has done it, "" where that is the same."""

    code = "E130"
    fix = "move it into a @task, then resume the run"

    def __init__(self, what: str, line: str, by: str = "") -> None:
        super().__init__(what, line, by)
        self.what, self.line, self.by = what, line, by

    def __str__(self) -> str:
        again = f"{self.what} in a workflow would happen again on every resume"
        return f"{self._place()}: {again}; move this into a task"

    def _place(self) -> str:
        return f"{self.line}, called at {self.by}" if self.by else self.line


class SharedInWorkflow(EffectInWorkflow):
    """A workflow body used a lock, event or queue of asyncio that was made outside of its run."""

    code = "E133"
    fix = "make it in the body and hand it on as an argument, then resume the run"

    def __str__(self) -> str:
        shared = f"{self.what} was made outside of this run, and others would share it"
        return f"{self._place()}: {shared}: {self.fix}"


class TurnBudgetExceeded(Signal):
    """A workflow computed too long without waiting. `line` is where it was stopped."""

    code = "E131"

    line = ""
