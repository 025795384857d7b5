"""What Podium changes in a process goes through its registry, and stands in docs/process.md."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.tidy.process_page import BEGIN, END, PAGE, declared, table
from tests.tidy.source import Source, dotted, imported_names, sources

# Calls that change the process, wherever they are made: through `changes` only.
CHANGING = (
    "sys.addaudithook", "sys.set_asyncgen_hooks", "sys.setprofile", "sys.settrace", "sys.setswitchinterval",
    "sys.setrecursionlimit", "os.register_at_fork", "os.umask", "atexit.register", "signal.signal",
    "signal.setitimer", "gc.disable", "gc.freeze", "gc.set_threshold", "warnings.simplefilter",
    "warnings.filterwarnings", "faulthandler.enable", "logging.basicConfig", "logging.setLoggerClass",
    "threading.excepthook", "locale.setlocale", "asyncio.set_event_loop_policy",
)  # fmt: skip
# Modules whose attributes are everybody's.
SHARED = ("asyncio.", "logging.", "os.", "sys.", "threading.", "time.", "warnings.")
PROCESS = "src/podium/process.py"  # `handle` is the `install` of changes that others declare


def offences(source: Source) -> list[str]:
    names = imported_names(source.tree)
    found: list[str] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func, names) in CHANGING:
            found.append(f"{source.at(node)}: {dotted(node.func, names)}")
        targets = node.targets if isinstance(node, ast.Assign) else []
        assigned = [dotted(target, names) for target in targets if isinstance(target, ast.Attribute)]
        found += [f"{source.at(node)}: {name} =" for name in assigned if name.startswith(SHARED)]
    return found


@pytest.mark.parametrize("source", sources("src/podium"), ids=lambda source: source.path)
def test_what_changes_the_process_is_declared_in_that_file(source: Source) -> None:
    found = offences(source)
    if found and source.path not in (PROCESS, "src/podium/changes.py"):
        assert "changes.declare" in source.text, f"declare it, see src/podium/changes.py: {found}"


def test_the_page_lists_exactly_what_is_declared() -> None:
    listed = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert listed == table(), "write it anew: python -m tests.tidy.process_page"


COMPARE = """
import asyncio, atexit, gc, json, logging, os, queue, signal, sys, threading, time, warnings
import apsw, greenlet, msgspec  # what these change is theirs
import concurrent.futures, ctypes, inspect, multiprocessing, socket, subprocess, traceback, weakref

STANDARD = {name for name in sys.modules if name.partition(".")[0] in sys.stdlib_module_names}

def state():
    found = {}
    for name in STANDARD:
        for key, value in list(vars(sys.modules[name]).items()):
            if key in ("last_exc", "path_importer_cache"):
                continue
            found[f"{name}.{key}"] = id(value), id(getattr(value, "__code__", None))
            if inspect.isclass(value) and value.__module__ == name:
                for attribute, member in list(vars(value).items()):
                    if not attribute.startswith("_abc_") and attribute not in ("__weakref__", "__dict__"):
                        found[f"{name}.{value.__qualname__}.{attribute}"] = id(member)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM):
        found[f"signal {number.name}"] = repr(signal.getsignal(number))
    found["gc"] = gc.isenabled(), gc.get_threshold()
    found["environment"] = dict(os.environ)
    found["filters"] = list(warnings.filters)
    found["handlers"] = list(logging.getLogger().handlers)
    return found

def changed(before):
    after = state()
    return sorted(name for name in before if before[name] != after.get(name))

first = state()
import podium
by_import = changed(first)
podium.task, podium.workflow, podium.App
by_use = changed(first)
from podium.changes import changes
for change in reversed(changes()):
    change.take_back()
print(json.dumps([by_import, by_use, changed(first)]))
"""


def test_a_process_is_changed_in_what_is_declared_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", COMPARE], capture_output=True, text=True, check=True)
    by_import, by_use, after = json.loads(done.stdout)
    assert by_import == [], "`import podium` by itself"
    entered = {name for change in declared() for name in change.names}
    aliases = {f"asyncio.{name}" for name in ("locks", "mixins", "queues", "tasks", "taskgroups", "timeouts")}

    def known(name: str) -> bool:
        for alias in aliases:
            name = name.replace(f"{alias}.", "asyncio.")
        return any(name == entry.replace("asyncio.mixins.", "asyncio.") for entry in entered)

    assert [name for name in by_use if not known(name)] == []
    assert after == [], "what can be taken back is"
