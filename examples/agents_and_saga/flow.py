"""The campaign: the lead model plans, workers answer, a person approves, and each order is a saga."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import podium
from podium import task, workflow

from . import model, shop

plan = task(model.plan, retries=3)
work = task(model.work, retries=3)
conclude = task(model.conclude, retries=3)


@dataclass(frozen=True)
class Report:
    """What the campaign has come to."""

    summary: str
    done: int
    undone: int


@workflow
async def research(question: str) -> str:
    """What the model says: each call of it is on record, so a replay makes none."""
    answers = await work.map(plan(question))  # as many as it has planned
    return conclude(question, answers)


@workflow
async def campaign(question: str, orders: list[str]) -> Report:
    """Ask the model, then a person, then serve the orders."""
    summary = await research(question)
    if not await podium.ask(f"{summary}. Serve {len(orders)} orders?", bool, to="sales"):
        return Report(summary, 0, 0)
    served = await serve.map(orders, limit=1, on_error="return")  # moto's transactions are not isolated
    undone = sum(isinstance(each, Exception) for each in served)
    return Report(summary, len(orders) - undone, undone)


# -- a saga: what is done is undone when the order fails -------------------------------------------------


def tear_up(name: str, order: str) -> None:
    die_in_undo()
    shop.tear_up(name)


def reserved(key: str, order: str) -> Any:
    """Asked before a piece is reserved once more: it may have been, by an attempt that got lost."""
    return podium.Done(key) if shop.is_reserved(key) else podium.NOT_DONE


@task(undo=tear_up, retries=3)
def write_receipt(order: str) -> str:
    return shop.write_receipt(order)


@task(verify=reserved)
def reserve(order: str) -> str:
    return shop.reserve(podium.idempotency_key(), order)


@task(retries=3)
def have_packed(order: str) -> str:
    return shop.have_packed(podium.idempotency_key(), order)


@workflow
async def serve(order: str) -> str:
    write_receipt(order)
    reserve(order)  # raises SoldOut: the receipt is torn up, and the order has failed
    return have_packed(order)


def die_in_undo() -> None:
    """For the trial: the first process that comes here is killed."""
    mark = os.environ.get("DIE_IN_UNDO")
    if mark and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
