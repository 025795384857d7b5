"""Which service is asked for what, how much at once, and what happens when one is down. The only part that
knows Podium.

An answer waits for neither the log nor the shadow model: both are asked by a run of its own, which outlives
the one that answers and tries for a week. A model that is down is replaced by a small one in this process.
"""

from __future__ import annotations

from dataclasses import dataclass

from podium import Retry, task, workflow

from . import client, digits
from .client import Refused, Unavailable
from .digits import Batch

AT_ONCE, LOG = 4, 2  # batches: what the first two services bear, and what the log is asked to bear

soon = Retry(times=2, wait=0.02, factor=2, on=Unavailable)
patiently = Retry(times=1_000_000, wait=0.1, factor=2, max_wait=1, total="1w", on=Unavailable)

batches = task(retries=soon, timeout="30s")(client.batches)
prepare = task(retries=soon, timeout="30s")(client.batch)
write = task(retries=patiently, timeout="30s")(client.write)


@task(retries=soon, timeout="30s")
def predict(model: str, batch: Batch) -> list[int]:
    """By a model of the service."""
    return client.tell(model, batch.images)


@task
def fall_back(batch: Batch) -> list[int]:
    """By a small model that needs no service."""
    return [digits.nearest(image) for image in batch.images]


@dataclass(frozen=True)
class Answer:
    """What the images of a batch are taken for, and by which model."""

    batch: Batch
    told: list[int]
    by: str


@dataclass(frozen=True)
class Report:
    """What was answered. `records`: the id of the run that has it logged."""

    batches: int
    right: int
    images: int
    fell_back: int  # batches
    records: str

    def __str__(self) -> str:
        by = f", {self.fell_back} of them by the fallback" if self.fell_back else ""
        return f"{self.batches} batches{by}, {self.right}/{self.images}"


@workflow
async def answer(number: int) -> Answer:
    """Answer one batch."""
    batch = prepare(number)
    try:
        return Answer(batch, predict("digits", batch), "digits")
    except Unavailable:
        return Answer(batch, fall_back(batch), "fallback")


@workflow
async def record(answer: Answer) -> int | None:
    """Ask the shadow model, too, and log both; in how many images they differ, None: it was not there."""
    others: list[int] | None = None
    try:
        others = predict("shadow", answer.batch)
    except (Unavailable, Refused):
        pass  # no answer rests on it
    write(digits.rows(answer.batch.first, answer.told, answer.by, others))
    return None if others is None else sum(a != b for a, b in zip(answer.told, others, strict=True))


@workflow
async def records(answers: list[Answer]) -> list[int | None]:
    """Record all of them, `LOG` at once."""
    return await record.map(answers, limit=LOG)


@workflow
async def deployment() -> Report:
    """Answer all batches, and leave a run behind that records the answers."""
    found = await answer.map(range(batches()), limit=AT_ONCE)
    pairs = [pair for each in found for pair in zip(each.told, each.batch.labels, strict=True)]
    return Report(
        len(found),
        sum(told == label for told, label in pairs),
        len(pairs),
        sum(each.by == "fallback" for each in found),
        records.options(outlive=True).start(found).id,
    )
