"""What is declared: workflows with the schema of their arguments, and starting one."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ... import codec
from ...client import StartOptions, checked_tags
from ...errors import ArgumentError, DecodeError, RunNotFound
from ...functions import Function
from ...inspect import living, offered
from ...model import Query
from ..access import Caller
from ..service import Service, committed
from .items import took

BARS = 40


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One argument. `schema` is JSON Schema; `default` is left out where there is none, or where it cannot
    be said in JSON."""

    name: str
    annotation: str
    required: bool
    schema: dict[str, Any]
    default: msgspec.Raw | UnsetType = UNSET


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One of the newest runs of a workflow."""

    id: str
    state: str
    took: float | None


class WorkflowItem(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow. `can_start`: its code is loaded in this process, so that arguments can be checked."""

    name: str
    module: str
    label: str
    doc: str
    where: str
    signature: str
    fingerprint: str
    tags: list[str]
    can_start: bool
    parameters: list[Parameter]
    schema: dict[str, Any]
    bars: list[Bar]


class WorkflowsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Workflows that this process or a live engine has, by name. `broken`: modules that cannot be loaded."""

    items: list[WorkflowItem]
    broken: dict[str, str]
    next: None = None
    version: int = 1


class StartBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A start: `function` is "module:name", or the name alone where one module has it; `input` are its
    arguments by name, `args` those by position; `delay` is seconds."""

    function: str
    args: list[Any] = []
    input: dict[str, Any] = {}
    id: str | None = None
    delay: float | None = None
    tags: list[str] = []


class StartedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that a start has come to, on disk."""

    id: str
    function: str
    state: str
    version: int = 1


def workflows(service: Service) -> WorkflowsPage:
    """What can be started, with the schema of its arguments."""
    app = service.app
    ours = {each.name: each for each in app.functions.values() if each.is_workflow and not each.is_built_in}
    theirs = sorted(offered(living(app)).keys() - app.functions.keys())
    shown = [_shown(service, function) for _, function in sorted(ours.items())]
    # What only another engine has may be a task as well: those that have runs are shown.
    shown += [item for item in (_foreign(service, name) for name in theirs) if item.bars]
    return WorkflowsPage(items=shown, broken=dict(service.broken()))


def start(service: Service, body: StartBody, caller: Caller) -> StartedRun:
    """Start a workflow; answered when it is on disk. The same id and arguments again are the same run."""
    app = service.app
    function = _workflow(service, body.function)
    call = StartOptions(id=body.id, delay=body.delay, tags=(*function.tags, *checked_tags(body.tags)))
    args, kwargs = function.unbind(_arguments(function, body.args, body.input))
    run = committed(app.start(function, args, kwargs, call).id)
    row = app.load(run)
    return StartedRun(id=row.id, function=row.function, state=str(row.state))


def _workflow(service: Service, name: str) -> Function:
    ours = [
        f
        for f in service.app.functions.values()
        if f.is_workflow and not f.is_built_in and name in (f.name, f.label)
    ]
    exact = [function for function in ours if function.name == name] or ours
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise ArgumentError(f"several modules have {name}", fix=", ".join(f.name for f in exact))
    raise RunNotFound(
        f"no workflow {name!r} is loaded here", fix="podium up MODULE; GET /api/workflows lists them"
    )


def _arguments(function: Function, args: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Values of JSON as the types that the annotations ask for. Raises ArgumentError."""
    parameters = function.signature.parameters
    unknown = min(named.keys() - parameters.keys(), default=None)
    if unknown is not None:
        raise ArgumentError(f"{function.label} has no parameter {unknown!r}", fix=function.spelled)
    try:
        given = function.signature.bind_partial(*args).arguments
    except TypeError as error:
        raise ArgumentError(f"{function.label}: {error}", fix=function.spelled) from None
    twice = min(given.keys() & named.keys(), default=None)
    if twice is not None:
        raise ArgumentError(f"{function.label}({twice}=...) is given twice", fix=function.spelled)
    return {name: _argument(function, parameters[name], value) for name, value in {**given, **named}.items()}


def _argument(function: Function, parameter: inspect.Parameter, value: Any) -> Any:
    try:
        return codec.convert(value, _hint(function, parameter))
    except DecodeError as error:
        what = f"{function.label}({parameter.name}=...): {error.message}"
        raise ArgumentError(what, fix=function.spelled) from None


def _hint(function: Function, parameter: inspect.Parameter) -> Any:
    """What the argument may be as a whole: an annotation of `*args` is about each of them."""
    hint = function.hints.get(parameter.name, Any)
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    return dict[str, hint] if parameter.kind is parameter.VAR_KEYWORD else hint


def _shown(service: Service, function: Function) -> WorkflowItem:
    parameters = [_parameter(function, p) for p in function.signature.parameters.values()]
    code: Any = getattr(inspect.unwrap(function.fn), "__code__", None)
    return WorkflowItem(
        name=function.name,
        module=function.module,
        label=function.label,
        doc=inspect.cleandoc(function.fn.__doc__ or ""),
        where=f"{code.co_filename}:{code.co_firstlineno}" if code else "",
        signature=codec.without_modules(function.spelled),
        fingerprint=function.fingerprint,
        tags=list(function.tags),
        can_start=True,
        parameters=parameters,
        schema={
            "type": "object",
            "properties": {p.name: p.schema for p in parameters},
            "required": [p.name for p in parameters if p.required],
        },
        bars=_bars(service, function.name),
    )


def _foreign(service: Service, name: str) -> WorkflowItem:
    module, _, label = name.rpartition(":")
    return WorkflowItem(
        name=name, module=module, label=label, doc="", where="", signature="", fingerprint="", tags=[],
        can_start=False, parameters=[], schema={}, bars=_bars(service, name),
    )  # fmt: skip


def _bars(service: Service, name: str) -> list[Bar]:
    now = service.app.env.now()
    rows = service.app.find(Query(function=name, limit=BARS))
    return [Bar(id=row.id, state=str(row.state), took=took(row, now)) for row in reversed(rows)]


def _parameter(function: Function, parameter: inspect.Parameter) -> Parameter:
    hint = _hint(function, parameter)
    is_many = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    has_default = parameter.default is not parameter.empty
    return Parameter(
        name=parameter.name,
        annotation=codec.type_name(hint),
        required=not has_default and not is_many,
        schema=_schema(hint),
        default=_plain(parameter.default) if has_default else UNSET,
    )


def _plain(value: Any) -> msgspec.Raw | UnsetType:
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError):
        return UNSET


def _schema(annotation: Any) -> dict[str, Any]:
    """JSON Schema of a type; {} of one that has none."""
    described = getattr(annotation, "model_json_schema", None)  # Pydantic's, which is not ours to import
    try:
        found: dict[str, Any] = described() if described else msgspec.json.schema(annotation)
    except Exception:  # of types that msgspec, or the user's own code in them, cannot describe
        return {}
    return found
