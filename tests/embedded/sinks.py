"""Sinks of alerts as people have them: a webhook that may be broken, and a mail server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult


class Posted(NamedTuple):
    """One request: its path, idempotency key and body."""

    path: str
    key: str
    body: Any


class Hook:
    """A webhook on loopback. `answers`: status codes of the next requests, then 200; interim ones are
    followed by the next."""

    def __init__(self) -> None:
        self.posts: list[Posted] = []
        self.answers: list[int] = []
        self.on_post: Callable[[], object] = lambda: None
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.posts.append(Posted(self.path, self.headers["Idempotency-Key"], body))
                hook.on_post()
                while hook.answers and hook.answers[0] < 200:
                    self.send_response_only(hook.answers.pop(0))
                    self.end_headers()
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/T0KEN"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Mail(NamedTuple):
    """A mail as the server has it."""

    sender: str
    to: list[str]
    content: bytes


@contextmanager
def mail_server(password: str | None = None) -> Generator[tuple[str, list[Mail]]]:
    """A mail server on loopback: its "host:port", and what it has taken."""
    mails: list[Mail] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mails.append(Mail(envelope.mail_from, envelope.rcpt_tos, envelope.content))
            return "250 OK"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        return AuthResult(success=data.password == (password or "").encode(), handled=False)

    wanted: dict[str, Any] = {}
    if password is not None:
        wanted = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    loop = asyncio.new_event_loop()
    listening = loop.create_server(lambda: SMTP(Handler(), loop=loop, **wanted), "127.0.0.1", 0)
    server = loop.run_until_complete(listening)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", mails
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_all_over())
        loop.close()


async def _all_over() -> None:
    """The server's sides of all connections are closed."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)
