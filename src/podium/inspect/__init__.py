"""Looking at what is on record: how runs stand and why, queries, histories, failures, health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import late

if TYPE_CHECKING:
    from .bodies import as_written, digest_of
    from .causes import Cause, cause_of, failed_call, silent
    from .dates import DATES, SPANS, iso, read_moment, read_range, read_span
    from .durations import ago, span, until
    from .engines import EngineShape, ask_engine, engine_shapes
    from .expected import Expected, forecast
    from .failures import FailureGroup, failure_groups
    from .graph import Graph, GraphEdge, GraphNode
    from .grid import Grid, Record, record_of
    from .health import check_runs
    from .messages import message_words
    from .obstacles import Check, checks_of
    from .outside import OutsideWait, outside_waits, runs_waited_for
    from .parked import also_parked, command_for, counts_first
    from .progress import MESSAGE, TIMEOUT, TIMER, Branch, RunProgress, StepCounts, place
    from .query import ParsedQuery, parse
    from .query_keys import has_key, is_query
    from .queues import QueueShape, queue_shapes, serves
    from .records import Records
    from .retries import last_retry, retried_with_others, retries_with, way_after_failure
    from .schedule_runs import schedule_of
    from .search import SearchResult, Tally, among, pages, retried_since, tallied
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
    from .timeline import Timeline, TimelineGroup
    from .tracebacks import (
        Frame,
        drop_our_frames,
        leave_only_theirs,
        recorded_frames,
        their_frames,
        with_recorded_frames,
    )
    from .undriven import can_act, has_function, living, offered, would_take
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
    "OutsideWait",
    "Cause",
    "Check",
    "Expected",
    "outside_waits",
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
    "Grid",
    "Record",
    "record_of",
    "iso",
    "line_shape",
    "loss_shape",
    "recorded_failure",
    "run_fields",
    "runs_waited_for",
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
    "Tally",
    "tallied",
    "ago",
    "also_parked",
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
    "leave_only_theirs",
    "their_frames",
    "has_key",
    "is_query",
    "parse",
    "place",
    "read_moment",
    "read_range",
    "read_span",
    "recorded_frames",
    "schedule_of",
    "serves",
    "span",
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

__getattr__ = late.names(
    __name__,
    {
        "bodies": "as_written digest_of",
        "causes": "Cause cause_of failed_call silent",
        "dates": "DATES SPANS iso read_moment read_range read_span",
        "durations": "ago span until",
        "engines": "EngineShape ask_engine engine_shapes",
        "expected": "Expected forecast",
        "failures": "FailureGroup failure_groups",
        "graph": "Graph GraphEdge GraphNode",
        "grid": "Grid Record record_of",
        "health": "check_runs",
        "messages": "message_words",
        "obstacles": "Check checks_of",
        "outside": "OutsideWait outside_waits runs_waited_for",
        "parked": "also_parked command_for counts_first",
        "progress": "MESSAGE TIMEOUT TIMER Branch RunProgress StepCounts place",
        "query": "ParsedQuery parse",
        "query_keys": "has_key is_query",
        "queues": "QueueShape queue_shapes serves",
        "records": "Records",
        "retries": "last_retry retried_with_others retries_with way_after_failure",
        "schedule_runs": "schedule_of",
        "search": "SearchResult Tally among pages retried_since tallied",
        "series": "BinShape SeriesShape SeriesView bin_shape series_shapes series_view",
        "shapes": "EntryShape FailureShape LineShape LossShape RunShape entry_shape "
        "failure_shape line_shape loss_shape recorded_failure run_fields shown_payload",
        "step_names": "StepName",
        "store_reader": "StoreReader",
        "store_view": "RecordView StoreView",
        "timeline": "Timeline TimelineGroup",
        "tracebacks": "Frame drop_our_frames leave_only_theirs recorded_frames their_frames "
        "with_recorded_frames",
        "undriven": "can_act has_function living offered would_take",
        "whereabouts": "WayOn file_of find_code folders_of is_workflow missing_from starter_under way_on",
    },
)
