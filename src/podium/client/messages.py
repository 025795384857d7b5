"""What goes to a run from outside: signals, and the answers to what it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from .. import codec
from ..checks import check_shown, check_text
from ..codec.schemas import Given
from ..depot import Depot
from ..engine import refused_signal
from ..errors import UsageError, WrongState
from ..executors import current_attempt
from ..model import (
    ANSWER,
    QUESTION,
    SIGNAL,
    WAITS_MAX,
    Answer,
    AuditRow,
    Message,
    Outcome,
    Verdict,
    WaitRow,
    Write,
)
from .app import App
from .asking import asked, pass_on
from .default_app import current_app
from .waiting import Waiting, mapped

if TYPE_CHECKING:
    from .operators import Operator


OPEN_MAX = 10_000  # questions


def send(app: App, run: str, name: str, value: Any, id: str | None) -> Future[None]:
    """Put a signal into a run's inbox. Raises UsageError, EncodeError, WrongState and InboxFull."""
    return put(app, run, signal(app, name, value, id))


def signal(app: App, name: str, value: Any, id: str | None) -> Message:
    """A signal from here, for `put`. Raises UsageError and EncodeError."""
    payload = encoded_signal(name, value, app.store.depot)
    if id is not None and id != "":
        check_text("send", "id", id)
    attempt = current_attempt.get()
    if id is None and attempt is not None:  # an attempt that is made again sends nothing twice
        attempt.sends += 1
        id = f"{attempt.idempotency_key}/{attempt.sends}"
    sender = attempt.run if attempt is not None else ""
    return Message(
        id or app.env.new_id(), "", SIGNAL, app.env.now(), payload, name, _digest(payload), sender=sender
    )


def put(app: App, run: str, message: Message) -> Future[None]:
    """Put it into the inbox of a run. Raises WrongState and InboxFull."""
    message = replace(message, run=run)

    def sent(verdict: Verdict) -> None:
        if verdict.messages[0] is not Outcome.DONE:
            raise refused_signal(run, verdict.messages[0])

    return mapped(app.decisions.write(Write(messages=(message,))), sent)


def encoded_signal(name: str, value: Any, depot: Depot | None) -> bytes:
    """The payload of a signal. Raises UsageError for a name that is none, and EncodeError."""
    check_text("send", "name", name)
    check_shown("send()", name)
    return codec.encode(value, where=f"send({name!r})", depot=depot)


def _digest(payload: bytes, state: str = "") -> bytes:
    return blake2b(state.encode() + payload, digest_size=12).digest()


def questions(app: App, run: str = "") -> list[WaitRow]:
    """What is asked and not answered yet: of one run, or of all; 10,000 at most."""
    return app.store.open_waits(run, QUESTION, OPEN_MAX)


def answer(app: App, run: str, value: Any, ask: str | None, by: Operator) -> Future[None]:
    """Answer what a run asks; `ask` names the question by its id, its step or its prompt.

    Raises UsageError where the value does not fit or it is not clear which question is meant, WrongState
    where there is none, or it is answered already, or the time is up.
    """
    return answering(app, value, ask, by)(run)


def answering(app: App, value: Any, ask: str | None, by: Operator) -> Callable[[str], Future[None]]:
    """What answers a run with the value as it is now: see `answer`."""
    given = Given(value, "answer", app.store.depot)

    def act(run: str) -> Future[None]:
        row = _meant(app, run, ask)
        given.check(row.schema, f"the answer to {row.prompt!r}")
        acts = by.acts("answer", run, app.env.now(), row.prompt)
        what = f"{row.prompt!r} of run {run}"
        return _complete(app, row.target, given.payload, "succeeded", by.name, what, acts)

    return act


def _meant(app: App, run: str, ask: str | None) -> WaitRow:
    left = [row for row in questions(app, run) if ask in (None, row.target, row.step, row.prompt)]
    if len(left) == 1:
        return left[0]
    if left:
        asked = "; ".join(f"{row.target}: {row.prompt}" for row in left)
        raise UsageError(
            f"run {run} asks {len(left)} questions: {asked}", fix=f"podium answer {run} VALUE --ask ID"
        )
    waits = app.store.waits(run, limit=WAITS_MAX)
    for row in reversed(waits):
        if row.kind == ANSWER and row.prompt and ask in (None, row.target, row.step, row.prompt):
            return row  # it was answered, or is closed: the store says which, and whether this is a repeat
    row = app.load(run)
    asks = f"asks nothing called {ask!r}" if ask else "asks nothing"
    raise WrongState(f"run {run} ({row.state}) {asks}", fix="podium waiting  lists what is asked")


def _complete(
    app: App,
    target: str,
    payload: bytes,
    state: str,
    by: str,
    what: str,
    acts: tuple[AuditRow, ...] = (),
) -> Future[None]:
    given = Answer(target, app.env.now(), _digest(payload, state), payload, state, by)

    after: Future[None] = Future()

    def answered(verdict: Future[Verdict]) -> None:
        """On the engine's thread, which has no time for the look that says why it was refused."""
        if verdict.exception() is None and verdict.result().answers[0] in (Outcome.TAKEN, Outcome.CLOSED):
            why = partial(_refused, app, target, what, verdict.result().answers[0])
            pass_on(app.session.asking.ask(why, is_part=True), after)
        else:
            pass_on(mapped(verdict, lambda _: None), after)

    app.decisions.write(Write(answers=(given,), acts=acts)).add_done_callback(answered)
    return after


def _refused(app: App, target: str, what: str, outcome: Outcome) -> NoReturn:
    waits = app.store.waits(target=target)
    if outcome is Outcome.TAKEN:
        raise WrongState(f"{what} was answered already, otherwise", fix=_who(waits))
    if not waits:
        raise WrongState(
            f"{what} is unknown: no run here waits for it",
            fix="podium why RUN  says the id of what a run waits for",
        )
    raise WrongState(
        f"{what} is closed: nobody waits for an answer any more", fix="podium waiting  lists what is asked"
    )


def _who(rows: Sequence[WaitRow]) -> str:
    by = next((row.by for row in rows if row.by), "")
    return f"the answer on record is by {by}" if by else "the first answer counts"


def given_before(app: App, run: str, ask: str | None) -> str | None:
    """Who answered that question of a run already ("": nobody said who); None: nobody has. Read before one
    answers: an equal answer is no error, and counts as the first one's."""
    row = _meant(app, run, ask)
    return None if row.taken is None else row.by


def completed_before(app: App, callback: str) -> str | None:
    """The same of a callback."""
    taken = [row for row in app.store.waits(target=callback) if row.taken is not None]
    return next((row.by for row in taken if row.by), "") if taken else None


def complete(
    callback: str, value: Any = None, *, error: str | BaseException | None = None, by: str = ""
) -> Waiting[None]:
    """Answer a callback, in any process, with a value or an error.

    callback  its id, as `podium.callback(...).id` gave it
    value     what the body gets
    error     instead: what the body's wait raises, an exception or the text of a RuntimeError
    by        who answers, for the record

    Raises UsageError where the value does not fit, WrongState where nobody waits for it any more, or it was
    completed otherwise.

    Example:

    >>> podium.complete("nobody-asks")
    Traceback (most recent call last):
    podium.errors.WrongState: ...
    """
    app = current_app()
    return asked(app.session.asking, _completing(app, callback, value, error, by))


def completing(
    app: App, callback: str, value: Any, error: str | BaseException | None, by: str
) -> Future[None]:
    """See `complete`."""
    return _completing(app, callback, value, error, by)()


def _completing(
    app: App, callback: str, value: Any, error: str | BaseException | None, by: str
) -> Callable[[], Future[None]]:
    check_text("complete", "callback", callback)
    if by:
        check_text("complete", "by", by)
    given = Given(value, "complete", app.store.depot)
    if error is None:
        payload, state = given.payload, "succeeded"
    else:
        failure = error if isinstance(error, BaseException) else RuntimeError(error)
        payload, state = codec.encode_failure(failure), "failed"

    def act() -> Future[None]:
        for row in app.store.waits(target=callback) if error is None else ():
            given.check(row.schema, f"the value for callback {callback}")
        return _complete(app, callback, payload, state, by, f"callback {callback}")

    return act
