"""What gives another value each time: clocks, chance and identities that a workflow's body must not read.

A table of names with what to use instead. A name is where a module has it (`time.time`), whatever it is
called by the module that uses it.
"""

from __future__ import annotations

import datetime
import random
import sys
from types import ModuleType
from typing import Any

_CLOCK = "take podium.now(), which is the same on every resume"
_STOPWATCH = "measure in a task, or take the difference of two podium.now()"
_CHANCE = "draw from podium.random(), which draws the same on every resume"
_BYTES = "draw it in a task: its result is recorded"
_UUID = "take podium.uuid4(), which is the same on every resume"
_PLACE = "ask for it in a task: another process may resume the run"
_IDENTITY = "compare with `is`, or use a key of your own: an address is another one in every process"
_HASH = "use hashlib, or a key of your own: text hashes differently in every process"

_NAMES: dict[str, str] = {
    **{f"time.{name}{unit}": _CLOCK for name in ("time", "clock_gettime") for unit in ("", "_ns")},
    **{
        f"time.{name}{unit}": _STOPWATCH
        for name in ("monotonic", "perf_counter", "process_time", "thread_time")
        for unit in ("", "_ns")
    },
    **{f"uuid.uuid{version}": _UUID for version in (1, 4, 6, 7, 8)},
    **{f"os.{name}": _BYTES for name in ("urandom", "getrandom")},
    **{f"os.{name}": _PLACE for name in ("getpid", "getppid")},
    **{f"threading.{name}": _PLACE for name in ("get_ident", "get_native_id")},
    "uuid.getnode": _PLACE,
    "socket.gethostname": _PLACE,
    "platform.node": _PLACE,
    "random.SystemRandom": _CHANCE,
    "builtins.id": _IDENTITY,
    "builtins.hash": _HASH,
    "arrow.now": _CLOCK,
    "arrow.utcnow": _CLOCK,
    "django.utils.timezone.localtime": _CLOCK,
    "django.utils.timezone.now": _CLOCK,
    "pandas.Timestamp.now": _CLOCK,
    "pandas.Timestamp.today": _CLOCK,
    "pandas.Timestamp.utcnow": _CLOCK,
    "pendulum.now": _CLOCK,
    "pendulum.today": _CLOCK,
}

# Modules of which every function is chance, save these.
_CHANCE_MODULES = ("random.", "secrets.", "numpy.random.")
_NO_CHANCE = frozenset(
    {
        "random.Random",
        "secrets.compare_digest",
        "secrets.SystemRandom",
        *(f"numpy.random.{n}" for n in ("Generator", "RandomState", "SeedSequence", "default_rng", "PCG64")),
    }
)

# Only without so many arguments: name -> (how many make it repeatable, instead).
_WITHOUT_ARGUMENTS: dict[str, tuple[int, str]] = {
    "random.Random": (1, _CHANCE),
    "numpy.random.default_rng": (1, _CHANCE),
    "numpy.random.RandomState": (1, _CHANCE),
    "time.localtime": (1, _CLOCK),
    "time.gmtime": (1, _CLOCK),
    "time.ctime": (1, _CLOCK),
    "time.asctime": (1, _CLOCK),
    "time.strftime": (2, _CLOCK),
}

_OF_THE_CLOCK = ("now", "utcnow", "today")  # of datetime and date, and of what derives from them


def instead_of(name: str) -> str:
    """What to use instead of this name; "" if it may be used."""
    found = _NAMES.get(name, "")
    if not found and name.startswith(_CHANCE_MODULES) and name not in _NO_CHANCE:
        return _BYTES if name.startswith("secrets.") else _CHANCE
    return found


def instead_of_call(name: str, arguments: int) -> str:
    """The same for a call of this name with so many arguments."""
    needed, instead = _WITHOUT_ARGUMENTS.get(name, (0, ""))
    return instead if arguments < needed else ""


def name_of_attribute(owner: Any, attribute: str) -> str:
    """The name in the table of `owner.attribute`; "" where the owner has none there."""
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{attribute}"
    if isinstance(owner, type) and issubclass(owner, datetime.date) and attribute in _OF_THE_CLOCK:
        return f"{owner.__name__}.{attribute}"
    if isinstance(owner, type):
        return f"{owner.__module__.partition('.')[0]}.{owner.__qualname__}.{attribute}"
    if isinstance(owner, random.Random):
        return f"random.{attribute}"
    return ""


def clock_of(owner: Any, attribute: str) -> str:
    """What to use instead of `owner.attribute` where the owner is a class of dates; "" elsewhere."""
    of_dates = isinstance(owner, type) and issubclass(owner, datetime.date)
    return _CLOCK if of_dates and attribute in _OF_THE_CLOCK else ""


def instead_of_value(value: Any) -> tuple[str, str]:
    """The name of a value that goes by another one here, and what to use instead; "" if it may be used."""
    name = name_of_value(value)
    return name, instead_of(name) or clock_of(attribute(value, "__self__"), name.rpartition(".")[2])


def attribute(value: Any, name: str) -> Any:
    """An attribute of anything; None of a proxy that has nothing behind it now, and raises what it likes."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def name_of_value(value: Any) -> str:
    """The name in the table of a value that goes by another one here: `from time import time as t`."""
    owner, name = attribute(value, "__self__"), attribute(value, "__name__")
    if not isinstance(name, str):
        return ""
    if isinstance(owner, type) and clock_of(owner, name):
        return f"{owner.__name__}.{name}"
    if isinstance(owner, random.Random):
        return f"random.{name}"
    module = attribute(value, "__module__")
    if not isinstance(module, str):
        return ""
    module = "os" if module in ("posix", "nt") else "threading" if module == "_thread" else module
    home = sys.modules.get(module)
    # Only what the module has by that name: a function of the user's may be called `time`, too.
    return f"{module}.{name}" if home is not None and vars(home).get(name) is value else ""
