"""The book of attempts: what the history says of lost ones, and what is due again."""

from __future__ import annotations

from podium.engine.attempts import Attempts
from podium.model import ASKS, NOT_BEGUN, Entry, Kind

STEP = "/pay"


def remembered(*entries: tuple[Kind, str]) -> Attempts:
    attempts = Attempts()
    for seq, (kind, step) in enumerate(entries, 1):
        attempts.remember(Entry(seq, kind, 1.0, step, attempt=seq))
    return attempts


def losses(attempts: Attempts) -> tuple[int, int]:
    tries = attempts.tries[STEP]
    return tries.lost, tries.lost_alone


def test_each_attempt_on_record_that_never_ended_was_lost() -> None:
    attempts = remembered((Kind.START, STEP), (Kind.START_ALONE, STEP))
    assert losses(attempts) == (2, 1)
    assert attempts.have_lost


def test_an_attempt_that_was_handed_back_with_its_run_was_not_lost() -> None:
    lost = [(Kind.START, STEP), (Kind.START_ALONE, STEP)]
    assert losses(remembered(*lost, (Kind.START_ALONE, STEP), (Kind.HANDED_BACK, STEP))) == (2, 1)
    assert losses(remembered(*lost[:1], (Kind.START, STEP), (Kind.HANDED_BACK, STEP))) == (1, 0)


def test_who_was_to_ask_and_has_not_takes_back_no_attempt_at_the_step() -> None:
    asks = Entry(2, Kind.START, 1.0, STEP, attempt=2, name=ASKS)
    attempts = remembered((Kind.START, STEP))
    for entry in (asks, Entry(3, Kind.HANDED_BACK, 1.0, STEP, attempt=2, name=NOT_BEGUN)):
        attempts.remember(entry)
    assert attempts.of(STEP).is_uncertain, "the next owner has to ask, too"
    attempts.remember(Entry(4, Kind.START, 1.0, STEP, attempt=2))
    attempts.remember(Entry(5, Kind.HANDED_BACK, 1.0, STEP, attempt=2, name=NOT_BEGUN))
    assert attempts.of(STEP).number == 1


def test_that_the_body_was_taken_up_changes_nothing_for_its_steps() -> None:
    attempts = remembered((Kind.START_ALONE, STEP), (Kind.TURN_BEGAN, ""), (Kind.TURN_SURVIVED, ""))
    assert losses(attempts) == (1, 1)


def test_what_a_person_has_forgiven_is_counted_anew_from_there() -> None:
    lost = [(Kind.START_ALONE, STEP)] * 3
    attempts = remembered(*lost, (Kind.FORGIVEN, ""))
    assert losses(attempts) == (0, 0)
    assert not attempts.have_lost
    assert attempts.tries[STEP].number == 3, "the numbers of attempts only grow"
    again = remembered(*lost, (Kind.FORGIVEN, ""), (Kind.START, STEP))
    assert losses(again) == (1, 0), "one innocent loss after it parks nobody"


def test_an_answer_ends_the_book() -> None:
    attempts = remembered((Kind.START, STEP), (Kind.RESULT, STEP))
    assert attempts.tries == {}


# -- what is postponed -------------------------------------------------------------------------------------


def postponed(*dues: tuple[str, float]) -> Attempts:
    attempts = Attempts()
    for seq, (step, due) in enumerate(dues, 1):
        attempts.remember(Entry(seq, Kind.RETRY, 1.0, step, policy=0, attempt=seq, due=due))
    return attempts


def test_what_is_due_first_comes_first() -> None:
    attempts = postponed(("a", 30.0), ("b", 10.0), ("c", 20.0))
    assert attempts.next_due() == 10.0
    assert attempts.take_due(5.0) == []
    assert attempts.take_due(20.0) == ["b", "c"]
    assert (attempts.next_due(), attempts.postponed) == (30.0, {"a": 30.0})


def test_what_is_postponed_no_more_is_not_due() -> None:
    attempts = postponed(("a", 10.0), ("b", 20.0), ("c", 30.0), ("d", 40.0), ("d", 60.0), ("e", 50.0))
    attempts.remember(Entry(7, Kind.START, 1.0, "a", attempt=2))
    attempts.remember(Entry(8, Kind.RESULT, 1.0, "b"))
    attempts.forget("c")
    assert attempts.next_due() == 50.0, "d was postponed again"
    assert attempts.take_due(70.0) == ["e", "d"]
    assert attempts.next_due() is None


def test_a_step_postponed_twice_to_one_time_is_due_once() -> None:
    assert postponed(("a", 10.0), ("a", 10.0)).take_due(10.0) == ["a"]


class Due(float):
    """Counts the comparisons, each of which looks at something postponed."""

    looks = 0

    def __lt__(self, other: float) -> bool:
        Due.looks += 1
        return super().__lt__(other)


def test_each_failure_of_a_wide_run_looks_at_few_others() -> None:
    attempts, width = Attempts(), 1000
    Due.looks = 0
    for n in range(width):  # the engine asks after each
        due = Due(n * 7 % width)
        attempts.remember(Entry(n, Kind.RETRY, 1.0, f"{n}", policy=0, attempt=1, due=due))
        attempts.next_due()
    assert Due.looks < 5 * width
    for now in range(width):
        assert len(attempts.take_due(now)) == 1
    assert Due.looks < 50 * width
