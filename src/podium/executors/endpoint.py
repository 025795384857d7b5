"""`podium.http.endpoint`: an executor whose tasks are made by a function behind HTTP."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..checks import check_count
from ..env import Env
from ..errors import UsageError
from .attempt import Ended
from .protocol import Executor, ExecutorFactory, Reactor

if TYPE_CHECKING:  # loaded by programs that call functions alone
    from . import http_calls

CONCURRENCY = 64  # calls at once, unless told otherwise


def endpoint(url: str, *, key: Any, concurrency: int = CONCURRENCY) -> ExecutorFactory:
    """An executor that hands its tasks to the function at a URL, which `podium.http.functions` serves.

    url          where it is: "https://functions.example/podium"
    key          what both sides know, 32 characters or more: text, bytes, or a `Secret`
    concurrency  calls at once

    Requests and answers are signed with the key, not encrypted by it: use https beyond one machine. Raises
    UsageError.

    Example:

    >>> executors = {"http": endpoint("https://functions.example/podium", key="k" * 32)}
    >>> app = App("runs.db", executors=executors)  # for what is declared with @task(executor="http")
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise UsageError(f"endpoint({url!r}): no address", fix='endpoint("https://functions.example/podium")')
    check_count("endpoint", "concurrency", concurrency, 1)
    reads: Callable[[Any, str], tuple[bytes, ...]] = import_module(".signing", __package__).read_keys
    (sign_with, *_) = reads(key, "endpoint")

    def make(env: Env, reactor: Reactor, ended: Callable[[Ended], None]) -> Executor:
        kind: type[http_calls.HttpExecutor] = import_module(".http_calls", __package__).HttpExecutor
        return kind(env, reactor, ended, url, sign_with, concurrency)

    return make
