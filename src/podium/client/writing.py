"""Writes that depend on what has become of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ..model import Outcome, Verdict, Write


def is_refused(verdict: Verdict) -> bool:
    """Whether a Write has done nothing because its run is not as it was seen: another one may be tried."""
    return verdict.outcome is Outcome.REFUSED or Outcome.CLOSED in verdict.messages


def first_not_refused(
    commit: Callable[[Write], Future[Verdict]], writes: Sequence[Write]
) -> Future[tuple[Write, Verdict]]:
    """Commit these writes one after the other, until one is not refused; that one, or the last, and its
    verdict."""
    answer: Future[tuple[Write, Verdict]] = Future()

    def begin(write: Write, others: Sequence[Write]) -> None:
        def done(verdict: Future[Verdict]) -> None:
            try:
                if is_refused(verdict.result()) and others:
                    begin(others[0], others[1:])
                else:
                    answer.set_result((write, verdict.result()))
            except BaseException as error:  # whoever waits is told
                answer.set_exception(error)

        commit(write).add_done_callback(done)

    begin(writes[0], writes[1:])
    return answer
