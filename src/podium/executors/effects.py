"""What a task says that is asked whether an effect has happened: `@task(verify=...)`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


@dataclass(frozen=True)
class Done:
    """It has happened, and this is the result of the step.

    Example:

    >>> podium.Done("receipt-17").value
    'receipt-17'
    """

    value: Any = None


class NotDone(Enum):
    """It has not happened: what verifies a step says so by `podium.NOT_DONE`.

    Example:

    >>> podium.NOT_DONE
    podium.NOT_DONE
    """

    NOT_DONE = "not done"

    def __repr__(self) -> str:
        return "podium.NOT_DONE"


NOT_DONE: Final = NotDone.NOT_DONE
