"""The lines of design section 4, held by the type checker: `make types` reads this file, nothing runs it.

A line that must be refused carries an ignore, and an ignore that is not needed is an error here.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

import podium
from podium import (
    App,
    Chunk,
    Executor,
    Found,
    Options,
    Retry,
    Run,
    Runs,
    Stream,
    Waiting,
    task,
    workflow,
)
from podium.executors import dask_cluster, ray_cluster
from podium.http import Functions, endpoint, functions


@dataclass(frozen=True)
class Verdict:
    safe: bool


@dataclass(frozen=True)
class Report:
    pages: int


@task(retries=Retry(times=5, wait=0.5, factor=2, jitter=True), timeout=30)
async def fetch(url: str, *, depth: int = 0) -> str:
    return url


@task
def moderate(text: str) -> Verdict:
    return Verdict(safe=bool(text))


@task
async def links(start: str) -> list[str]:
    return [start]


class Shop:
    @task
    def price(self, n: int) -> float:
        return float(n)

    @task
    async def stock(self, n: int) -> int:
        return n

    @workflow
    async def restock(self, n: int) -> str:
        return f"{self.price(n)}"


@workflow(schedule=[podium.cron("0 9 * * *", tz="Europe/Oslo"), podium.every("5m", catch_up="all")])
def morning() -> str:
    return f"{podium.scheduled_for():%H:%M}"


@task
def measures(machine: int) -> None:
    podium.measure("machine.lowest", 48.5, machine=machine, site="Oslo")
    podium.measure("machine.lowest", "48")  # pyright: ignore[reportArgumentType]  # no number
    assert_type(podium.series("machine.lowest", tags={"site": "Oslo"}, since="7d"), list[podium.Point])


@podium.resource(idle="10m")
async def connection(name: str) -> AsyncIterator[bytes]:
    yield name.encode()


@podium.resource
def model(size: int) -> Iterator[float]:
    yield float(size)


@task
async def uses(name: str) -> bytes:
    async with connection(name) as found:
        assert_type(found, bytes)
        return found


@task
def predicts(size: int) -> float:
    with model(size) as found:
        assert_type(found, float)
        return found


@workflow(timeout=60)
async def poll(n: int) -> int:
    return n if n > 100 else poll.again(n + 1)


@workflow
async def moderate_site(start: str) -> Report:
    urls = assert_type(await links(start), list[str])
    pages = assert_type(await fetch.map(urls, limit=20), list[str])
    verdict = assert_type(moderate(pages[0]), Verdict)
    a, b = await asyncio.gather(moderate.start(pages[0]), moderate.start(pages[1]))
    assert_type(a, Verdict)
    assert_type(b, Verdict)
    await asyncio.sleep(3600)
    async with asyncio.timeout(86_400):
        assert_type(await fetch("https://…", depth=1), str)
    return Report(len(urls) if verdict.safe else 0)


@workflow(timeout=60)
def invoice(n: int, currency: str = "EUR") -> str:
    assert_type(fetch.run("x"), str)
    assert_type(fetch.start("x").result(), str)
    podium.sleep(5)
    return f"{n} {currency}"


def a_call_has_its_own_colour_everywhere(shop: Shop) -> None:
    assert_type(moderate("x"), Verdict)
    assert_type(invoice(1), str)
    _ = assert_type(fetch("x"), Coroutine[Any, Any, str])
    _ = assert_type(moderate_site("x"), Coroutine[Any, Any, Report])
    assert_type(shop.price(1), float)
    _ = assert_type(shop.stock(1), Coroutine[Any, Any, int])
    _ = assert_type(shop.restock(1), Coroutine[Any, Any, str])


async def verbs(shop: Shop) -> None:
    assert_type(moderate_site.run("x"), Report)
    run = assert_type(moderate_site.start("x"), Run[Report])
    assert_type(run.result(), Report)
    assert_type(await run, Report)
    assert_type(await run.started(), str)
    assert_type(run.id, str)
    assert_type(run.why(), str)
    assert_type(run.retry(), Run[Report])
    assert_type(run.fork(at="fetch#1", value=""), Run[Report])
    kept = assert_type(moderate.map(["a", "b"], limit=2, on_error="return"), Runs[Verdict | Exception])
    assert_type([each for each in await kept if not isinstance(each, Exception)], list[Verdict])
    runs = assert_type(moderate.map(["a", "b"], limit=2, on_error="raise"), Runs[Verdict])
    assert_type(iter(runs), Iterator[Verdict])
    assert_type(aiter(runs), AsyncIterator[Verdict])
    assert_type(await runs, list[Verdict])
    for verdict in runs.as_completed():
        assert_type(verdict, Verdict)
    async for verdict in runs.as_completed():
        assert_type(verdict, Verdict)
    assert_type(shop.stock.run(1), int)
    assert_type(await shop.stock.map([1, 2]), list[int])
    assert_type(shop.price.start(1), Run[float])


def looks_ahead() -> None:
    for each in podium.check("workflow:invoice", last=10):
        assert_type(each, podium.CheckedRun)
        assert_type(each.is_well, bool)


async def many_at_once() -> None:
    one, two = await asyncio.gather(moderate_site("x"), invoice.start(1))
    assert_type(one, Report)
    assert_type(two, str)
    async with asyncio.TaskGroup() as group:
        assert_type(await group.create_task(fetch("x")), str)


async def finding() -> None:
    assert_type(podium.get("x"), Run[Any])
    client = podium.Client("http://127.0.0.1:7070", "token")
    assert_type(client.options(id="x", tags=["nightly"]).start("app:report", "Oslo").id, str)
    assert_type(client.get("x").cancel(), Waiting[None])
    assert_type(client.runs("status:failed").retry(), Waiting[int])
    assert_type(moderate_site.get("x"), Run[Report])
    assert_type(await moderate_site.get("x"), Report)
    started = assert_type(moderate.start_many(["a"], id=lambda text: text[:9]), list[Run[Verdict]])
    assert_type(await started[0].cancel(), None)
    assert_type(started[0].resume(), Waiting[None])
    found = assert_type(podium.runs("status:failed"), Found)
    for run in found:
        assert_type(run, Run[Any])
    async for run in found:
        assert_type(run, Run[Any])
        assert_type(run.value("stage"), Any)
        async for chunk in assert_type(run.stream("tokens", after=3), Stream):
            assert_type(chunk, Chunk)
    assert_type(await found.count(), int)
    assert_type(found.cancel().result(timeout=1), int)
    assert_type(await found.retry(), int)
    assert_type(await found.resume(), int)
    assert_type(podium.__version__, str)


@task(queue=podium.Queue("api", concurrency=20, rate="600/m", per="account"), retries=4)
async def orders(account: str, page: int) -> list[str]:
    raise podium.RetryAfter("30")


@workflow(queue="api")
def takes_turns(n: int) -> str:
    return str(n)


async def queued() -> None:
    assert_type(await orders("a", 1), list[str])
    urgent = orders.options(queue="api", key="a", priority=5)
    assert_type(urgent.run("a", 1), list[str])
    assert_type(takes_turns.start(1).result(), str)
    podium.Queue("api", concurrency="many")  # pyright: ignore[reportArgumentType]  # no number


def options() -> None:
    later = invoice.options(id="order-1", delay=60, tags=["monthly"])
    assert_type(later.run(1), str)
    assert_type(later(1), str)
    assert_type(later.start(1, currency="NOK"), Run[str])
    with App("sqlite:///x.db", options=Options(runs_max=10)) as app:
        assert_type(app, App)


def wrapping_what_cannot_be_edited() -> None:
    assert_type(task(len)([1]), int)
    assert_type(task(len, retries=3, timeout=1)([1]), int)
    assert_type(task(asyncio.open_connection, name="open").run("host", 80)[0].at_eof(), bool)
    assert_type(workflow(json.dumps, timeout=60).run([1], indent=2), str)
    assert_type(task(name="dumps")(json.dumps).run([1], indent=2), str)
    assert_type(moderate.fn("x"), Verdict)


def refused(shop: Shop) -> None:
    # Each of these lines is wrong on purpose.
    moderate(1)  # pyright: ignore[reportArgumentType]
    moderate()  # pyright: ignore[reportCallIssue]
    moderate.start("x", "y")  # pyright: ignore[reportCallIssue]
    moderate.run(text=b"x")  # pyright: ignore[reportArgumentType]
    fetch.start("x", depth="y")  # pyright: ignore[reportArgumentType]
    moderate.start_many([1, 2])  # pyright: ignore[reportArgumentType]
    moderate.start_many(["a"], id=len)  # pyright: ignore[reportArgumentType]
    moderate.map([1, 2])  # pyright: ignore[reportArgumentType, reportCallIssue]  # of no overload
    invoice.options(days=3)  # pyright: ignore[reportCallIssue]
    shop.price("x")  # pyright: ignore[reportArgumentType]
    task(len, retry=3)  # pyright: ignore[reportCallIssue]
    task(retries="many")  # pyright: ignore[reportArgumentType]


@podium.trusted
class Model:
    """A class of the program's own that is kept by pickle."""


@task
def fits(table: podium.File, key: podium.Secret[str]) -> Model:
    assert_type(table.name, str)
    assert_type(key.get(), str)
    return assert_type(podium.trusted(Model), type[Model])()


@task
def draws(model: Model) -> podium.Blob:
    return podium.Blob(b"png")


def by_reference() -> None:
    assert_type(draws(fits(podium.File("data.csv"), podium.Secret[str]("env:KEY"))).data, bytes)
    podium.Secret[str](b"KEY")  # pyright: ignore[reportArgumentType]  # a reference is text


@workflow(alerts=[podium.alert.failed("ops"), podium.alert.late("15m", "ops"), podium.alert.waiting("boss")])
async def waits_for_others() -> bool:
    assert_type(await podium.receive("price", float, timeout="1m"), float)
    assert_type(await podium.receive("any"), Any)
    answered = assert_type(podium.callback(int, timeout=3600), podium.Callback[int])
    assert_type(answered.id, str)
    assert_type(await answered, int)
    assert_type(await podium.ask("Ship it?", about={"id": 7}), Any)
    return assert_type(await podium.ask("Ship it?", bool, to="boss", about=["one", 2]), bool)


def answers(callback: str) -> None:
    assert_type(podium.complete(callback, 7), Waiting[None])
    assert_type(podium.complete(callback, error="refused", by="bank"), Waiting[None])


def scheduled() -> None:
    for each in assert_type(podium.schedules(), list[podium.ScheduleHandle]):
        assert_type(each.schedule, podium.Schedule)
        assert_type(each.next(2), list[datetime])
    assert_type(podium.cron("0 9 * * *"), podium.Schedule)


def failures(run: Run[int]) -> None:
    try:
        run.result()
    except podium.CommandFailed as error:
        assert_type(error.exit_code, int)
        assert_type(error.stderr, str)
    except podium.TaskFailed as error:
        assert_type(error.type, str)
    except podium.PodiumError as error:
        assert_type(error.code, str)
        assert_type(error.fix, str)


def small_verbs() -> None:
    assert_type(podium.progress(1, 10, page=3), None)
    assert_type(podium.last_progress(), Mapping[str, Any])
    assert_type(podium.attempt(), int)
    assert_type(podium.publish("stage", "packing"), None)
    assert_type(podium.this(), Run[Any])
    assert_type(podium.this().pause(by="ada"), Waiting[None])
    assert_type(podium.emit("tokens", "Hel"), Waiting[None])
    assert_type(podium.idempotency_key(), str)
    assert_type(podium.fencing_token(), tuple[int, int])
    assert_type(podium.now().timestamp(), float)
    assert_type(podium.uuid4().hex, str)
    assert_type(podium.random().random(), float)


def refund(receipt: str, order: str) -> None: ...


def landed(key: str, order: str) -> object:
    return podium.Done(key) if key else podium.NOT_DONE


@task(verify=landed, undo=refund, retries=3)
def charge(order: str) -> str:
    return order


@task(once=True)
async def post(order: str) -> int:
    return len(order)


async def effects(run: Run[str]) -> None:
    assert_type(charge("7"), str)
    assert_type(await post("7"), int)
    podium.on_failure(refund, "receipt", "7")
    podium.on_failure(refund, "receipt")  # pyright: ignore[reportCallIssue]  # an argument is missing
    assert_type(await run.settle("charge", happened="receipt", by="ops"), None)
    assert_type(run.settle("post", again=True), Waiting[None])
    assert_type(run.settle("post", failed=ValueError("declined")), Waiting[None])
    assert_type(charge.map(["7"], tolerate="5%"), Runs[str | Exception])


def commands(folder: Path) -> None:
    assert_type(podium.shell("ls", folder, cwd=folder, env={"LANG": "C"}, timeout="10s"), str)
    assert_type(podium.shell.start("ls", "-l"), Run[str])
    podium.shell("ls", 7)  # pyright: ignore[reportArgumentType]  # no text, no path


def behind_http(client: podium.Client) -> None:
    app = App(executors={"http": endpoint("https://functions.example/podium", key="k" * 32, concurrency=8)})
    App(
        executors={
            "gpu": dask_cluster("tcp://scheduler:8786"),
            "dask": dask_cluster(),
            "ray": ray_cluster("auto"),
        }
    )
    dask_cluster(8786)  # pyright: ignore[reportArgumentType]  # an address is text
    assert_type(functions(fetch, moderate, key=["new", "old"]), Functions)
    assert_type(client.complete("id", 7, error=None), Waiting[None])
    assert_type(client.get("id").stream("words", after=3), podium.Stream)
    assert_type(client.queue("api").set(concurrency=3, rate=None), Waiting[None])
    assert_type(client.queues()[0].show(), dict[str, Any])
    client.queue("api").set(concurrency="3")  # pyright: ignore[reportArgumentType]  # it is a number, not text
    app.close()


def pool() -> None:
    with Executor(max_workers=4, name="pool", fresh=True) as executor:
        assert_type(executor.submit(moderate.fn, "text").result(), Verdict)
        assert_type(executor.submit(pow, 2, 8), concurrent.futures.Future[int])
        assert_type(list(executor.map(len, ["a", "b"], timeout=2.0)), list[int])
        executor.submit(len)  # pyright: ignore[reportCallIssue]  # it wants an argument
    executor.shutdown(wait=True, cancel_futures=True)
