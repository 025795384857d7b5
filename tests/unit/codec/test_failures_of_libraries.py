"""Exceptions as libraries shape them: with responses, connections, slots and fields of C in them."""

from __future__ import annotations

import copy
import http.server
import pickle
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from podium.codec import decode, decode_failure, describe_failure, encode, encode_call, encode_failure
from podium.errors import NotRecorded, TaskFailed
from tests.unit.codec.zoo import Node


def again(error: BaseException) -> Any:
    """Through a record and, as a workflow passes it on, through another."""
    first = decode_failure(encode_failure(error))
    second = decode_failure(encode_failure(first))
    assert str(second) == str(first) == str(error)
    return second


# -- HTTP ----------------------------------------------------------------------------------------------


class Headers(Mapping[str, str]):
    def __init__(self, **items: str) -> None:
        self._items = {name.replace("_", "-"): value for name, value in items.items()}

    def __getitem__(self, key: str) -> str:
        return self._items[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class URL:
    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class Request:
    def __init__(self) -> None:
        self.method, self.url = "GET", URL("https://shop.test/orders?page=2")
        self.headers = Headers(authorization="Bearer s3cret", accept="*/*")
        self.stream = threading.Lock()


class Response:
    """As httpx and requests have it: attributes, properties, and what reads the connection."""

    def __init__(self) -> None:
        self.status_code, self.headers = 429, Headers(retry_after="7", set_cookie="id=s3cret")
        self.request = Request()
        self._content = b'{"error": "slow down"}'
        self._connection = socket.socket
        self.history: list[Any] = []

    @property
    def reason_phrase(self) -> str:
        return "Too Many Requests"

    @property
    def url(self) -> URL:
        return self.request.url

    @property
    def text(self) -> str:
        return self._content.decode()

    @property
    def host(self) -> str:
        raise RuntimeError("no host")

    def json(self) -> Any:
        return {}


class StatusError(Exception):
    def __init__(self, message: str, *, request: Request, response: Response) -> None:
        super().__init__(message)
        self._request, self.response = request, response

    @property
    def request(self) -> Request:
        return self._request

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.response.status_code} for {self.request.url}"


def test_an_http_error_keeps_status_reason_url_headers_and_a_text_that_was_read() -> None:
    response = Response()
    error = again(StatusError("no", request=response.request, response=response))
    assert type(error) is StatusError
    kept = error.response
    assert (kept.status_code, kept.reason_phrase, str(kept.url)) == (
        429,
        "Too Many Requests",
        "https://shop.test/orders?page=2",
    )
    assert (kept.headers["Retry-After"], kept.headers.get("x"), kept.history) == ("7", None, [])
    assert kept.text == '{"error": "slow down"}'
    assert (error.request.method, str(error.request.url)) == ("GET", "https://shop.test/orders?page=2")


def test_a_text_that_was_not_read_is_not_read_for_the_record() -> None:
    response = Response()
    del response._content
    error = again(StatusError("no", request=response.request, response=response))
    assert not hasattr(error.response, "text")


def test_headers_that_carry_credentials_are_not_written() -> None:
    response = Response()
    data = encode_failure(StatusError("no", request=response.request, response=response))
    assert b"s3cret" not in data
    error: Any = decode_failure(data)
    assert error.request.headers["Accept"] == "*/*"
    assert error.request.headers["authorization"] == "(not recorded)"


def test_what_stands_for_a_response_says_so_when_more_is_asked_of_it() -> None:
    response = Response()
    kept = again(StatusError("no", request=response.request, response=response)).response
    for ask in (
        lambda: kept.json(),
        lambda: kept["error"],
        lambda: list(kept),
        lambda: kept(),
        lambda: kept.host,
    ):
        with pytest.raises(NotRecorded, match=r"Response.* was not recorded with the exception \(recorded: "):
            ask()
    assert "Response object" in repr(kept)
    for twin in (copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert (twin.status_code, repr(twin)) == (429, repr(kept))
        assert not hasattr(twin, "json")


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503, "Gone Fishing")
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """To nobody."""


def test_the_standard_librarys_http_error() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/x"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url)
        thread.join()
    error = again(caught.value)
    caught.value.close()
    assert type(error) is urllib.error.HTTPError
    assert (error.code, error.status, error.reason, error.url) == (503, 503, "Gone Fishing", url)
    assert error.headers["retry-after"] == "7"
    for name in ("read", "anything"):  # its class looks for what it lacks in a file, which was a KeyError
        with pytest.raises(NotRecorded):
            getattr(error, name)


class ClientError(Exception):
    """As botocore has it: its `except` is for a base, its type is made by a factory."""

    def __init__(self, response: dict[str, Any], operation: str) -> None:
        super().__init__(f"An error occurred ({response['Error']['Code']}) when calling {operation}")
        self.response, self.operation_name = response, operation


def test_a_type_that_nobody_finds_is_its_nearest_base_that_can_be_found() -> None:
    kind = type(
        "NoSuchKey", (ClientError,), {"__module__": "factory", "__str__": lambda self: "made to order"}
    )
    data = encode_failure(kind({"Error": {"Code": "NoSuchKey"}}, "GetObject"))
    assert describe_failure(data).type == "factory:NoSuchKey"
    error: Any = decode_failure(data)
    assert isinstance(error, ClientError)
    assert error.response["Error"]["Code"] == "NoSuchKey"
    assert str(error) == "made to order"


def test_a_type_whose_name_leads_to_another_class_is_not_taken_for_that() -> None:
    kind = type("StatusError", (Exception,), {"__module__": __name__})
    error = decode_failure(encode_failure(kind("mine")))
    assert (type(error), str(error)) == (TaskFailed, "StatusError: mine")


def test_a_type_made_in_a_function_is_caught_as_what_it_derives_from_also_in_a_group() -> None:
    class Refused(ConnectionError):
        def __init__(self, host: str) -> None:
            super().__init__(111, "refused", host)
            self.host = host

    error = again(Refused("db"))
    assert (type(error), error.errno, error.filename, error.host) == (ConnectionError, 111, "db", "db")
    assert describe_failure(encode_failure(Refused("db"))).type.endswith("Refused")
    (member,) = again(ExceptionGroup("all", [type("Dyn", (KeyError,), {})("k")])).exceptions
    assert (type(member), str(member)) == (KeyError, "'k'")


def test_exceptions_inside_exceptions_are_exceptions() -> None:
    error = urllib.error.URLError(ConnectionRefusedError(111, "Connection refused"))
    error.others = [ValueError("one"), error]  # type: ignore[attr-defined]  # one that bites its tail
    rebuilt = again(error)
    assert (type(rebuilt.reason), rebuilt.reason.errno) == (ConnectionRefusedError, 111)


# -- text ----------------------------------------------------------------------------------------------


class Chatty(Exception):
    def __init__(self, context: Any) -> None:
        super().__init__()
        self.context = context

    def __str__(self) -> str:
        return f"for {self.context.user.name}"


class Named:
    def __str__(self) -> str:
        return "a name"

    def __repr__(self) -> str:
        return "Named()"


def test_a_text_that_needs_what_could_not_be_recorded_stays_what_it_was() -> None:
    error = again(Chatty(SimpleNamespace(user=SimpleNamespace(name="Ada"))))
    assert isinstance(error, Chatty)
    assert str(error) == "for Ada"
    assert type(error).__qualname__ == "Chatty"


def test_the_text_of_an_argument_is_not_its_repr() -> None:
    assert str(again(ValueError(Named()))) == "a name"
    assert str(again(ValueError(Named(), 1))) == "(Named(), 1)"
    assert str(again(KeyError(Named()))) == "Named()"


def test_a_long_message_is_cut_and_stays_text() -> None:
    error: Any = decode_failure(encode_failure(ValueError("x" * 200_000)))
    assert type(error.args[0]) is str
    assert "characters left out" in str(error)
    assert str(error).startswith("xxx")


# -- attributes ----------------------------------------------------------------------------------------


class Slotted(Exception):
    __slots__ = ("_inner", "code", "missing")

    def __init__(self, code: int) -> None:
        self.code, self._inner = code, Node()


def raised(act: Any) -> BaseException:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_slots_come_back() -> None:
    error = again(Slotted(7))
    assert (error.code, error.args) == (7, (7,))
    assert not hasattr(error, "missing")
    assert "Node object" in str(error._inner)


FIELDS = {
    ImportError: ("name", "path", "msg"),
    OSError: ("errno", "strerror", "filename", "filename2"),
    UnicodeDecodeError: ("encoding", "object", "start", "end", "reason"),
    SyntaxError: ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset"),
    AttributeError: ("name",),
    NameError: ("name",),
    KeyError: ("args",),
    subprocess.CalledProcessError: ("returncode", "cmd", "output", "stderr"),
    BlockingIOError: ("errno", "characters_written"),
}


def changed(error: Any, **fields: Any) -> BaseException:
    for name, value in fields.items():
        setattr(error, name, value)
    return error


PYTHONS_OWN: list[BaseException] = [
    raised(lambda: __import__("nowhere_to_be_found")),
    ImportError("no", name="n", path="/p"),
    OSError(2, "No such file", "/x", None, "/y"),
    changed(OSError("only text"), errno=5),
    changed(OSError(2, "gone"), filename="/later"),
    raised(lambda: b"\xff".decode()),
    changed(UnicodeDecodeError("utf-8", b"\xff" * 999, 0, 1, "bad"), start=500, reason="worse"),
    raised(lambda: compile("x = (", "f.py", "exec")),
    changed(SyntaxError("bad", ("f.py", 1, 2, "x ", 1, 3)), lineno=9, text=None),
    raised(lambda: {}.nothing),  # type: ignore[attr-defined]  # that is the case
    raised(lambda: undefined),  # type: ignore[name-defined]  # noqa: F821  # that is the case
    KeyError("k"),
    subprocess.CalledProcessError(3, ["ls"], b"out", b"err"),
    BlockingIOError(11, "later", 5),
]


@pytest.mark.parametrize(
    "error", PYTHONS_OWN, ids=[f"{n}-{type(error).__name__}" for n, error in enumerate(PYTHONS_OWN)]
)
def test_the_fields_of_pythons_own_come_back(error: BaseException) -> None:
    rebuilt = again(error)
    assert type(rebuilt) is type(error)
    assert rebuilt.args == error.args
    names = next(names for kind, names in reversed(FIELDS.items()) if isinstance(error, kind))
    assert [getattr(rebuilt, name) for name in names] == [getattr(error, name) for name in names]


def test_a_large_one_keeps_its_attributes_as_far_as_they_fit() -> None:
    error: Any = ValueError("x" * 70_000)
    error.log = ["y" * 1000] * 1000
    error.page = "z" * 70_000
    error.code, error.hint = 7, "look"
    rebuilt = again_of_size(error, 80_000)
    assert (rebuilt.code, rebuilt.hint) == (7, "look")
    assert str(rebuilt).startswith("xxx")
    assert "list of 1,000" in str(rebuilt.log)
    assert "characters left out" in rebuilt.page


def again_of_size(error: BaseException, size: int) -> Any:
    data = encode_failure(error)
    assert len(data) < size
    return decode_failure(data)


def test_attributes_of_a_group_come_back() -> None:
    group: Any = ExceptionGroup("many", [ValueError(1)])
    group.attempts, group.lock = 3, threading.Lock()
    rebuilt = again(group)
    assert (rebuilt.attempts, "lock" in repr(rebuilt.lock)) == (3, True)


def test_a_stand_in_passes_on_as_a_value() -> None:
    node = again(ValueError(Node())).args[0]
    assert repr(decode(encode([node]))[0]) == repr(node)
    assert encode_call({"x": node}, where="f") == encode_call({"x": decode(encode(node))}, where="f")


def test_pydantics_validation_error_is_caught_by_its_class() -> None:
    pydantic = pytest.importorskip("pydantic")

    def never(value: Any) -> Any:
        raise pydantic.ValidationError if value is None else ValueError(f"never {{{value}}}")

    model = pydantic.create_model(
        "Model", n=(int, ...), m=(list[int], ...), w=(pydantic.Json, None),
        __validators__={"never": pydantic.field_validator("n", mode="after")(never)},
    )  # fmt: skip
    for fields in ({"n": "x", "m": [1, "a"]}, {"n": 1, "m": []}, {}, {"n": 2, "m": [2], "w": "{"}):
        with pytest.raises(pydantic.ValidationError) as caught:
            model(**fields)
        error = again(caught.value)
        assert type(error) is pydantic.ValidationError
        assert [e | {"ctx": None} for e in error.errors()] == [
            e | {"ctx": None} for e in caught.value.errors()
        ]
    with pytest.raises(pydantic.ValidationError) as caught:
        model(n=Node(), m=[])
    rebuilt: Any = decode_failure(encode_failure(caught.value))
    assert rebuilt.errors()[0]["loc"] == ("n",)
