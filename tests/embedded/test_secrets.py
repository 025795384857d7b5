"""A secret's value is in no record: the reference is; who prints or raises the value shows three stars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import podium
from podium import App, EncodeError, Secret, UsageError, codec, redaction, task, workflow
from tests.cli.support import podium as cli

VALUE = 'hunter2-"quoted"-ÿ'


@pytest.fixture(autouse=True)
def _a_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TEST_API_KEY", VALUE)
    redaction.hidden_values.clear()
    yield
    redaction.hidden_values.clear()


@task
def calls(key: Secret[str]) -> int:
    print("with", key.get())
    return len(key.get())


@task
def leaks(key: Secret[str]) -> dict[str, str]:
    return {"header": f"Bearer {key.get()}"}


@task
def leaks_bytes(key: Secret[str]) -> list[bytes]:
    return [b"Bearer " + key.get().encode()]


@workflow
def leaking_bytes(key: Secret[str]) -> list[bytes]:
    return leaks_bytes(key)


@task
def raises(key: Secret[str]) -> None:
    raise ValueError(f"401 for {key.get()}")


@workflow
def uses(key: Secret[str]) -> int:
    return calls(key)


@workflow
def leaking(key: Secret[str]) -> dict[str, str]:
    return leaks(key)


@workflow
def raising(key: Secret[str]) -> None:
    raises(key)


@workflow
def looks(key: Secret[str]) -> str:
    return key.get()


KEY = Secret[str]("env:TEST_API_KEY")


def test_the_value_is_nowhere_on_record(app: App, store: Path) -> None:
    run = uses.start(KEY)
    assert run.result() == len(VALUE)
    with pytest.raises(ValueError, match=r"401 for \*\*\*"):
        raising.run(KEY)
    with pytest.raises(EncodeError, match=r"leaks result holds the value of Secret\('env:TEST_API_KEY'\)"):
        leaking.run(KEY)
    with pytest.raises(EncodeError, match=r"holds the value of Secret\('env:TEST_API_KEY'\)"):
        leaking_bytes.run(KEY)
    logs = cli("logs", run.id, "--store", str(store)).stdout
    assert "with ***" in logs
    assert "key=secret(env:TEST_API_KEY)" in cli("show", run.id, "--store", str(store)).stdout
    app.close()
    for file in store.parent.glob("podium.db*"):
        if file.is_file():
            held = file.read_bytes()
            assert b"hunter2" not in held
    assert b"env:TEST_API_KEY" in store.read_bytes()


def test_a_body_is_refused_with_its_line(app: App) -> None:
    with pytest.raises(podium.RunParked, match=r"test_secrets\.py:\d+: reading the secret 'env:TEST_API"):
        looks.run(KEY)


def test_from_files_and_keyrings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("from a file\n")
    assert Secret[str](f"file:{tmp_path / 'key'}").get() == "from a file"
    with pytest.raises(UsageError, match="No such file"):
        Secret[str](f"file:{tmp_path / 'none'}").get()
    with pytest.raises(UsageError, match="needs the package keyring"):
        Secret[str]("keyring:shop/key").get()
    keys = SimpleNamespace(get_password=lambda service, name: f"{name} of {service}" if name else None)
    monkeypatch.setitem(__import__("sys").modules, "keyring", keys)
    assert Secret[str]("keyring:shop/key").get() == "key of shop"
    monkeypatch.delenv("TEST_API_KEY")
    with pytest.raises(UsageError, match="TEST_API_KEY is not set"):
        KEY.get()


@pytest.mark.parametrize("given", ["hunter2", "env:", "http://x", ""])
def test_what_is_no_reference_is_refused_and_not_shown_whole(given: str) -> None:
    with pytest.raises(UsageError, match="a reference is needed"):
        Secret[str](given)


@task
def names(key: Secret[str], where: str) -> None:
    value = f"x{key.get()}"
    calls_it: dict[str, Callable[[], Any]] = {
        "tag": lambda: leaking.options(tags=[value]),
        "unique": lambda: leaking.options(unique=value),
        "series": lambda: podium.measure(value, 1),
        "tag of a series": lambda: podium.measure("heat", 1, place=value),
        "stream": lambda: podium.emit(value, 1),
        "value": lambda: podium.publish(value, 1),
        "signal": lambda: podium.get(podium.this().id).send(value, 1),
    }
    calls_it[where]()


@workflow
def naming(key: Secret[str], where: str) -> None:
    names(key, where)


@pytest.mark.parametrize("where", ["tag", "unique", "series", "tag of a series", "stream", "value", "signal"])
def test_a_name_that_is_kept_and_shown_holds_no_secret(app: App, where: str) -> None:
    with pytest.raises(UsageError, match=r"holds the value of Secret\('env:TEST_API_KEY'\)"):
        naming.run(Secret[str]("env:TEST_API_KEY"), where)


class _Asked(str):
    """A value during whose comparison a task in another thread asks for another secret."""

    __slots__ = ()

    # Called with no arguments here, so those of `str.encode` are not spelled out.
    def encode(self, *args: Any) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        redaction.hide(f"another value {len(redaction.hidden_values)}", "env:OTHER")
        return str(self).encode()


def test_a_secret_that_is_asked_for_meanwhile_fails_no_other_task() -> None:
    value = _Asked("hunter2")
    redaction.hide(value, "env:TEST_API_KEY")
    redaction.hide("what comes next", "env:NEXT")
    assert codec.decode(codec.encode(b"nothing of it"), bytes) == b"nothing of it"
    with pytest.raises(EncodeError, match="holds the value of Secret"):
        codec.encode(b"Bearer hunter2")
