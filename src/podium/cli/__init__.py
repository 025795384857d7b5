"""The command line. `main` is the entry; a verb's module is imported when the verb is used, Rich when a
terminal is there to draw on, so that `podium --help` costs no more than Python and Click do."""

from .main import main

__all__ = ["main"]
