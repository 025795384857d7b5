"""Looking at what is on record: how runs stand and why, queries, histories, failures, health."""

from . import history
from .bodies import as_written, digest_of
from .causes import Cause, cause_of, failed_call, silent
from .dates import DATES, SPANS, iso, read_moment, read_range, read_span
from .durations import ago, span, until
from .engines import EngineShape, ask_engine, engine_shapes
from .expected import Expected, expected, forecast
from .failures import FailureGroup, failure_groups
from .graph import Graph, GraphEdge, GraphNode, graph
from .grid import Grid, Record, grid, record_of
from .health import check_runs
from .messages import message_words
from .obstacles import Check, checks_of
from .parked import command_for, counts_first
from .progress import MESSAGE, TIMEOUT, TIMER, Branch, RunProgress, StepCounts, place
from .query import ParsedQuery, has_key, is_query, parse
from .queues import QueueShape, queue_shapes, serves
from .records import Records
from .retries import last_retry, retried_with_others, retries_with, way_after_failure
from .run_card import run_card
from .run_list import run_list
from .schedule_runs import schedule_of
from .search import (
    SearchResult,
    Tally,
    among,
    pages,
    retried_since,
    search,
    tallied,
)
from .series import BinShape, SeriesShape, SeriesView, bin_shape, series_shapes, series_view
from .shapes import (
    EntryShape,
    FailureShape,
    LineShape,
    LossShape,
    RunShape,
    entry_shape,
    failure_shape,
    line_shape,
    loss_shape,
    recorded_failure,
    run_fields,
    shown_payload,
)
from .step_names import StepName
from .store_reader import StoreReader
from .store_view import RecordView, StoreView
from .timeline import Timeline, TimelineGroup, timeline
from .tracebacks import Frame, drop_our_frames, recorded_frames, with_recorded_frames
from .undriven import can_act, has_function, living, offered, undriven, would_take
from .waited_for import Awaited, awaited
from .whereabouts import (
    WayOn,
    file_of,
    find_code,
    folders_of,
    is_workflow,
    missing_from,
    starter_under,
    way_on,
)

__all__ = [
    "as_written",
    "digest_of",
    "QueueShape",
    "ask_engine",
    "queue_shapes",
    "MESSAGE",
    "command_for",
    "counts_first",
    "message_words",
    "DATES",
    "SPANS",
    "TIMEOUT",
    "TIMER",
    "Branch",
    "BinShape",
    "SeriesShape",
    "SeriesView",
    "bin_shape",
    "series_shapes",
    "series_view",
    "Awaited",
    "Cause",
    "Check",
    "Expected",
    "awaited",
    "expected",
    "forecast",
    "EngineShape",
    "EntryShape",
    "engine_shapes",
    "FailureGroup",
    "FailureShape",
    "failure_groups",
    "LineShape",
    "LossShape",
    "RunShape",
    "entry_shape",
    "shown_payload",
    "failure_shape",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "graph",
    "Grid",
    "Record",
    "grid",
    "record_of",
    "iso",
    "line_shape",
    "loss_shape",
    "recorded_failure",
    "run_fields",
    "Frame",
    "ParsedQuery",
    "RunProgress",
    "SearchResult",
    "StepCounts",
    "StepName",
    "StoreView",
    "StoreReader",
    "RecordView",
    "Records",
    "Timeline",
    "TimelineGroup",
    "timeline",
    "Tally",
    "tallied",
    "ago",
    "among",
    "pages",
    "retried_since",
    "retried_with_others",
    "last_retry",
    "retries_with",
    "way_after_failure",
    "cause_of",
    "failed_call",
    "checks_of",
    "silent",
    "check_runs",
    "drop_our_frames",
    "has_key",
    "history",
    "is_query",
    "parse",
    "place",
    "read_moment",
    "read_range",
    "read_span",
    "recorded_frames",
    "run_card",
    "run_list",
    "schedule_of",
    "search",
    "serves",
    "span",
    "undriven",
    "WayOn",
    "file_of",
    "find_code",
    "folders_of",
    "can_act",
    "is_workflow",
    "has_function",
    "living",
    "offered",
    "missing_from",
    "starter_under",
    "way_on",
    "would_take",
    "until",
    "with_recorded_frames",
]
