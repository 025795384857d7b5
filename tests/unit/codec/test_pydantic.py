"""Models of Pydantic are accepted when the user brings it; Podium itself never imports it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

pydantic = pytest.importorskip("pydantic")

from podium.codec import decode, encode, preview  # noqa: E402  # after what skips
from podium.errors import DecodeError  # noqa: E402  # after what skips


class Page(pydantic.BaseModel):
    url: str
    links: frozenset[str] = frozenset()
    size: int = 0
    _seen: Any = pydantic.PrivateAttr(default=0)

    @pydantic.field_validator("size")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value < 0:
            raise ValueError("negative")
        return value


class Site(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    pages: tuple[Page, ...]


def test_models_come_back_equal():
    page = Page(url="x", links=frozenset({"a", "b"}))
    page._seen = (1, 2)
    value = [Site(pages=(page,), note={"extra": 1}), Site(pages=())]
    copied = decode(encode(value))
    assert copied == value
    assert copied[0].pages[0]._seen == (1, 2)
    assert copied[0].note == {"extra": 1}
    assert copied[0].model_fields_set == value[0].model_fields_set
    assert copied[1].model_extra == {}
    assert preview(encode(page)) == "Page(url='x', links={'a', 'b'}, size=0)"


def test_reading_what_was_stored_runs_no_validator():
    assert decode(encode(Page.model_construct(url="x", size=-1))).size == -1


def test_plain_json_is_validated():
    assert decode(encode({"url": "x", "size": 3}), Page) == Page(url="x", size=3)
    assert decode(encode([{"url": "x"}]), list[Page]) == [Page(url="x")]
    with pytest.raises(DecodeError, match="expected Page, found dict"):
        decode(encode({"url": "x", "size": -3}), Page)


def test_podium_never_imports_it():
    code = "import sys, podium.codec as c; c.decode(c.encode([1, {2}])); sys.exit('pydantic' in sys.modules)"
    path = ":".join(filter(None, sys.path))
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}).returncode == 0


class Account(pydantic.BaseModel):
    home: pydantic.HttpUrl
    store: pydantic.PostgresDsn
    key: pydantic.SecretStr
    salt: pydantic.SecretBytes
    quota: pydantic.ByteSize
    address: pydantic.IPvAnyAddress


def test_the_types_that_pydantic_brings_come_back() -> None:
    account = Account.model_validate(
        {
            "home": "https://shop.test/x",
            "store": "postgres://u:p@h/db",
            "key": "s3cret",
            "salt": b"s4lt",
            "quota": "2MB",
            "address": "10.0.0.1",
        }
    )
    copied = decode(encode(account))
    assert copied == account
    for name in Account.model_fields:
        assert type(getattr(copied, name)) is type(getattr(account, name))
    shown = preview(encode(account), 400)
    assert "s3cret" not in shown
    assert "home=HttpUrl('https://shop.test/x')" in shown
    assert "quota=ByteSize(2000000)" in shown
    assert "address=IPv4Address('10.0.0.1')" in shown


def test_data_cannot_choose_another_class_for_a_value_of_pydantics() -> None:
    for name in ("builtins:eval", "pydantic.types:Secret", "tests.unit.codec.test_pydantic:Page"):
        with pytest.raises(DecodeError):
            decode(b'{"!pydantic_value":["%s","1"]}' % name.encode())
