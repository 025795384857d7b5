"""Tasks that pass on what is kept by reference, importable by a process of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa

import podium
from podium import Blob, File, Retry, on_failure, receive, task, workflow
from podium.depot import Depot

Array = npt.NDArray[np.float64]


@task
def make(size: int) -> Array:
    return np.arange(size, dtype=np.float64)


@task
async def twice(array: Array) -> Array:
    return array * 2


@task(isolation="process")
def shifted(array: Array) -> Array:
    return array + 1


@task
def total(array: Array) -> float:
    return float(array.sum())


@task
def same(array: Array) -> Array:
    return array


@workflow
async def five_steps(size: int) -> Array:
    array = make(size)
    array = same(await twice(array))
    return same(shifted(array))


@workflow
async def mapped(sizes: list[int]) -> list[float]:
    arrays = await make.map(sizes)
    return await total.map(arrays)


@workflow
def looks(size: int) -> float:
    array = make(size)
    return array[0]


@workflow
def child(array: Array, more: dict[str, Array]) -> Array:
    assert repr(array).startswith("<ndarray float64"), array
    assert total(more["x"]) == 3.0
    return array


@workflow
async def family(array: Array) -> Array:
    return child(array, {"x": np.ones(3)})


taken_back: list[float] = []


def take_back(array: Array) -> None:
    taken_back.append(float(array.sum()))


@workflow
async def takes_back() -> None:
    on_failure(take_back, np.ones(3))
    raise ValueError("no")


@dataclass
class Split:
    train: Array
    test: list[Array]
    names: dict[str, Any]


@task
def split() -> Split:
    return Split(np.ones(3), [np.zeros(2)], {"frame": pd.DataFrame({"a": [1, 2]})})


@task
def sizes(parts: Split) -> list[int]:
    return [len(parts.train), len(parts.test[0]), len(parts.names["frame"])]


@workflow
def nested() -> list[int]:
    return sizes(split())


@task
def values() -> list[Any]:
    return [
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[5, 6]),
        pd.Series([1.5, 2.5], name=("q", 1)),
        pl.DataFrame({"a": [1, 2]}),
        pl.Series("z", [1, 2]),
        pa.table({"a": [1, 2]}),
        Blob(b"\x00\xff"),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    ]


@workflow
def of_all_kinds() -> list[Any]:
    return values()


@task
def written(folder: str) -> File:
    path = Path(folder, "report.csv")
    path.write_text("a,b\n1,2\n")
    return File(path)


@task
def removed(file: File, folder: str) -> str:
    Path(folder, "report.csv").unlink()
    return f"{file.name}: {Path(file).read_text()}"


@workflow
def filed(folder: str) -> str:
    return removed(written(folder), folder)


@workflow
def file_in_body(folder: str) -> str:
    return removed(File(folder), folder)


@workflow
def received() -> float:
    return total(receive("array", type=np.ndarray).result())


@podium.trusted
class Model:
    def __init__(self, weights: list[float]) -> None:
        self.weights = weights


class Untold:
    pass


@task
def fitted() -> Model:
    return Model([1.0, 2.0])


@task
def predicted(model: Model) -> float:
    return sum(model.weights)


@workflow
def with_model() -> float:
    return predicted(fitted())


@task
def tell(value: Any) -> str:
    return type(value).__name__


@workflow
def told(value: Any) -> str:
    return tell(value)


@workflow
def given(value: Any) -> Any:
    return value


@task
def objects() -> Any:
    return np.array([object()])


@workflow
def of_objects() -> Any:
    return objects()


@task(isolation="process", retries=Retry(times=3, wait=0))
def killed_after_writing() -> Array:
    """The first attempt is killed when its value lies there and its outcome is not yet recorded."""
    array = np.arange(100_000.0)
    if podium.attempt() == 1:
        put = Depot.put

        def put_and_die(self: Depot, write: Any) -> Any:
            put(self, write)
            os._exit(9)

        Depot.put = put_and_die
    return array


@workflow
def survives() -> Array:
    return killed_after_writing()


@task
def important(folder: str) -> File:
    path = Path(folder) / "text.txt"
    path.write_text("important")
    return File(path)


@task
def shouts(file: File) -> str:
    """Writes into the store's own file, as root may."""
    os.chmod(file, 0o600)
    with open(file, "r+") as text:
        text.write("IMPORTANT")
    return Path(file).read_text()


@task
def reads(file: File) -> str:
    return Path(file).read_text()


@workflow
def careless(folder: str) -> File:
    file = important(folder)
    shouts(file)
    return file


@workflow
def reads_its_own(folder: str) -> str:
    return reads(important(folder))


@workflow
def passes_on_later(size: int) -> Array:
    array = make(size)
    receive("later").result()
    return array
