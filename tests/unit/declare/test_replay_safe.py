"""Clocks, chance, addresses, the order of sets: refused in a workflow's own code when it is declared."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from podium.errors import NotReplaySafe
from podium.functions import registry

Load = Callable[..., ModuleType]

HEAD = """
import asyncio, datetime as dt, functools, os, random, secrets, time, uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from time import time as t, monotonic
from uuid import uuid4
import podium
from podium import task, workflow
@task
def act(x=None): return time.time()
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a module of this text, after others beside it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before, names = set(sys.modules), set(registry)

    def load(text: str, **others: str) -> ModuleType:
        for name, other in others.items():
            file = tmp_path / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(textwrap.dedent(other))
        (tmp_path / "flows.py").write_text(HEAD + textwrap.dedent(text))
        importlib.invalidate_caches()
        return importlib.import_module("flows")

    yield load
    for name in set(sys.modules) - before:
        del sys.modules[name]
    for name in set(registry) - names:
        del registry[name]


REFUSED = {
    "time.time": "act(time.time())",
    "another name": "act(t())",
    "a clock handed on": "clock = time.monotonic\n    act(clock())",
    "nanoseconds": "act(time.time_ns())",
    "a stopwatch": "began = time.perf_counter()",
    "no argument": "act(time.strftime('%H'))",
    "localtime": "act(time.localtime())",
    "datetime.now": "act(datetime.now())",
    "utcnow of an alias": "act(dt.datetime.utcnow())",
    "a zone": "act(datetime.now(dt.timezone.utc))",
    "today": "act(date.today())",
    "the module of random": "act(random.choice([1, 2]))",
    "a generator without a seed": "rng = random.Random()",
    "the system's chance": "act(random.SystemRandom().random())",
    "secrets": "act(secrets.token_hex())",
    "uuid4": "act(uuid4())",
    "uuid1": "act(uuid.uuid1())",
    "urandom": "act(os.urandom(3))",
    "an address": "act(id(x))",
    "a hash": "act(hash('a') % 3)",
    "the process": "act(os.getpid())",
    "imported in the body": "import time as clock\n    act(clock.time())",
    "imported by name in the body": "from random import choice\n    act(choice([1]))",
    "a lambda": "act((lambda: time.time())())",
    "a function in the body": "def inner():\n        return uuid4()\n    act(inner())",
    "a comprehension": "act([random.random() for _ in range(3)])",
    "a default in the body": "def inner(at=time.time()):\n        return at\n    act(inner())",
    "handed to something": "act(sorted(x, key=lambda _: random.random()))",
    "an f-string": "act(f'{datetime.now():%H}')",
    "a condition": "if datetime.now().hour > 3:\n        act()",
    "a match": "match time.time():\n        case _: act()",
    "a set": "for url in {'a', 'b'}:\n        act(url)",
    "a set of something": "for url in set(x):\n        act(url)",
    "a list of a set": "act(list(set(x)))",
    "a joined set": "act(','.join({'a', 'b'}))",
    "a set by another name": "urls = set(x)\n    for url in urls:\n        act(url)",
    "a set that grows": "seen = set()\n    for a in x:\n        seen.add(a)\n    act([s for s in seen])",
    "sets combined": "for url in set(x) - {'a'}:\n        act(url)",
    "the first of a set": "first, *_ = set(x)",
    "popped": "todo = set(x)\n    act(todo.pop())",
    "a set comprehension": "for url in {f'/{a}' for a in x}:\n        act(url)",
    "steps of a set": "act(sum(act(url) for url in set(x)))",
    "unpacked": "act([*{'a', 'b'}])",
    "mapped": "list(act.map({'a', 'b'}))",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_a_body_that_decides_otherwise_each_time_is_refused(load: Load, body: str) -> None:
    with pytest.raises(NotReplaySafe, match=r"flows\.py:\d+: .* in the workflow flow gives something else"):
        load(f"@workflow\ndef flow(x):\n    {body}")


ALLOWED = {
    "podium's own": "act(podium.now()); act(podium.uuid4()); act(podium.random().choice([1]))",
    "a local called time": "time = x\n    act(time.time())",
    "a parameter called random": "act((lambda random: random.random())(x))",
    "a loop variable": "for uuid in x:\n        act(uuid.uuid4())",
    "a keyword": "act(dict(id=1, time=2, hash=3))",
    "an attribute": "act(x.id, x.time(), x.now())",
    "a seed": "act(random.Random(7).random())",
    "a type": "act(isinstance(x, (datetime, random.Random, uuid.UUID)))",
    "a point in time": "act(datetime(2026, 1, 1), datetime.fromisoformat(x), time.gmtime(0))",
    "a name made of a name": "act(uuid.uuid5(uuid.NAMESPACE_URL, x))",
    "a task with a clock": "act()",
    "marked": "began = time.monotonic()  # podium: replay-safe",
    "a sorted set": "for url in sorted(set(x)):\n        act(url)",
    "a question to a set": "act('a' in {'a', 'b'}, len(set(x)), max({1, 2}), any(a for a in set(x)))",
    "a set of a set": "seen = {a for a in set(x)}\n    act(sorted(seen))",
    "a set of numbers": "for n in {1, 2, 3}:\n        act(n)",
    "numbers of a range": "for n in set(range(3)):\n        act(n)",
    "a set of counts": "seen: set[int] = set()\n    seen.add(x.n)\n    for n in seen:\n        act(n)",
    "a dict": "for url in dict.fromkeys(x):\n        act(url)",
    "a repeated word": "act([a for a in x if a not in {'b'}])",
}


@pytest.mark.parametrize("body", ALLOWED.values(), ids=ALLOWED.keys())
def test_a_body_that_only_looks_like_it_passes(load: Load, body: str) -> None:
    load(f"@workflow\ndef flow(x):\n    {body}")


def test_asyncio_and_sets_of_its_tasks_pass(load: Load) -> None:
    load("""
        @workflow
        async def flow(x):
            await asyncio.sleep(asyncio.get_running_loop().time() * 0)
            pending = {asyncio.create_task(asyncio.sleep(n)) for n in x}
            for branch in pending:
                branch.cancel()
            more = set()
            for n in x:
                branch = asyncio.create_task(asyncio.sleep(n))
                more.add(branch)
                branch.add_done_callback(more.discard)
            await asyncio.gather(*more)
            done, pending = await asyncio.wait(more)
            return [each.result() for each in done]
    """)


REACHED = {
    "a function above": "def helper(): return time.time()\n@workflow\ndef flow(x): return helper()",
    "a function below": "@workflow\ndef flow(x): return helper()\ndef helper(): return time.time()",
    "two calls away": "@workflow\ndef flow(x): return a()\ndef a(): return b()\ndef b(): return uuid4()",
    "also what undoes, where the body calls it": "def tell(o): return time.time()\n@workflow\n"
    "def flow(x): podium.on_failure(tell, tell(x))",
    "a part of it": "def helper(): return uuid4()\nmake = functools.partial(helper)\n"
    "@workflow\ndef flow(x): make()",
    "a cached one": "@functools.cache\ndef helper(): return uuid4()\n@workflow\ndef flow(x): helper()",
    "a cached one below": "@workflow\ndef flow(x): helper()\n@functools.cache\ndef helper(): return uuid4()",
    "a lambda": "helper = lambda: uuid4()\n@workflow\ndef flow(x): helper()",
    "what a task says is a set": "@task\ndef names() -> set[str]: ...\n@workflow\n"
    "def flow(x): return [act(name) for name in names()]",
    "what an async one says": "@task\nasync def names() -> frozenset[str]: ...\n@workflow\n"
    "async def flow(x):\n  for name in await names(): act(name)",
    "a set that a function makes": "def names(x): return set(x)\n@workflow\ndef flow(x): act(list(names(x)))",
    "one below that another makes": "@workflow\ndef flow(x):\n  found = names(x)\n"
    "  for each in found: act(each)\ndef names(x): return others(x) | {'a'}\n"
    "def others(x):\n  if x: return {f'{each}' for each in x}\n  return {'b', 'c'}",
    "a count of the module": "COUNT = 0\n@workflow\ndef flow(x):\n  global COUNT\n  COUNT += 1\n  act(COUNT)",
    "a count of it in a function": "COUNT = 0\ndef count():\n  global COUNT\n  COUNT = COUNT + 1\n"
    "  return COUNT\n@workflow\ndef flow(x): act(count())",
    "a global": "STARTED = time.time()\n@workflow\ndef flow(x): act(STARTED)",
    "a default": "@workflow\ndef flow(x, at=datetime.now()): act(at)",
    "a generator": "RNG = random.Random(7)\n@workflow\ndef flow(x): act(RNG.random())",
    "a lock of the module": "LOCK = asyncio.Lock()\n@workflow\nasync def flow(x):\n  async with LOCK: ...",
    "a queue of the module": "jobs = asyncio.Queue()\n@workflow\nasync def flow(x): await jobs.get()",
    "a clock by another name": "clock = time.time\n@workflow\ndef flow(x): act(clock())",
    "a decorator's body": """
def timed(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        began = time.monotonic()
        return fn(*args)
    return wrapper
@workflow
@timed
def flow(x): act()
""",
    "a field": """
@dataclass
class Order:
    id: str = field(default_factory=lambda: str(uuid4()))
@workflow
def flow(x): act(Order())
""",
    "a field's factory": """
@dataclass
class Order:
    at: datetime = field(default_factory=datetime.now)
@workflow
def flow(x): act(Order())
""",
    "a field of a class below": """
@workflow
def flow(x): act(Order())
@dataclass
class Order:
    id: str = field(default_factory=uuid4)
""",
    "a constructor": """
class Order:
    def __init__(self): self.at = time.time()
@workflow
def flow(x): act(Order().at)
""",
    "a method": """
class Order:
    def late(self): return date.today() > self.due
@workflow
def flow(x):
    order = Order()
    act(order.late())
""",
    "a method of an argument": """
class Order:
    def late(self): return date.today() > self.due
@workflow
def flow(x: Order): act(x.late())
""",
    "self": """
class Shop:
    @workflow
    def flow(self, x): return self.helper()
    def helper(self): return self.inner
    @property
    def inner(self): return time.time()
""",
    "a base of self": """
class Base:
    def helper(self): return time.time()
class Shop(Base):
    @workflow
    def flow(self, x): return self.helper()
""",
    "a bare function of a task": "@workflow\ndef flow(x): act.fn()",
}


@pytest.mark.parametrize("text", REACHED.values(), ids=REACHED.keys())
def test_what_the_body_calls_is_read_as_well(load: Load, text: str) -> None:
    with pytest.raises(NotReplaySafe, match=r"flows\.py:\d+: "):
        load(text)


def test_chance_of_a_module_that_is_imported_when_it_is_asked_for(load: Load) -> None:
    lazy = "def __getattr__(name): raise AttributeError(name)"
    with pytest.raises(NotReplaySafe, match=r"numpy\.random\.rand"):
        load("import numpy\n@workflow\ndef flow(x): act(numpy.random.rand())", numpy=lazy)


UNREACHED = {
    "a task that gives sets of what has an order": "@task\ndef ids() -> set[int]: ...\n@workflow\n"
    "def flow(x): return [act(each) for each in ids()]",
    "a question to a set that a task gives": "@task\ndef names() -> set[str]: ...\n@workflow\n"
    "def flow(x): return act(x in names()), act(sorted(names()))",
    "functions that return each other": "@workflow\ndef flow(x): act(list(a(x)))\n"
    "def a(x): return b(x)\ndef b(x): return a(x)",
    "a local count beside one of the module": "n = 0\n@workflow\ndef flow(x):\n  n = 0\n  n += 1\n  act(n)",
    "a count that a task keeps": "COUNT = 0\n@task\ndef count():\n  global COUNT\n  COUNT += 1\n"
    "@workflow\ndef flow(x): act(count())",
    "a proxy with nothing behind it": """
class Proxy:
    def __getattr__(self, name): raise RuntimeError("no request")
    @property
    def __name__(self): raise RuntimeError("no request")
    @property
    def __class__(self): raise RuntimeError("no request")
    def __eq__(self, other): raise RuntimeError("no request")
    __hash__ = None
request = Proxy()
@workflow
def flow(x):
    act(request.user, [n for n in request])
    for a in request: ...
    return request.now()
""",
    "a task below": "@workflow\ndef flow(x): later()\n@task\ndef later(): return time.time()",
    "a task by another name": "job = functools.partial(task, retries=1)\n"
    "@workflow\ndef flow(x): later()\n@job()\ndef later(): return time.time()",
    "a wrapped task": "later = task(lambda: time.time(), name='later')\n@workflow\ndef flow(x): later()",
    "a task as a method": "class Shop:\n  @workflow\n  def flow(self): self.later()\n"
    "  @task\n  def later(self): return time.time()",
    "what a failure is undone with": "def tell(o): print(o, time.time())\n@workflow\n"
    "def flow(x): podium.on_failure(tell, x)",
    "the same of the module by another name": "import podium as p\ndef tell(o): print(o, time.time())\n"
    "@workflow\ndef flow(x): p.on_failure(tell, x)",
    "the same by another name": "from podium import on_failure as undo\nclass Shop:\n  @staticmethod\n"
    "  def tell(o): print(o, time.time())\n@workflow\ndef flow(x): undo(Shop.tell, x)",
    "never called": "def helper(): return time.time()\n@workflow\ndef flow(x): act()",
    "a constant": "LIMIT = 3\n@workflow\ndef flow(x): act(LIMIT)",
    "a type of argument": "@dataclass\nclass Order:\n  id: str = field(default_factory=uuid4)\n"
    "@workflow\ndef flow(x: Order): act(isinstance(x, Order))",
    "a user's own time()": "def time(): return 3\n@workflow\ndef flow(x): time()",
}


@pytest.mark.parametrize("text", UNREACHED.values(), ids=UNREACHED.keys())
def test_what_it_does_not_call_is_not(load: Load, text: str) -> None:
    load(text)


def test_a_module_beside_it_is_its_own_and_another_package_is_not(load: Load) -> None:
    others = {"helpers": "import time\ndef stamp(): return time.time()", "other__main": ""}
    others["other__clock"] = "import time\ndef stamp(): return time.time()"
    load("import other.clock\n@workflow\ndef flow(x): act(other.clock.stamp())", **others)
    del sys.modules["flows"]
    with pytest.raises(NotReplaySafe, match=r"helpers\.py:2: time\.time "):
        load("from helpers import stamp\n@workflow\ndef flow(x): act(stamp())", **others)


def test_the_message_names_the_line_the_substitute_and_the_others(load: Load) -> None:
    with pytest.raises(NotReplaySafe) as caught:
        load("@workflow\ndef flow(x):\n    act(t())\n    act(uuid4())\n")
    text = str(caught.value)
    assert "flows.py:13: t (time.time) in the workflow flow" in text
    assert "(also uuid4 in " in text
    assert "podium.now()" in text
    assert "# podium: replay-safe" in text


FIRST = "@workflow\ndef flow(x):\n    '''Doc.'''\n    return helper()\ndef helper():\n    return act(1)\n"
SAME = "# note\n@workflow(timeout=5)\ndef flow(x):\n    return (helper())\ndef helper():\n\n    return act(1)"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (SAME, True),
        (FIRST.replace("act(1)", "act(2)"), False),
        (FIRST.replace("helper()\ndef", "helper() or 1\ndef"), False),
        (FIRST + "def unused(): ...\n", True),
    ],
)
def test_the_fingerprint_is_of_what_the_body_reaches_also_below_it(load: Load, text: str, same: bool) -> None:
    before = load(FIRST).flow._function.fingerprint
    del sys.modules["flows"], registry["flows:flow"], registry["flows:act"]
    assert before
    assert (load(text).flow._function.fingerprint == before) is same
