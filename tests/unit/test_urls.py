"""What of a URL is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from podium import App
from podium.errors import StoreRefused
from podium.store import open_store, shown_url, url_parts

SECRET = "hun:ter@2/x"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@db:5432/podium", "postgresql://me:***@db:5432/podium"),
        ("postgresql://:hunter2@db/podium", "postgresql://:***@db/podium"),
        (f"postgresql://me:{SECRET}@db/podium", "postgresql://me:***@db/podium"),
        (
            "postgresql://db/podium?user=me&password=hunter2&x=1",
            "postgresql://db/podium?user=me&password=***&x=1",
        ),
        ("postgresql://db/podium?sslpassword=hunter2", "postgresql://db/podium?sslpassword=***"),
        ("host=db PASSWORD='hun ter2' user=me", "host=db PASSWORD=*** user=me"),
        ("podium worker --store pg://me:hunter2@db/x app", "podium worker --store pg://me:***@db/x app"),
        ("postgresql:me:hunter2@db/podium", "postgresql:me:***@db/podium"),
        ("a worker of postgres:/me:hunter2@db/x", "a worker of postgres:/me:***@db/x"),
        ("run shop:daily@2026-11-27T10:00:00Z", "run shop:daily@2026-11-27T10:00:00Z"),
        ("postgresql://db:5432/podium", "postgresql://db:5432/podium"),
        ("sqlite:////srv/me/a:b@c/podium.db", "sqlite:////srv/me/a:b@c/podium.db"),
    ],
)
def test_what_it_takes_to_get_in_is_not(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize("use", [open_store, lambda url: App(url).store])
def test_nor_is_it_in_an_error(use: Callable[[str], object], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StoreRefused) as caught:
        use("mysql://me:hunter2@db/podium")
    assert "hunter2" not in str(caught.value)
    assert "me:***@db" in str(caught.value)


@pytest.mark.parametrize(
    "nearly",
    ["postgresql:me:hunter2@db/x", "postgres:/me:hunter2@db/x", "host=db password=hunter2", "sqlite:runs.db"],
)
@pytest.mark.parametrize("use", [open_store, lambda url: App(url).store])
def test_what_is_nearly_a_url_is_no_file(
    use: Callable[[str], object], nearly: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreRefused, match=r"sqlite:///path, a plain path, or postgresql://host") as caught:
        use(nearly)
    assert "hunter2" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["runs.db", "a/b=c/runs.db", "/srv/host=1/runs.db", "mine:2.db"])
def test_a_plain_path_is_one(path: str) -> None:
    assert url_parts(path) == ("sqlite", f"/{path}")
