"""What Podium changes in a process goes through its registry, and stands in docs/process.md."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.tidy.process_page import BEGIN, END, PAGE, declared, table
from tests.tidy.source import Source, dotted, imported_names, sources

# Calls that change the process, wherever they are made: through `changes` only.
CHANGING = (
    "sys.addaudithook", "sys.set_asyncgen_hooks", "sys.setprofile", "sys.settrace", "sys.setswitchinterval",
    "sys.setrecursionlimit", "os.register_at_fork", "os.umask", "atexit.register", "signal.signal",
    "signal.setitimer", "gc.disable", "gc.freeze", "gc.set_threshold", "warnings.simplefilter",
    "warnings.filterwarnings", "faulthandler.enable", "logging.basicConfig", "logging.setLoggerClass",
    "threading.excepthook", "locale.setlocale", "asyncio.set_event_loop_policy", "resource.setrlimit",
)  # fmt: skip
# Modules whose attributes are everybody's.
SHARED = ("asyncio.", "logging.", "os.", "sys.", "threading.", "time.", "warnings.")
# Methods by which streams and loggers are set up, whoever holds them.
SETTING_UP = ("addHandler", "removeHandler", "setLevel", "reconfigure")
# What is the `install` of changes that others declare (`handle`, `listen`); the registry itself.
APART = (
    "src/podium/process.py",
    "src/podium/audit.py",
    "src/podium/changes.py",
    "src/podium/executors/guard.py",
)  # the last one is a process of its own
INSTALLS = ("install", "in_child", "in_parent", "before")


def changing(node: ast.AST, names: Mapping[str, str]) -> Iterator[str]:
    """What one statement or call changes in the process."""
    if isinstance(node, ast.Call):
        called = dotted(node.func, names) or ""
        if called in CHANGING or called.startswith(("sys.path.", "sys.argv.")):
            yield called
        elif isinstance(node.func, ast.Attribute) and node.func.attr in SETTING_UP:
            yield f".{node.func.attr}"
    for target in node.targets if isinstance(node, ast.Assign) else []:
        for each in target.elts if isinstance(target, ast.Tuple) else [target]:
            changed = each.value if isinstance(each, ast.Subscript) else each
            name = dotted(changed, names) if isinstance(changed, ast.Attribute) else ""
            if name and name.startswith(SHARED) and name != "sys.modules":  # a module that is imported
                yield f"{name} ="


def offences(source: Source) -> list[str]:
    """What is changed outside of the functions that the registry has to make its changes."""
    names = imported_names(source.tree)
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    given = [word.value for call in calls for word in call.keywords if word.arg in INSTALLS]
    makers = {ast.unparse(value) for value in given}
    inside = {
        id(node)
        for maker in [*given, *(f for f in source.tree.body if getattr(f, "name", "") in makers)]
        for node in ast.walk(maker)
    }
    return [
        f"{source.at(node)}: {what}"
        for node in ast.walk(source.tree)
        if id(node) not in inside
        for what in changing(node, names)
    ]


def test_what_changes_the_process_goes_through_the_registry() -> None:
    found = [each for source in sources() if source.path not in APART for each in offences(source)]
    assert found == [], "changes.declare(..., install=) it, see src/podium/changes.py"


@pytest.mark.parametrize(
    "line",
    [
        "signal.signal(2, print)",
        "sys.path.insert(0, '.')",
        "sys.path[:], sys.argv[:] = [], []",
        "os.umask(0)",
        "logging.getLogger().addHandler(handler)",
        "sys.stdout.reconfigure(errors='ignore')",
        "time.sleep = print",
        "resource.setrlimit(1, (1, 1))",
    ],
)
def test_a_change_beside_the_registry_is_seen(line: str) -> None:
    text = f"import logging, os, resource, signal, sys, time\n\n\ndef change():\n    {line}\n"
    assert offences(Source("src/podium/wrong.py", text))
    declared = f"{text}\n\nchanges.declare('it', install=change)\n"
    assert offences(Source("src/podium/right.py", declared)) == []


def test_the_page_lists_exactly_what_is_declared() -> None:
    listed = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert listed == table(), "write it anew: python -m tests.tidy.process_page"


THREAD = re.compile(r"podium-[a-z]+(?:-[a-z]+)*")


def thread_names(source: Source) -> Iterator[str]:
    """The names that a file gives to threads."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("spawn", "ThreadLane", "__init__")
        ):
            yield from THREAD.findall(", ".join(map(ast.unparse, [*node.args, *node.keywords])))


def test_the_page_lists_every_thread() -> None:
    _, _, text = PAGE.read_text("utf-8").partition("Threads, all of them")
    named = {name for source in sources("src/podium") for name in thread_names(source)}
    assert set(THREAD.findall(text)) == named
    assert len(named) > 15


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
print(json.dumps([by_import, by_use]))
"""


def test_a_process_is_changed_in_what_is_declared_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", COMPARE], capture_output=True, text=True, check=True)
    by_import, by_use = json.loads(done.stdout)
    assert by_import == [], "`import podium` by itself"
    entered = {name for change in declared() for name in change.names}
    aliases = {f"asyncio.{name}" for name in ("locks", "mixins", "queues", "tasks", "taskgroups", "timeouts")}

    def known(name: str) -> bool:
        for alias in aliases:
            name = name.replace(f"{alias}.", "asyncio.")
        return any(name == entry.replace("asyncio.mixins.", "asyncio.") for entry in entered)

    assert by_use, "declaring something changes what is declared"
    assert [name for name in by_use if not known(name)] == []
