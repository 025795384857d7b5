"""The machine: one run in memory, deterministic, without a clock, a socket or a thread.

`Machine` takes events (history entries) and gives commands; `replay` feeds it a recorded history.
"""

from . import guard, interpose
from .attended import Attendant, AttendedMachine
from .current import turning
from .effects import UndoStep
from .fanout import FanOut
from .interpose import adopt
from .lines import caller, foreign_line, raised_at, user_line, waits_for_store, where_defined
from .machine import Machine, current_machine, replay
from .outside import (
    ChildOptions,
    ChildStep,
    OutsideStep,
    QuestionStep,
    ReceiveStep,
    SendStep,
    awaiting,
    send,
    start_child,
)
from .outside import ask as machine_ask
from .outside import callback as machine_callback
from .outside import receive as machine_receive
from .steps import CancelStep, Command, Ending, Finish, Step, Tell
from .streams import BodyStreams
from .workers import end_idle_workers

guard.install()
interpose.install()

__all__ = [
    "Attendant",
    "AttendedMachine",
    "BodyStreams",
    "CancelStep",
    "ChildOptions",
    "ChildStep",
    "Command",
    "Ending",
    "FanOut",
    "Finish",
    "Machine",
    "OutsideStep",
    "QuestionStep",
    "ReceiveStep",
    "SendStep",
    "Step",
    "Tell",
    "UndoStep",
    "adopt",
    "awaiting",
    "caller",
    "current_machine",
    "end_idle_workers",
    "foreign_line",
    "machine_ask",
    "machine_callback",
    "machine_receive",
    "raised_at",
    "replay",
    "send",
    "start_child",
    "turning",
    "user_line",
    "waits_for_store",
    "where_defined",
]
