"""Values that are kept by reference: written once, read by tasks alone, there while a run has them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import podium
from podium import App, DecodeError, EncodeError, MissingValue, RunParked, UsageError, codec
from podium.depot import Depot, depot_of
from podium.model import Kind
from tests.embedded import references as flows
from tests.waiting import until


@contextlib.contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """Which formats are read, and which thread writes."""
    seen: dict[str, list[str]] = {"read": [], "written": []}
    read, rename = np.load, os.rename

    def load(path: Any, **how: Any) -> Any:
        seen["read"].append(str(path))
        return read(path, **how)

    def renamed(old: Any, new: Any) -> None:
        seen["written"].append(str(new))
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(np, "load", load)
        patch.setattr(os, "rename", renamed)
        yield seen


def files(store: Path) -> set[str]:
    return {lain.name for lain in depot_of(store).all()}


def test_an_array_goes_through_five_steps_and_the_body_never_loads_it(
    app: App, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 200_000
    with counted(monkeypatch) as seen:
        run = flows.five_steps.start(size)
        found = run.result()
    assert np.array_equal(found, np.arange(size) * 2.0 + 1)
    assert len(files(store)) == 3, "three different values: made, doubled, shifted"
    assert len(seen["written"]) == 2, "each once; the third was written by a process of its own"
    assert len(seen["read"]) == 5 - 2 + 1, "by the tasks in this process that get one, and for the result"
    entries = [entry for entry in app.history(run.id) if entry.kind is Kind.RESULT]
    assert all(len(entry.payload) < 300 for entry in entries), "the record holds what it is, not the value"


def test_a_replay_loads_nothing(app: App, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = flows.five_steps.start(1000)
    first.result()
    app.close()
    with App(store), counted(monkeypatch) as seen:
        again = podium.get(first.id)
        assert again.state == "succeeded"
        assert not seen["read"]
        assert len(again.result()) == 1000
        assert len(seen["read"]) == 1


def test_in_maps_children_arguments_and_results(app: App, store: Path) -> None:
    assert flows.mapped.run([3, 4]) == [3.0, 6.0]
    array = np.linspace(0, 1, 5)
    assert np.array_equal(flows.family.run(array), array)
    assert flows.nested.run() == [3, 2, 2]


def test_every_kind_comes_back_as_it_was(app: App) -> None:
    frame, series, polars, polars_series, table, blob, records = flows.of_all_kinds.run()
    given = flows.values.fn()
    pd.testing.assert_frame_equal(frame, given[0])
    assert list(series) == [1.5, 2.5]
    assert series.name == ("q", 1)
    assert polars.equals(given[2])
    assert polars_series.equals(given[3])
    assert polars_series.name == "z"
    assert isinstance(polars_series, pl.Series)
    assert table.equals(given[4])
    assert blob == given[5]
    assert np.array_equal(records, given[6])


def test_a_file_is_copied_and_keeps_its_name(app: App, tmp_path: Path) -> None:
    assert flows.filed.run(str(tmp_path)) == "report.csv: a,b\n1,2\n"


def test_a_signal_may_bring_one(app: App) -> None:
    run = flows.received.start()
    run.send("array", np.ones(4))
    assert run.result() == 4.0


def test_a_look_in_a_body_is_refused_with_its_line(app: App) -> None:
    with pytest.raises(
        UsageError, match=r"references\.py:\d+: <ndarray float64 \(3,\), 152 bytes> is kept by"
    ):
        flows.looks.run(3)


LOOKS: dict[str, Any] = {
    "len": len,
    "list": list,
    "bool": bool,
    "float": float,
    "abs": abs,
    "fspath": os.fspath,
    "sum": np.sum,
    "add": lambda ref: ref + 1,
    "radd": lambda ref: 1 + ref,
    "equals": lambda ref: ref == 3,
    "attribute": lambda ref: ref.shape,
    "item": lambda ref: ref[0],
    "less": lambda ref: ref < 3,
    "in": lambda ref: 0 in ref,
    "set": lambda ref: setattr(ref, "x", 1),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_what_stands_for_a_value_lets_nobody_look(tmp_path: Path, look: Any) -> None:
    ref = codec.decode(codec.encode(np.ones(3), depot=Depot(tmp_path / "v")))
    with pytest.raises(UsageError, match="kept by reference"):
        look(ref)


def test_it_can_be_compared_kept_in_sets_and_passed_on(tmp_path: Path) -> None:
    depot = Depot(tmp_path / "v")
    one, same, other = (codec.decode(codec.encode(np.full(3, n), depot=depot)) for n in (1, 1, 2))
    assert one == same
    assert one != other
    assert one is not None
    assert one != None  # noqa: E711  # what a body may ask
    assert {one, same, other} == {one, other}
    assert codec.encode([one]) == codec.encode([same]), "no depot is needed to pass it on"
    assert np.array_equal(codec.decode(codec.encode([one]), depot=depot)[0], np.full(3, 1))


def test_a_body_reads_no_file(app: App, store: Path) -> None:
    with pytest.raises(EncodeError, match="a file, which a body must not read"):
        flows.file_in_body.run(str(store))


def test_a_file_that_is_none_is_refused_and_not_waited_for(app: App, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, os.devnull):
        with pytest.raises(EncodeError, match="no regular file"):
            flows.told.start(podium.File(path))
    with pytest.raises(EncodeError, match="null byte"):
        flows.told.start(podium.File("a\0b"))


def test_what_its_format_cannot_hold_is_refused(app: App) -> None:
    with pytest.raises(EncodeError, match=r"of_objects|objects result is an array of objects"):
        flows.of_objects.run()
    mixed = pd.DataFrame({"a": [1, "x"]}, dtype=object)
    with pytest.raises(EncodeError, match='column "a" holds Python objects'):
        flows.told.start(mixed)


@pytest.mark.filterwarnings("ignore:The DataFrame has")  # names that are no text, says Arrow, too
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", 1]), "its columns ['a', 1] would become ['a', '1']"),
        (pd.DataFrame([[1, 2]], columns=[True, False]), "its columns [True, False] would become"),
        (pd.DataFrame([[1, 2]]).reset_index(), "its columns ['index', 0, 1] would become"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([1], name=0)), "names of its index, [0], would become"),
        (pd.DataFrame({"a": pd.cut([1, 5], [0, 2, 6])}), "it would not come back"),
        (pd.Series(pd.cut([1, 5], [0, 2, 6])), "it would not come back"),
    ],
)
def test_a_frame_that_would_come_back_as_another_one_is_refused(app: App, frame: Any, said: str) -> None:
    """Arrow makes text of such names without a word, and files that pandas never reads again."""
    with pytest.raises(EncodeError, match=re.escape(said)):
        flows.told.start(frame)
    assert list(podium.runs()) == []


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2]]),
        pd.DataFrame({("a", "x"): [1], ("b", "y"): [2]}),
        pd.DataFrame([[1, 2]], columns=pd.date_range("2026", periods=2, name="day")),
        pd.DataFrame({"a": [1, 2], "b": [1, 2]}).groupby(["a", "b"]).size(),
        pd.DataFrame({"a": [1, 2.0]}).describe(),
        pd.DataFrame({"a": pd.Categorical(["x", "y"], ["y", "x", "z"], ordered=True)}),
        pd.DataFrame({"a": [True, None], "b": [None, None], "c": [b"x", None]}),
        pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.period_range("2026", periods=2, freq="M")}),
        pd.DataFrame({"a": [1]}, index=pd.CategoricalIndex(["x"], name="kind")),
        pd.DataFrame({"a": [1]}, index=pd.interval_range(0, 1)),
        pd.DataFrame(),
    ],
)
def test_a_frame_comes_back_as_it_was(app: App, frame: Any) -> None:
    back = flows.given.run(frame)
    if isinstance(frame, pd.Series):
        pd.testing.assert_series_equal(back, frame)
    else:
        pd.testing.assert_frame_equal(
            back, frame, check_freq=False, check_column_type="equiv" if frame.size else False
        )


def test_a_table_whose_chunks_have_dictionaries_of_their_own_is_kept(app: App) -> None:
    parts = [pa.table({"a": pa.array([text]).dictionary_encode()}) for text in "xy"]
    assert flows.given.run(pa.concat_tables(parts)).column("a").to_pylist() == ["x", "y"]


def test_bad_arguments_make_no_store(tmp_path: Path) -> None:
    app = App(tmp_path / "none.db", drives="nothing")
    app.enter()
    try:
        with pytest.raises(podium.ArgumentError):
            flows.child.start(3, {})
    finally:
        app.__exit__()
    assert not (tmp_path / "none.db").exists()


def test_models_are_kept_by_trust_alone(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    run = flows.with_model.start()
    assert run.result() == 3.0
    payload = next(entry.payload for entry in app.history(run.id) if entry.kind is Kind.RESULT)
    assert codec.preview(payload).startswith("<Model, ")
    with monkeypatch.context() as patch:
        patch.setattr("podium.codec.references._trusted", {})
        with pytest.raises(DecodeError, match=r"not said podium.trusted\(tests.embedded.references:Model\)"):
            codec.decode(payload, depot=app.store.depot)
    (file,) = [lain.path for lain in app.store.depot.all()]
    changed = file.read_bytes()[:-1] + b"?"
    file.chmod(0o600)
    file.write_bytes(changed)
    with pytest.raises(DecodeError, match="was changed"):
        codec.decode(payload, depot=app.store.depot)
    with pytest.raises(EncodeError, match="Untold"):
        codec.encode(flows.Untold(), depot=app.store.depot)


def test_a_fork_and_what_undoes_take_values_by_reference(app: App) -> None:
    run = flows.five_steps.start(3)
    run.result()
    assert (run.fork(at="make", value=np.ones(4)).result() == np.full(4, 3.0)).all()
    with pytest.raises(ValueError, match="no"):
        flows.takes_back.run()
    assert flows.taken_back == [3.0]


def test_a_process_that_dies_between_value_and_record_costs_nothing(app: App, store: Path) -> None:
    run = flows.survives.start()
    assert len(run.result()) == 100_000
    assert len(files(store)) == 1


def test_a_value_that_is_gone_is_told_with_its_place(app: App, store: Path) -> None:
    run = flows.five_steps.start(10)
    run.result()
    for lain in depot_of(store).all():
        lain.path.unlink()
    with pytest.raises(MissingValue, match=r"is ndarray float64 \(10,\), but .*-values/\w{64} is not there"):
        podium.get(run.id).result()


def test_a_file_that_a_task_has_written_into_is_given_to_no_other(app: App, tmp_path: Path) -> None:
    run = flows.careless.start(str(tmp_path))
    with pytest.raises(DecodeError, match=r"is File text\.txt, kept by reference, but .* was changed"):
        run.result()
    assert flows.reads_its_own.run(str(tmp_path)) == "important", "who writes the value again mends it"
    assert Path(podium.get(run.id).result()).read_text() == "important"


def test_a_run_whose_value_is_gone_is_parked_until_it_is_back(app: App, store: Path) -> None:
    run = flows.passes_on_later.start(10)
    until(lambda: len(run.history()))
    (lain,) = depot_of(store).all()
    content = lain.path.read_bytes()
    lain.path.unlink()
    run.send("later", None)
    with pytest.raises(RunParked, match=r"the file is gone: .*-values/\w{64}"):
        run.result()
    lain.path.write_bytes(content)
    run.resume()
    assert len(run.result()) == 10
