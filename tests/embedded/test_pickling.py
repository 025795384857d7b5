"""Declared functions go where functions go: into pools of processes, and through copies."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, UsageError, task, workflow


@task
def double(n: int) -> int:
    return 2 * n


@workflow
def doubled(n: int) -> int:
    return double(n)


class Shop:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @task
    def price(self, n: int) -> int:
        return self.factor * n


measure = task(len)


def test_a_task_is_mapped_in_a_pool_of_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(double, [1, 2])) == [2, 4]
        assert pool.submit(Shop(3).price, 5).result() == 15


@pytest.mark.parametrize("declared", [double, doubled, Shop.price], ids=["task", "workflow", "method"])
def test_it_is_pickled_by_its_place(declared: Any) -> None:
    assert pickle.loads(pickle.dumps(declared)) is declared
    assert copy.deepcopy([declared])[0] is declared
    assert copy.copy(declared) is declared


def test_options_and_the_object_of_a_method_go_along() -> None:
    assert pickle.loads(pickle.dumps(double.options(tags=["red"])))._call.tags == ("red",)
    method = copy.deepcopy({"f": Shop(2).price})["f"]
    assert method(4) == 8


def test_what_is_not_found_by_its_name_says_so() -> None:
    with pytest.raises((pickle.PicklingError, TypeError), match="is not found as builtins:len"):
        pickle.dumps(measure)


@pytest.mark.parametrize("give", [pickle.dumps, copy.deepcopy])
def test_a_run_is_refused_with_what_to_pass_instead(tmp_path: Path, give: Any) -> None:
    with App(tmp_path / "podium.db"):
        run = doubled.start(1)
        with pytest.raises(UsageError, match=r"run\.id"):
            give(run)
        with pytest.raises(UsageError, match="query"):
            give(podium.runs())
