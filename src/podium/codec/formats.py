"""The file formats of libraries whose values are kept by reference: npy for arrays, Arrow's file for frames.

No library is imported to find out whether a value is of it. One is imported when a value is read.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..depot import Sink
from .refusals import Refusal, label

MISSING = ModuleNotFoundError

# What pandas calls the content of a column of objects that comes back from Arrow as it went there.
_SAME_FROM_ARROW = ("string", "bytes", "date", "decimal", "boolean", "empty")


class FileFormat(NamedTuple):
    """How values of some classes of a library become a file, and come back from it."""

    name: str  # in records, so it stays
    classes: tuple[str, ...]  # "module.Class", as the library itself names them
    about: Callable[[Any], str]
    write: Callable[[Any, Sink], None]  # raises Refusal for what the format cannot hold
    read: Callable[[Path, Any], Any]
    more: Callable[[Any], Any] | None = None  # what stands beside it in the record, for `read`


def format_of(kind: type) -> FileFormat | None:
    """The format of a class; None for a subclass of one, too, which would not come back as itself."""
    return _BY_CLASS.get((kind.__module__.partition(".")[0], kind.__name__))


def library(name: str) -> Any:
    """Import it, now that it is needed. Raises MISSING."""
    return importlib.import_module(name)


# -- numpy ---------------------------------------------------------------------------------------------


def _write_array(value: Any, sink: Sink) -> None:
    if value.dtype.hasobject:
        text = f"is an array of objects ({value.dtype})"
        raise Refusal(Refusal.WHAT, text, "return .tolist() of it, or give it a dtype of numbers or text")
    library("numpy.lib.format").write_array(sink, value, allow_pickle=False)


def _read_array(path: Path, more: Any) -> Any:
    return library("numpy").load(path, allow_pickle=False)


# -- Arrow ---------------------------------------------------------------------------------------------


def _write_table(value: Any, sink: Sink) -> None:
    with library("pyarrow.ipc").new_file(sink, value.schema) as writer:
        writer.write_table(value.unify_dictionaries())  # of which a file has one for a column


def _read_table(path: Path, more: Any) -> Any:
    with library("pyarrow").memory_map(str(path)) as source:
        return library("pyarrow.ipc").open_file(source).read_all()


# -- pandas --------------------------------------------------------------------------------------------


def _write_frame(value: Any, sink: Sink) -> None:
    try:
        arrow = library("pyarrow")
    except MISSING:
        fix = "pip install pyarrow; or return .to_dict('records') of it if it is plain"
        raise Refusal(Refusal.WHAT, "is a pandas frame, which needs pyarrow to be kept", fix) from None
    for name, column in value.items():
        if column.dtype == object:
            held = library("pandas.api.types").infer_dtype(column, skipna=True)
            if held not in _SAME_FROM_ARROW:
                text = f"is a pandas frame whose column {label(name)} holds Python objects ({held})"
                raise Refusal(Refusal.WHAT, text, "give the column one dtype, as .astype does")
    try:
        table = arrow.Table.from_pandas(value)
    except (arrow.ArrowException, ValueError, TypeError) as error:
        raise _not_held(str(error)) from None
    if changed := _changed(value, table):
        raise _not_held(changed)
    _write_table(table, sink)


def _not_held(why: str) -> Refusal:
    text = f"is a pandas frame that Arrow cannot hold ({why})"
    fix = "give its columns and its index text for names, and dtypes that Arrow has"
    return Refusal(Refusal.WHAT, text, fix)


def _changed(value: Any, table: Any) -> str:
    """What of a frame would be another thing behind Arrow, which is not always an error there:
    names of two types are all text then, and categories that are intervals are never read again.

    Looked at is a table without rows. Columns of objects are told by what they hold, see `_SAME_FROM_ARROW`.
    """
    try:
        back = table.slice(0, 0).to_pandas()
    except Exception as error:  # whatever pandas raises when it makes its dtypes of what stands there
        return f"it would not come back: {error}"
    for axis, was, now in (("columns", value.columns, back.columns), ("index", value.index[:0], back.index)):
        if list(was.names) != list(now.names):
            return f"the names of its {axis}, {list(was.names)}, would become {list(now.names)}"
        if was.nlevels != now.nlevels or not (axis == "index" or was.equals(now)):
            return f"its {axis} {label(list(was))} would become {label(list(now))}"
    for name, was, now in zip(value.columns, value.dtypes, back.dtypes, strict=True):
        if was != "object" and was != now:
            return f"column {label(name)} of {was} would become {now}"
    return ""


def _read_frame(path: Path, more: Any) -> Any:
    return _read_table(path, more).to_pandas()


def _write_series(value: Any, sink: Sink) -> None:
    _write_frame(value.to_frame("value"), sink)


def _read_series(path: Path, more: Any) -> Any:
    return _read_frame(path, more)["value"].rename(more)


def _name_of_series(value: Any) -> Any:
    return value.name


# -- polars --------------------------------------------------------------------------------------------


def _write_polars(value: Any, sink: Sink) -> None:
    value.write_ipc(sink)


def _read_polars(path: Path, more: Any) -> Any:
    return library("polars").read_ipc(path)


def _write_polars_series(value: Any, sink: Sink) -> None:
    _write_polars(value.to_frame(), sink)


def _read_polars_series(path: Path, more: Any) -> Any:
    return _read_polars(path, more).to_series()


def _about_array(value: Any) -> str:
    return f"ndarray {value.dtype} {value.shape}"


def _about_frame(value: Any) -> str:
    rows, columns = value.shape
    return f"{type(value).__name__} of {rows:,} rows, {columns:,} columns"


def _about_series(value: Any) -> str:
    return f"Series {value.dtype} of {len(value):,}"


_ALL = (
    FileFormat("npy", ("numpy.ndarray", "numpy.memmap"), _about_array, _write_array, _read_array),
    FileFormat("arrow", ("pyarrow.Table",), _about_frame, _write_table, _read_table),
    FileFormat("pandas", ("pandas.DataFrame",), _about_frame, _write_frame, _read_frame),
    FileFormat(
        "pandas-series", ("pandas.Series",), _about_series, _write_series, _read_series, _name_of_series
    ),
    FileFormat("polars", ("polars.DataFrame",), _about_frame, _write_polars, _read_polars),
    FileFormat("polars-series", ("polars.Series",), _about_series, _write_polars_series, _read_polars_series),
)
FORMATS = {each.name: each for each in _ALL}
_BY_CLASS = {
    (library, name): each
    for each in _ALL
    for library, _, name in (found.partition(".") for found in each.classes)
}
