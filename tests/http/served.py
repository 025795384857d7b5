"""Tasks that a function endpoint makes, and what serves them: `uvicorn tests.http.served:app`."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import podium
from podium import Retry, task
from podium.http import functions

TRIES = Retry(times=50, wait=0.01, factor=1.0)
_lock = threading.Lock()


def _note(what: object) -> None:
    with _lock, open(os.environ["LEDGER"], "a", encoding="utf-8") as file:
        file.write(f"{what}\n")


@task(executor="http", retries=TRIES, timeout=5)
def square(n: int) -> int:
    _note(podium.idempotency_key())
    return n * n


@task(executor="http")
async def greet(name: str) -> tuple[str, int]:
    await podium.emit("words", name)
    podium.publish("name", name)
    await asyncio.sleep(0)
    return f"hello {name}", podium.attempt()


@task(executor="http")
def fails(text: str) -> None:
    raise LookupError(text)


@task(executor="http", timeout=0.3)
async def stays() -> None:
    _note("begun")
    try:
        await asyncio.Event().wait()
    finally:
        _note("left")


@task
def looks(key: str) -> Any:
    return podium.NOT_DONE


@task(executor="http", verify=looks, timeout=0.2)
def lands() -> str:
    _note("begun")
    time.sleep(0.8)
    _note("landed")
    return "landed"


@task(executor="http")
def begins(callback: str, url: str, token: str) -> None:
    def finish() -> None:
        podium.Client(url, token).complete(callback, 42).result()

    threading.Thread(target=finish).start()


@task(executor="http")
def unserved() -> None: ...


app = functions(square, greet, fails, stays, lands, begins, key=os.environ.get("FUNCTIONS_KEY", "k" * 32))
