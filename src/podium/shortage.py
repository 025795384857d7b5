"""What a process lacks when the system gives it no more threads, memory or file descriptors.

Python says it in as many ways as there are calls. None of them is a fault of the run that was being driven,
nor of the task: whoever catches one tries again when it is over.
"""

from __future__ import annotations

import errno
import os

from .errors import ResourceShortage, StoreRefused

_FIXES = {
    "no more threads can be started": "raise the limit: ulimit -u, ulimit -v, a container's pids.max",
    "no more memory can be had": "raise the limit (ulimit -v, a container's memory), or lower runs_max",
    "no more files can be opened": "raise the limit: ulimit -n",
}
_NO_THREADS, _NO_MEMORY, _NO_FILES = _FIXES
_BY_NUMBER = {errno.EMFILE: _NO_FILES, errno.ENFILE: _NO_FILES, errno.ENOMEM: _NO_MEMORY}


def shortage_of(error: BaseException) -> ResourceShortage | None:
    """The shortage that an error amounts to; None if it is another kind of trouble."""
    if isinstance(error, ResourceShortage):
        return error
    if isinstance(error, StoreRefused) and error.__cause__ is not None:
        return shortage_of(error.__cause__)  # a file of the store's could not be opened
    what = ""
    if isinstance(error, MemoryError):
        what = _NO_MEMORY
    elif isinstance(error, OSError):
        what = _BY_NUMBER.get(error.errno or 0, "")
    elif isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        what = _NO_THREADS
    if not what:
        return None
    found = ResourceShortage(what, fix=_FIXES[what])
    found.__cause__ = error
    return found


def lacks_descriptors(wanted: int = 3) -> ResourceShortage | None:
    """The shortage if not so many more files can be opened now; for what does not say why it failed."""
    taken: list[int] = []
    try:
        while len(taken) < wanted:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return shortage_of(error)
    finally:
        for descriptor in taken:
            os.close(descriptor)
    return None
