"""Makes the machine of a run."""

from __future__ import annotations

from ..functions import Function
from ..machine import Machine
from ..model import Head, clock_of, lineage_of, undone_of


def machine_of(head: Head, function: Function) -> Machine:
    """The machine of a run, on the code that there is of its function, before its first turn."""
    same_code = head.fingerprint == function.fingerprint != ""
    make = function.machine or Machine
    machine: Machine = make(head.id, function, head.args, clock_of(head), lineage_of(head), same_code)
    machine.headers, machine.since = head.context, head.started
    machine.verbs.generation, machine.verbs.undone = head.generation, undone_of(head)
    return machine
