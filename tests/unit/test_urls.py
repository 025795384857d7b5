"""What of a URL is shown."""

from __future__ import annotations

import pytest

from podium import App
from podium.errors import StoreRefused
from podium.store import open_store, shown_url

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
        ("postgresql://db:5432/podium", "postgresql://db:5432/podium"),
        ("sqlite:////srv/me/a:b@c/podium.db", "sqlite:////srv/me/a:b@c/podium.db"),
    ],
)
def test_what_it_takes_to_get_in_is_not(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize("use", [open_store, lambda url: App(url).store])
def test_nor_is_it_in_an_error(use: object, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StoreRefused) as caught:
        use("mysql://me:hunter2@db/podium")
    assert "hunter2" not in str(caught.value)
    assert "me:***@db" in str(caught.value)
