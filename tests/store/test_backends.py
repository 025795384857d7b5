"""Which backend a URL means, and what is said where there is none."""

from __future__ import annotations

import sys

import pytest

from podium import codec
from podium.codec import Blob
from podium.errors import StoreRefused
from podium.store import open_store


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_driver_that_is_not_installed_is_named_with_what_installs_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("podium.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreRefused, match="needs psycopg") as caught:
        open_store(f"{scheme}://db/podium")
    assert caught.value.fix == "pip install 'podium[postgres]'"


def test_an_unknown_scheme_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(StoreRefused, match="mysql") as caught:
        open_store("mysql://db/podium")
    assert "postgresql://" in caught.value.fix


def test_a_store_on_a_server_keeps_values_only_in_a_folder_that_is_named() -> None:
    store = open_store("postgresql://nowhere/podium")
    with pytest.raises(StoreRefused, match="none is named") as caught:
        codec.encode(Blob(b"x"), depot=store.depot)
    assert "PODIUM_VALUES=" in caught.value.fix
    store.close()
