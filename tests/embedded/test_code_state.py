"""What the key of a cached call sees: an edit of what its code reads makes another one, and nothing else."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podium import UsageError
from podium.functions import registry
from tests import forkserver

HEAD = """
import datetime, decimal, enum, functools, pathlib, re, threading
from dataclasses import dataclass, field
import msgspec, numpy
from . import helpers
from .helpers import CONF, Conf, plus
from podium import task, workflow
"""
HELPERS = """
from dataclasses import dataclass
N = {n}
def plus(x): return x + N
def deep(x): return plus(x)
class K:
    def m(self, x): return x + {n}
    @staticmethod
    def s(x): return x + N
@dataclass(frozen=True)
class Conf:
    k: int = {n}
    def twice(self): return 2 * self.k
CONF = Conf({n})
"""
LATE = "N = {n}\ndef late(x): return x + N\n"
F = "@task(cache=True)\ndef f(x: int = 1) -> str: return "
D = "@task(cache=True)\ndef f(x: int = 1) -> str:\n    "
WRAPS = """
def d(fn):
    @functools.wraps(fn)
    def inner(x: int) -> str: return str(fn(x)) + "{n}"
    return inner
"""

EDITS = {
    "literal": F + "str(x + {n})",
    "keyword default": F + "g(x)\ndef g(x, *, k={n}): return k",
    "number": "T = {n}\n" + F + "str(T)",
    "list": "T = [1, {n}]\n" + F + "str(T)",
    "dict": "T = {{'a': {n}}}\n" + F + "str(T)",
    "set of text": "T = {{'a', 'b', 'c{n}'}}\n" + F + "str(T)",
    "set of objects": "T = {{pathlib.Path('a'), pathlib.Path('b{n}')}}\n" + F + "str(T)",
    "bytes": "T = b'{n}'\n" + F + "str(T)",
    "decimal": "T = decimal.Decimal({n})\n" + F + "str(T)",
    "date": "T = datetime.date(2020, 1, {n})\n" + F + "str(T)",
    "regex": "T = re.compile('a{n}')\n" + F + "T.pattern",
    "array": "T = numpy.array([{n}])\n" + F + "str(T)",
    "enum": "class E(enum.Enum):\n    A = {n}\n" + F + "str(E.A.value)",
    "enum member": "class E(enum.Enum):\n    A = {n}\nT = E.A\n" + F + "str(T.value)",
    "class attribute": "class E:\n    A = {n}\n" + F + "str(E.A)",
    "constructor": "class E:\n    def __init__(self): self.a = {n}\n" + F + "str(E().a)",
    "method of a base": "class B:\n    def m(self): return {n}\nclass E(B): ...\n" + F + "str(E().m())",
    "staticmethod": "class E:\n    @staticmethod\n    def g(x): return x + {n}\n" + F + "str(E.g(x))",
    "property": "class E:\n    @property\n    def g(self): return {n}\n" + F + "str(E().g)",
    "cached property": "class E:\n    @functools.cached_property\n    def g(self): return {n}\n"
    + F
    + "str(E().g)",
    "dataclass default": "@dataclass\nclass E:\n    k: int = {n}\n" + F + "str(E().k)",
    "dataclass factory": "@dataclass\nclass E:\n    k: list = field(default_factory=lambda: [{n}])\n"
    + F
    + "str(E().k)",
    "struct default": "class E(msgspec.Struct):\n    k: int = {n}\n" + F + "str(E().k)",
    "instance": "class E:\n    def __init__(self, a): self.a = a\nT = E({n})\n" + F + "str(T.a)",
    "bound method": "class E:\n    def m(self): return {n}\nT = E().m\n" + F + "str(T())",
    "lambda": "g = lambda x: x + {n}\n" + F + "str(g(x))",
    "partial": "def g(a, b): return a + b\nh = functools.partial(g, {n})\n" + F + "str(h(x))",
    "closure": "def make(n): return lambda x: x + n\ng = make({n})\n" + F + "str(g(x))",
    "lru_cache": "@functools.lru_cache\ndef g(a): return a + {n}\n" + F + "str(g(x))",
    "decorator of a helper": WRAPS + "@d\ndef g(x): return x\n" + F + "g(x)",
    "decorator below the task": WRAPS + "@task(cache=True)\n@d\ndef f(x: int = 1) -> str: return str(x)",
    "task of a partial": "def g(a, x=1): return a + x\n"
    "f = task(functools.partial(g, {n}), name='p', cache=True)",
    "dict of functions": "def g(x): return x + {n}\nT = {{'g': g}}\n" + F + "str(T['g'](x))",
    "called task": "@task\ndef g(x: int) -> int: return x + {n}\n" + F + "str(g(x))",
    "nested function": D + "def g(y): return y + {n}\n    return str(g(x))",
    "helper": F + "str(plus(x))",
    "helper by its module": F + "str(helpers.plus(x))",
    "helper's helper": F + "str(helpers.deep(x))",
    "helper's global": F + "str(helpers.N + x)",
    "helper's class": F + "str(helpers.K().m(x))",
    "helper's staticmethod": F + "str(helpers.K.s(x))",
    "helper's instance": F + "str(CONF.k + x)",
    "helper's class made": F + "str(Conf(1).twice())",
    "import in the body": D + "from kit.late import late\n    return str(late(x))",
    "import of a module in the body": D + "from kit import late\n    return str(late.late(x))",
    "relative import in the body": D + "from .late import late as p\n    return str(p(x))",
    "made by exec": "T = {{}}\nexec('def g(x): return x + {n}', T)\ng = T['g']\n" + F + "str(g(x))",
    "class made by exec": "T = {{}}\nexec('class E:\\n def g(self): return {n}', T)\nE = T['E']\n"
    + F
    + "str(E().g())",
    "global of what exec made": "T = {{'k': {n}}}\nexec('def g(x): return x + k', T)\ng = T['g']\n"
    + F
    + "str(g(x))",
    "namedtuple's default": "import collections\nE = collections.namedtuple('E', 'k', defaults=[{n}])\n"
    + F
    + "str(E().k)",
    "class of an argument": "@dataclass\nclass E:\n    def g(self): return {n}\nX = E()\n"
    "@task(cache=True)\ndef f(x: E = X) -> str: return str(x.g())",
    "class of an argument without annotation": "class E(enum.Enum):\n    A = 1\n    def g(self): return {n}\n"
    "X = [E.A]\n"
    "@task(cache=True)\ndef f(x=X) -> str: return str(x[0].g())",
    "class of the result": "@dataclass\nclass E:\n    g: int = {n}\n"
    "def g(x): return E(x)\n@task(cache=True)\ndef f(x: int = 1) -> list[E]: ...",
}
SAME = {
    "a class's hash": "class E:\n    def __hash__(self): return {n}\n" + F + "str(isinstance(x, E))",
    "a named tuple": "import collections\nE = collections.namedtuple('E', 'k')\n" + F + "str(E(x).k)  # {n}",
    "what exec made": "T = {{}}\nexec('def g(x): return {{x, 7}}', T)\ng = T['g']\n" + F + "str(g(x))  # {n}",
    "a comment": F + "str(x)  # {n}",
    "what it does not read": "T = {n}\n" + F + "str(x)",
    "a method's attribute with a global's name": "T = {n}\n" + F + "str(x.real.T)",
    "a lock and a logger": "import logging\nT = threading.Lock()\nlog = logging.getLogger('{n}')\n"
    + F
    + "str((T.locked(), log.name))",
}
UNSEEN = {
    "a generator": (
        "T = (each for each in ())\n" + F + "str(list(T))",
        "T it cannot tell a change .a builtins.generator",
    ),
    "one beside what it sees": (
        "def g(x): return {n}\nT = [g, (each for each in ())]\n" + F + "T[0](x)",
        "of T .*a builtins.generator",
    ),
    "what holds a lock": ("T = threading.local()\nU = {{1: [T]}}\n" + F + "str(U)", "of U .*local"),
    "a large list": ("T = list(range(200_000))\n" + F + "str(T[x])", "of T .*more than 64 KiB"),
    "a large array": ("T = numpy.zeros(100_000)\n" + F + "str(T[x])", "of T .*more than 64 KiB"),
}

LAUNCHED = """
from podium import task, workflow

@task(cache=True)
def f(x: int) -> int:
    print("computes")
    return plus(x)

@workflow
def w(x: int) -> int:
    return f(x)

if __name__ == "__main__":
    print(w.run(3))
"""

State = Callable[[str, int], str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """The state of `f` in a package with this source, loaded anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def state(source: str, n: int) -> str:
        forget()
        write(tmp_path / "kit", source, n)
        importlib.invalidate_caches()
        module = importlib.import_module("kit.m")
        function, bound = module.f._function, {"x": getattr(module, "X", 1)}
        args, _ = function.encode(bound, 1)
        found = function.cache_key(args)
        assert function.cache_key(args) == found, "another one at the second look"
        return found

    def forget() -> None:
        for name in [each for each in sys.modules if each.partition(".")[0] == "kit"]:
            del sys.modules[name]
        for name in [each for each in registry if each == "p" or each.startswith("kit.")]:
            del registry[name]

    yield state
    forget()


def write(folder: Path, source: str, n: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "m.py").write_text(HEAD + source.format(n=n))
    for name, text in (("helpers", HELPERS), ("late", LATE)):
        (folder / f"{name}.py").write_text(text.format(n=n))


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_what_is_read_makes_another_key(state: State, edit: str) -> None:
    first = state(EDITS[edit], 3)
    assert state(EDITS[edit], 3) == first
    assert state(EDITS[edit], 4) != first


@pytest.mark.parametrize("edit", SAME)
def test_an_edit_of_what_is_not_read_makes_no_other_key(state: State, edit: str) -> None:
    assert state(SAME[edit], 3) == state(SAME[edit], 4)


@pytest.mark.parametrize("what", UNSEEN)
def test_what_cannot_be_told_apart_has_no_key_unless_a_version_answers_for_it(
    state: State, what: str
) -> None:
    source, problem = UNSEEN[what]
    with pytest.raises(UsageError, match=problem):
        state(source, 3)
    answered = source.replace("cache=True", "cache=True, version='{n}'")
    assert state(answered, 3) == state(answered, 3) != state(answered, 4)


def test_a_version_answers_for_what_cannot_be_told_apart_and_for_nothing_beside_it(state: State) -> None:
    source, _ = UNSEEN["one beside what it sees"]
    answered = source.replace("cache=True", "cache=True, version='1'")
    assert state(answered, 3) == state(answered, 3) != state(answered, 4)


def test_a_body_whose_import_fails_has_no_key(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "LATE", "1 / 0  # {n}")
    with pytest.raises(UsageError, match=r"of kit\.late .*cannot be imported: ZeroDivisionError"):
        state(EDITS["import in the body"], 3)


def test_another_process_has_the_same_keys(tmp_path: Path) -> None:
    for number, source in enumerate(EDITS.values()):
        write(tmp_path / f"kit{number}", source, 3)
    program = (
        f"import importlib\nfor n in range({len(EDITS)}):\n"
        "    print(importlib.import_module(f'kit{n}.m').f._function.cache_key(b'{}'))\n"
    )
    (tmp_path / "all.py").write_text(program)
    first, second = (
        forkserver.run(
            [sys.executable, "all.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for seed in ("1", "2")
    )
    assert [edit for edit, one, two in zip(EDITS, first, second, strict=True) if one != two] == []


@pytest.mark.parametrize(
    ("package", "launch"),
    [("shop", ["-m", "shop.m"]), ("", ["m.py"]), ("", ["run.py"])],
    ids=["module of a package", "script with siblings", "siblings, imported"],
)
def test_a_helper_that_was_edited_computes_anew_however_it_was_launched(
    tmp_path: Path, package: str, launch: list[str]
) -> None:
    (tmp_path / ".podium").mkdir()
    folder = tmp_path / package
    folder.mkdir(exist_ok=True)
    (folder / "m.py").write_text(
        f"from {package or 'helpers'}{'.helpers' if package else ''} import plus\n" + LAUNCHED
    )
    (tmp_path / "run.py").write_text("from m import w\nprint(w.run(3))\n")
    said: list[str] = []
    for n in (3, 3, 40):
        (folder / "helpers.py").write_text(HELPERS.format(n=n))
        done = forkserver.run(
            [sys.executable, "-B", *launch], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        said += done.stdout.split()
    assert said == ["computes", "6", "6", "computes", "43"]
