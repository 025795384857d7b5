"""What must not be written, each with what to write instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.tidy.source import Source, docstrings, dotted, functions, imported_names, sources

USE_ENV = "take it from the Env that is passed in (podium/env.py), so that the simulator can stand in"

# Full name -> what to use instead. Any mention counts.
MENTIONS = {
    **{
        f"time.{name}{unit}": USE_ENV
        for name in ("time", "monotonic", "perf_counter")
        for unit in ("", "_ns")
    },
    **{f"datetime.datetime.{name}": USE_ENV for name in ("now", "utcnow", "today")},
    "datetime.date.today": USE_ENV,
    **{f"uuid.{name}": USE_ENV for name in ("uuid1", "uuid4", "uuid6", "uuid7", "uuid8", "getnode")},
    "os.urandom": USE_ENV,
}
# Modules of which every function is chance. random.Random(seed) is none: it is what a seed makes of it.
CHANCE = ("random.", "secrets.")
STARTS_A_THREAD = ("threading.Thread", "threading.Timer", "concurrent.futures.ThreadPoolExecutor")

REFUSED_MODULES = {
    "pickle": "encode with podium.codec: reading a store must never run code",
    "marshal": "encode with podium.codec: reading a store must never run code",
    "shelve": "encode with podium.codec: reading a store must never run code",
    "dill": "encode with podium.codec: reading a store must never run code",
    "cloudpickle": "encode with podium.codec: reading a store must never run code",
    "yaml": "use JSON through podium.codec, or tomllib for settings",
    "_thread": "use threading for locks and Env.spawn to start a thread",
}

# Imports inside functions hide cycles and make the first call slow. file:function -> why it must be.
IMPORTS_INSIDE: dict[str, str] = {
    "src/podium/__init__.py:__getattr__": "public names load on first use: `import podium` is quick",
}

SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s"
    r"|(CREATE|ALTER|DROP)\s+(UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW)\s|WITH\s+\w+\s+AS\s*\()",
    re.IGNORECASE | re.DOTALL,
)
PRAGMA = re.compile(r"\s*PRAGMA\s", re.IGNORECASE)


def clocks_and_chance(source: Source) -> Iterator[str]:
    names = imported_names(source.tree)
    seeded = {
        node.func
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and dotted(node.func, names) == "random.Random" and node.args
    }
    for node in ast.walk(source.tree):
        name = dotted(node, names)
        if name in MENTIONS:
            yield f"{source.at(node)}: {name}: {MENTIONS[name]}"
        elif name.startswith(CHANCE) and node not in seeded and name != "random.Random":
            yield f"{source.at(node)}: {name}: {USE_ENV}, or a random.Random with a recorded seed"
        if isinstance(node, ast.Call):
            called = dotted(node.func, names)
            if called == "random.Random" and not node.args:
                yield f"{source.at(node)}: random.Random() without a seed: {USE_ENV}"
            if called in STARTS_A_THREAD:
                yield f"{source.at(node)}: {called}(): use Env.spawn, which the simulator can refuse"


def imports_inside_functions(source: Source) -> Iterator[str]:
    for name, function in functions(source.tree):
        where = f"{source.path}:{name}"
        own = [node for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]
        if own and where not in IMPORTS_INSIDE:
            yield f"{source.at(own[0])}: import inside {name}: move it to the top, or the code to its layer"


def refused_modules(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        for module in modules:
            instead = REFUSED_MODULES.get(module.partition(".")[0])
            if instead:
                yield f"{source.at(node)}: import of {module}: {instead}"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("eval", "exec")
            and not isinstance(node.args[0], ast.Constant)  # a text that stands there is no data
        ):
            yield f"{source.at(node)}: {node.func.id}(): stored or typed text never becomes code"


def sql(source: Source) -> Iterator[str]:
    prose = docstrings(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            if SQL.match(node.value):
                yield f"{source.at(node)}: SQL in Python: name it in a .sql file under podium/store/sql"
            elif PRAGMA.match(node.value) and source.layer != "store":
                yield f"{source.at(node)}: a pragma outside podium/store, where alone SQL is spoken"


def prints(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        named_print = (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        )
        if named_print and source.layer != "cli":
            yield f"{source.at(node)}: print(): use logging; only podium.cli owns a terminal"


def found(check: Callable[[Source], Iterator[str]], *folders: str) -> list[str]:
    """What a check has against the files of some folders, or of the package."""
    files = [source for folder in folders or ("src/podium",) for source in sources(folder)]
    return [each for source in files for each in check(source)]


def test_only_env_knows_time_chance_and_threads() -> None:
    assert [each for source in sources() if source.layer != "env" for each in clocks_and_chance(source)] == []


def test_imports_stand_at_the_top() -> None:
    assert found(imports_inside_functions) == []


def test_exceptions_to_imports_at_the_top_stay_few_and_real() -> None:
    assert len(IMPORTS_INSIDE) <= 3, "at most two, beside the package's lazy __getattr__"


def test_nothing_turns_data_into_code() -> None:
    assert found(refused_modules, "src/podium", "examples", "bench", "tools") == []


def test_sql_lives_in_sql_files() -> None:
    assert found(sql) == []


def test_only_the_command_line_prints() -> None:
    assert found(prints) == []


# -- a check that never fires protects nobody ----------------------------------------------------------


def wrong(text: str, layer: str = "engine") -> Source:
    return Source(f"src/podium/{layer}/wrong.py", text)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (clocks_and_chance, "import time\nx = time.time()"),
        (clocks_and_chance, "from time import monotonic as clock\nx = clock()"),
        (clocks_and_chance, "import datetime as dt\nx = dt.datetime.now()"),
        (clocks_and_chance, "from datetime import datetime\nx = datetime.now()"),
        (clocks_and_chance, "import random\nx = random.random()"),
        (clocks_and_chance, "import random\nx = random.Random()"),
        (clocks_and_chance, "import uuid\nx = uuid.uuid4()"),
        (clocks_and_chance, "import os\nx = os.urandom(8)"),
        (clocks_and_chance, "import threading\nthreading.Thread(target=f).start()"),
        (imports_inside_functions, "class A:\n    def f(self):\n        import os"),
        (refused_modules, "import pickle"),
        (refused_modules, "from yaml import safe_load"),
        (refused_modules, "import _thread"),
        (refused_modules, "eval(text)"),
        (sql, "x = 'select * from runs where id = ?'"),
        (sql, "x = f'DELETE FROM {table}'"),
        (sql, "x = 'pragma journal_mode'"),
        (prints, "print('hello')"),
    ],
)
def test_a_violation_is_noticed(check, text: str) -> None:
    assert list(check(wrong(text)))


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (clocks_and_chance, "import random\nx = random.Random(7).random()"),
        (clocks_and_chance, "import threading\ndef f(t: threading.Thread): t.join()"),
        (clocks_and_chance, "import uuid, datetime\nx = uuid.UUID(int=1), datetime.datetime(2026, 1, 1)"),
        (clocks_and_chance, "def f(env): return env.time.time()"),
        (sql, '"""Select the runs from the store."""\nx = "update your code, then resume"'),
        (prints, "console.print('hello')"),
    ],
)
def test_what_only_looks_like_a_violation_passes(check, text: str) -> None:
    assert not list(check(wrong(text)))


def test_a_pragma_may_stand_in_the_store() -> None:
    assert not list(sql(wrong("x = 'PRAGMA synchronous = FULL'", layer="store")))
