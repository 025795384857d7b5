"""Bytecode of what is imported while tests are collected: kept, also under PYTHONDONTWRITEBYTECODE.

Or every worker of every lane rewrites the asserts of all modules anew, for half the time of collecting them.
"""

from __future__ import annotations

import sys

_usual = sys.dont_write_bytecode
sys.dont_write_bytecode = False  # from the import of this module on, which is the first of tests/conftest.py


def as_usual() -> None:
    """Once all is collected: tests import modules that they change."""
    sys.dont_write_bytecode = _usual
