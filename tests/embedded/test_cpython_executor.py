"""CPython's own tests of executors, on ours: the four mixins that hold for every executor.

An interpreter brings them (3.13's as a package of files); nothing of them is copied here.
"""

from __future__ import annotations

import importlib
import importlib.util
import unittest
from typing import Any

import pytest

import podium

PACKAGE = "test.test_concurrent_futures"
BY_NAME = unittest.skip("its script imports the class by name from concurrent.futures; see docs/executor.md")

try:
    _there = importlib.util.find_spec(f"{PACKAGE}.executor") is not None
except ImportError:
    _there = False
if not _there:
    pytest.skip(f"this interpreter has no {PACKAGE}.executor", allow_module_level=True)


def mixin(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


class Ours(mixin("util", "ExecutorMixin")):
    executor_type = podium.Executor


class TestExecutor(Ours, mixin("executor", "ExecutorTest"), unittest.TestCase):
    pass


class TestWait(Ours, mixin("test_wait", "WaitTests"), unittest.TestCase):
    pass


class TestAsCompleted(Ours, mixin("test_as_completed", "AsCompletedTests"), unittest.TestCase):
    pass


class TestShutdown(Ours, mixin("test_shutdown", "ExecutorShutdownTest"), unittest.TestCase):
    @BY_NAME
    def test_interpreter_shutdown(self) -> None: ...

    @BY_NAME
    def test_submit_after_interpreter_shutdown(self) -> None: ...

    @BY_NAME
    def test_hang_gh83386(self) -> None: ...
