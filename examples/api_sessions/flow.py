"""Which call comes when, and in whose session. The only part that knows Podium."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from podium import Retry, resource, task, workflow

from .api import Refused, Session, Unavailable, password_of

LIMIT = 16  # calls at once that the host is asked to bear
ALL = "shared"
tried = Retry(times=3, wait=0.1, factor=2, on=Unavailable)


@resource(idle="1m")
def session(api: str, account: str) -> Iterator[Session]:
    """An account that is logged in: kept for its next call, and after a crash it logs in again."""
    with Session(api, account, password_of(account)) as opened:
        opened.log_in()
        yield opened


@resource
def shared(api: str) -> Iterator[Session]:
    """What goes wrong without: one session, in which the last one who has logged in is everybody."""
    with Session(api, ALL, "") as opened:
        yield opened


@task(retries=tried, timeout="30s")
def work(api: str, account: str, seconds: float) -> str:
    """A slow call; the account that the API took it for."""
    with session(api, account) as opened:
        opened.get(f"/delay/{seconds:g}")
        return cookie_of(opened)


@task(retries=tried, timeout="30s")
def log_in_shared(api: str, account: str) -> None:
    """Log an account in, in the one session."""
    with shared(api) as opened:
        opened.get(f"/cookies/set/account/{account}")


@task(retries=tried, timeout="30s")
def work_shared(api: str, seconds: float) -> str:
    """The same slow call in the one session."""
    with shared(api) as opened:
        opened.get(f"/delay/{seconds:g}")
        return cookie_of(opened)


@task(retries=tried)
def ask_when_busy(api: str, account: str) -> None:
    """A call that the API has no time for, whenever it is made."""
    with session(api, account) as opened:
        opened.get("/status/503")


@task(retries=tried)
def ask_with_a_wrong_password(api: str, account: str) -> None:
    """A call that the API refuses."""
    with Session(api, account, "wrong") as opened:
        opened.log_in()


def cookie_of(opened: Session) -> str:
    """Whom the API takes this session for."""
    return str(opened.get("/cookies")["cookies"].get("account"))


@dataclass(frozen=True)
class Report:
    """What came of it."""

    accounts: int
    own: int  # that were taken for themselves
    busy: str  # how a call ended that always meets 503
    refused: str  # and one with a wrong password

    def __str__(self) -> str:
        return f"{self.own} of {self.accounts} own cookies\nbusy: {self.busy}\nwrong password: {self.refused}"


@workflow
async def visit(api: str, accounts: list[str], seconds: float, in_one: bool = False) -> Report:
    """Let each account work, `LIMIT` at a time; then meet what an API does when it does not answer."""
    places = asyncio.Semaphore(LIMIT)

    async def one(account: str) -> str:
        async with places:
            if not in_one:
                return work(api, account, seconds)
            log_in_shared(api, account)
            return work_shared(api, seconds)

    taken_for = await asyncio.gather(*(one(account) for account in accounts))
    own = sum(found == account for found, account in zip(taken_for, accounts, strict=True))
    try:
        ask_when_busy(api, accounts[0])
        busy = "answered"
    except Unavailable as error:
        busy = f"given up, {error}"
    try:
        ask_with_a_wrong_password(api, accounts[0])
        refused = "let in"
    except Refused as error:
        refused = f"refused, {error}"
    return Report(len(accounts), own, busy, refused)
