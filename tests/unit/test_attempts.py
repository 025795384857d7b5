"""What the history says of attempts that were lost with their process."""

from __future__ import annotations

from podium.engine.attempts import ALONE, FORGIVEN, Attempts
from podium.model import Entry, Kind

STEP = "/app:pay"


def remembered(*entries: tuple[Kind, str, bytes]) -> Attempts:
    attempts = Attempts()
    for seq, (kind, step, payload) in enumerate(entries, 1):
        attempts.remember(Entry(seq, kind, 1.0, step, payload=payload, attempt=seq))
    return attempts


def losses(attempts: Attempts) -> tuple[int, int]:
    tries = attempts.tries[STEP]
    return tries.lost, tries.lost_alone


def test_each_attempt_on_record_that_never_ended_was_lost() -> None:
    attempts = remembered((Kind.START, STEP, b""), (Kind.START, STEP, ALONE))
    assert losses(attempts) == (2, 1)
    assert attempts.have_lost


def test_that_the_body_was_taken_up_changes_nothing_for_its_steps() -> None:
    attempts = remembered((Kind.START, STEP, ALONE), (Kind.START, "", ALONE), (Kind.START, "", b""))
    assert losses(attempts) == (1, 1)


def test_what_a_person_has_forgiven_is_counted_anew_from_there() -> None:
    lost = [(Kind.START, STEP, ALONE)] * 3
    attempts = remembered(*lost, (Kind.START, "", FORGIVEN))
    assert losses(attempts) == (0, 0)
    assert not attempts.have_lost
    assert attempts.tries[STEP].number == 3, "the numbers of attempts only grow"
    again = remembered(*lost, (Kind.START, "", FORGIVEN), (Kind.START, STEP, b""))
    assert losses(again) == (1, 0), "one innocent loss after it parks nobody"


def test_an_answer_ends_the_book() -> None:
    attempts = remembered((Kind.START, STEP, b""), (Kind.RESULT, STEP, b"1"))
    assert attempts.tries == {}
