"""Where task bodies run. An executor gets an `Attempt` and answers, once, with an `Ended`.

One of your own: `App(executors={"name": factory})`, see `Executor` and `run_encoded`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import late
from .endpoint import endpoint
from .loading import loading, refuse_work_while_loading

if TYPE_CHECKING:
    from .attempt import (
        Attempt,
        Ended,
        Progress,
        Services,
        StreamSink,
        current_attempt,
        is_loss,
        time_of_task,
    )
    from .clusters import dask_cluster, ray_cluster
    from .command import run_command
    from .effects import NOT_DONE, Done
    from .encoded import decode_outcome, encode_attempt, run_encoded
    from .log_buffer import Caps, LogBuffer
    from .loop import LoopExecutor
    from .output import Console, Said
    from .processes import ProcessExecutor
    from .protocol import BUILT_IN, AttemptRunner, Executor, ExecutorFactory
    from .resources import Opener, Resources
    from .slots import SlotLoad, attempt_here, note_started_run, slot_lent
    from .stream_buffer import StreamBuffer
    from .threads import ThreadExecutor

__all__ = [
    "BUILT_IN",
    "NOT_DONE",
    "Attempt",
    "Services",
    "AttemptRunner",
    "attempt_here",
    "Caps",
    "Console",
    "Done",
    "Ended",
    "Executor",
    "ExecutorFactory",
    "LogBuffer",
    "LoopExecutor",
    "Opener",
    "ProcessExecutor",
    "Progress",
    "Resources",
    "Said",
    "SlotLoad",
    "StreamBuffer",
    "StreamSink",
    "ThreadExecutor",
    "current_attempt",
    "dask_cluster",
    "is_loss",
    "decode_outcome",
    "encode_attempt",
    "endpoint",
    "loading",
    "note_started_run",
    "ray_cluster",
    "refuse_work_while_loading",
    "run_command",
    "run_encoded",
    "slot_lent",
    "time_of_task",
]

__getattr__ = late.names(
    __name__,
    {
        "attempt": "Attempt Ended Progress Services StreamSink current_attempt is_loss time_of_task",
        "clusters": "dask_cluster ray_cluster",
        "command": "run_command",
        "effects": "NOT_DONE Done",
        "encoded": "decode_outcome encode_attempt run_encoded",
        "log_buffer": "Caps LogBuffer",
        "loop": "LoopExecutor",
        "output": "Console Said",
        "processes": "ProcessExecutor",
        "protocol": "BUILT_IN AttemptRunner Executor ExecutorFactory",
        "resources": "Opener Resources",
        "slots": "SlotLoad attempt_here note_started_run slot_lent",
        "stream_buffer": "StreamBuffer",
        "threads": "ThreadExecutor",
    },
)
