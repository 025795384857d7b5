"""What `podium.http.functions` answers, and what it refuses: forged, altered, old and repeated requests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64encode
from typing import Any

import pytest

from podium import UsageError, codec
from podium.env import RealEnv
from podium.executors import Attempt, decode_outcome
from podium.executors.encoded import encode_named
from podium.executors.signing import ID, SIGNATURE, TIME, WINDOW, NotSigned, check, signed
from podium.functions import registry
from podium.http import endpoint, functions
from tests.http import served
from tests.http.conftest import KEY

PATH = "/podium"
Headers = dict[str, str]


def an_attempt(task: Any, **arguments: Any) -> Attempt:
    args, _ = codec.encode_call(arguments, where="test")
    return Attempt("run", "step#1", registry[task.name], args, 1, 7)


def ask(
    app: Any, headers: Headers, body: bytes, method: str = "POST", path: str = PATH
) -> tuple[int, Headers, bytes]:
    """One request, as a server hands it over."""
    sent: list[dict[str, Any]] = []

    async def call() -> None:
        came: list[dict[str, Any]] = [{"type": "http.request", "body": body[:5], "more_body": True}]
        came.append({"type": "http.request", "body": body[5:]})

        async def receive() -> dict[str, Any]:
            if came:
                return came.pop(0)
            return await asyncio.Event().wait() or {}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": raw}
        await app(scope, receive, send)

    asyncio.run(call())
    start, end = sent
    return start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, end["body"]


def right(body: bytes, id: str = "id-1", now: float | None = None, what: str = f"POST {PATH}") -> Headers:
    return signed(KEY.encode(), id, RealEnv().now() if now is None else now, what, body)


@pytest.fixture
def app() -> Any:
    return functions(served.greet, served.fails, key=KEY)


@pytest.fixture
def work() -> bytes:
    return encode_named(an_attempt(served.greet, name="you"))


def test_a_signed_request_is_answered_and_the_answer_is_signed_for_it(app: Any, work: bytes) -> None:
    status, headers, body = ask(app, right(work), work)
    assert status == 200
    assert check([KEY.encode()], headers, RealEnv().now(), "200", body) == "id-1"
    ended = decode_outcome(an_attempt(served.greet, name="you"), body)
    assert codec.decode(ended.payload, annotation=tuple[str, int]) == ("hello you", 1)


def test_a_repeated_request_is_refused(app: Any, work: bytes) -> None:
    headers = right(work)
    assert ask(app, headers, work)[0] == 200
    assert ask(app, headers, work)[0] == 409


@pytest.mark.parametrize("seconds", [-WINDOW - 2, WINDOW + 2])
def test_an_old_or_future_request_is_refused(app: Any, work: bytes, seconds: float) -> None:
    status, _, body = ask(app, right(work, now=RealEnv().now() + seconds), work)
    assert status == 401
    assert b"compare the two clocks" in body


def forged(headers: Headers, **changed: str) -> Headers:
    return {**headers, **{f"podium-{name}": value for name, value in changed.items()}}


def test_a_forged_request_is_refused_whatever_was_altered(app: Any, work: bytes) -> None:
    good = right(work)
    later = str(int(good[TIME]) + 1)
    other = encode_named(an_attempt(served.greet, name="me"))
    signature = good[SIGNATURE]
    altered = signature[:-2] + ("E=" if signature.endswith("A=") else "A=")
    for headers, body, path in (
        ({}, work, PATH),
        (good, other, PATH),
        (good, work, "/another"),
        (forged(good, id="id-2"), work, PATH),
        (forged(good, time=later), work, PATH),
        (forged(good, time="soon"), work, PATH),
        (forged(good, signature=altered), work, PATH),
        (forged(good, signature=signature.removeprefix("v1,")), work, PATH),
        (forged(good, signature="v1,ü"), work, PATH),
        (signed(b"x" * 32, "id-1", RealEnv().now(), f"POST {PATH}", work), work, PATH),
        (right(work, what="200"), work, PATH),
    ):
        assert ask(app, headers, body, path=path)[0] == 401, headers
    assert ask(app, good, work)[0] == 200, "nothing of that has used the id up"


def test_the_signature_is_what_the_documents_say(work: bytes) -> None:
    made = hmac.new(KEY.encode(), b"id-1.1700000000.POST /podium." + work, hashlib.sha256).digest()
    assert right(work, now=1700000000.9) == {
        ID: "id-1", TIME: "1700000000", SIGNATURE: f"v1,{b64encode(made).decode()}"
    }  # fmt: skip


def test_an_answer_of_another_call_or_of_a_request_does_not_pass(work: bytes) -> None:
    now = RealEnv().now()
    assert check([KEY.encode()], right(work, what="200"), now, "200", work) == "id-1"
    with pytest.raises(NotSigned):
        check([KEY.encode()], right(work), now, "200", work)


def test_while_the_key_is_changed_both_pass(work: bytes) -> None:
    app = functions(served.greet, key=["n" * 40, KEY])
    assert ask(app, right(work), work)[0] == 200
    assert ask(app, signed(b"n" * 40, "id-2", RealEnv().now(), f"POST {PATH}", work), work)[0] == 200


def test_what_is_not_served_or_cannot_be_read_is_refused_after_the_signature(app: Any) -> None:
    other = encode_named(an_attempt(served.unserved))
    assert ask(app, right(other), other)[0] == 404
    assert ask(app, right(b"no msgpack", "id-2"), b"no msgpack")[0] == 400
    assert ask(app, right(b"", "id-3"), b"", method="GET")[0] == 405


def test_what_cannot_work_is_refused_where_it_is_written() -> None:
    for call in (
        lambda: functions(key=KEY),
        lambda: functions(print, key=KEY),
        lambda: functions(served.greet, key="short"),
        lambda: endpoint("https://functions.example", key=None),
        lambda: endpoint("ftp://functions.example", key=KEY),
        lambda: endpoint("https://functions.example", key=KEY, concurrency=0),
    ):
        with pytest.raises(UsageError):
            call()
