"""What is loaded when it is first asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from podium import late
from podium.errors import ResourceShortage


@pytest.fixture(autouse=True)
def _stand_ins_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next app of this process would load what a test has made up."""
    monkeypatch.setattr(late, "_standing", {})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package that nobody has imported, with one module that few need."""
    folder = tmp_path / "shop_of_late"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from podium import late\n"
        "__getattr__ = late.names(__name__, {'rare': 'weigh Scale'})\n"
    )  # fmt: skip
    (folder / "rare.py").write_text("class Scale: ...\ndef weigh(): return 7\n")
    (folder / "often.py").write_text("from podium import late\nrare = late.module(globals(), '.rare')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("shop_of_late")
    for name in [name for name in sys.modules if name.startswith("shop_of_late")]:
        del sys.modules[name]


def test_a_name_of_a_package_brings_its_module(package: Any) -> None:
    assert "shop_of_late.rare" not in sys.modules
    assert package.weigh() == 7
    assert vars(package)["weigh"] is sys.modules["shop_of_late.rare"].weigh, "the second look finds it there"


def test_a_name_that_no_module_has_is_refused_as_python_does(package: Any) -> None:
    with pytest.raises(AttributeError, match="module 'shop_of_late' has no attribute 'wiegh'"):
        _ = package.wiegh
    assert "shop_of_late.rare" not in sys.modules


def test_a_stand_in_gives_way_to_its_module(package: ModuleType) -> None:
    often: Any = __import__("shop_of_late.often", fromlist=["often"])
    assert "shop_of_late.rare" not in sys.modules
    assert isinstance(often.rare, late.Late)
    assert often.rare.weigh() == 7
    assert often.rare is sys.modules["shop_of_late.rare"]


def test_all_that_something_stands_for_can_be_loaded_at_once(package: ModuleType) -> None:
    often: Any = __import__("shop_of_late.often", fromlist=["often"])
    assert "shop_of_late.rare" not in sys.modules
    late.load_all()
    assert often.rare is sys.modules["shop_of_late.rare"]


_FULL = """
import os, resource
from podium import ResourceShortage
import shop_of_late.often as often

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    often.rare.weigh()
except ResourceShortage:
    print("short")
for each in taken:
    os.close(each)
print(often.rare.weigh())
"""


def test_without_a_free_descriptor_it_is_a_shortage_and_then_it_is_loaded(package: ModuleType) -> None:
    folder = Path(package.__file__ or "").parent.parent
    ran = subprocess.run([sys.executable, "-c", _FULL], stdout=subprocess.PIPE, text=True, cwd=folder)
    assert ran.stdout.split() == ["short", "7"]


def test_another_trouble_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks_of_late.py").write_text("raise PermissionError('not yours')\n")
    monkeypatch.syspath_prepend(tmp_path)
    space: dict[str, Any] = {"__package__": ""}
    space["breaks"] = late.module(space, "breaks_of_late")
    with pytest.raises(PermissionError) as caught:
        space["breaks"].weigh()
    assert not isinstance(caught.value, ResourceShortage)
