"""What runs ask of people, and answering it."""

from __future__ import annotations

from typing import Any

import msgspec

from ...client import Operator, answer, given_before, questions
from ...inspect import iso
from ..access import Caller
from ..service import Service, committed


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a run asks. `schema` is JSON Schema of the answer, null where anything fits; `due`: until when an
    answer counts; `about`: what it is about, as it was recorded, or null."""

    id: str
    run: str
    step: str
    prompt: str
    to: str
    due: str | None
    schema: dict[str, Any] | None
    about: msgspec.Raw


class QuestionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What nobody has answered yet."""

    items: list[Question]
    next: None = None
    version: int = 1


class AnswerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ask`: the question's id, where the run asks several."""

    value: Any
    ask: str | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The run that goes on with it, and who is on record as having answered."""

    run: str
    by: str
    version: int = 1


def listed(service: Service) -> QuestionsPage:
    """What runs ask of people."""
    return QuestionsPage(
        items=[
            Question(
                id=row.target,
                run=row.run,
                step=row.step,
                prompt=row.prompt,
                to=row.to,
                due=iso(row.due),
                schema=msgspec.json.decode(row.schema, type=dict[str, Any]) if row.schema else None,
                about=msgspec.Raw(row.about or b"null"),
            )
            for row in questions(service.app)
        ]
    )


def give(service: Service, run: str, body: AnswerBody, caller: Caller) -> Answered:
    """Answer a run's question: checked by its schema; the first answer counts (409 for another)."""
    row = service.app.load(run)
    by = Operator(caller.name, is_recorded=True)
    before = given_before(service.app, row.id, body.ask)
    committed(answer(service.app, row.id, body.value, body.ask, by))
    return Answered(run=row.id, by=caller.name if before is None else before)
