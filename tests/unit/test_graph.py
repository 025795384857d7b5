"""A run as boxes and edges, from its record alone."""

from __future__ import annotations

from podium.inspect import Graph
from podium.inspect.graph import BOXES_MAX, graph
from podium.model import Entry, Kind, State


def result(seq: int, step: str, began: float, at: float, kind: Kind = Kind.RESULT) -> Entry:
    return Entry(seq, kind, at + 1, step=step, began=began + 1, attempt=1, module="flows")


def shape(drawn: Graph) -> tuple[list[tuple[str, int]], list[tuple[str, str]]]:
    return [(n.function, n.n) for n in drawn.nodes], [(e.begin, e.end) for e in drawn.edges]


def test_a_fan_out_is_one_box_and_the_same_function_later_is_another() -> None:
    record = [
        result(1, "1.0/fetch", 0.0, 1.0),
        result(2, "1.1/fetch", 0.0, 2.0),
        result(3, "/strike", 3.0, 4.0),
        result(4, "2.0/fetch", 5.0, 6.0),
    ]
    drawn = graph(record, State.SUCCEEDED)
    assert shape(drawn) == ([("fetch", 2), ("strike", 1), ("fetch", 1)], [("0", "1"), ("1", "2")])
    assert [(node.column, node.row) for node in drawn.nodes] == [(0, 0), (1, 0), (2, 0)]
    assert drawn.nodes[0].seconds == 2.0


def test_one_after_the_other_with_nothing_between_is_one_box() -> None:
    drawn = graph([result(n + 1, f"/slow#{n}", n, n + 0.5) for n in range(60)], State.SUCCEEDED)
    assert shape(drawn) == ([("slow", 60)], [])


def test_in_a_branch_an_edge_comes_from_the_step_before_not_from_the_neighbours() -> None:
    record = [
        result(1, "1/fetch", 0.0, 1.0),
        result(2, "2/read", 0.0, 2.0),
        result(3, "1/rate", 3.0, 4.0),  # began after read had ended, and does not wait for it
        result(4, "2/store", 3.0, 5.0),
        result(5, "/close", 6.0, 7.0),
    ]
    assert shape(graph(record, State.SUCCEEDED))[1] == [
        ("0", "2"),
        ("1", "3"),
        ("3", "4"),
        ("2", "4"),
    ]


def test_an_edge_that_passes_boxes_has_a_row_of_its_own() -> None:
    record = [
        result(1, "1/side", 0.0, 1.0),
        result(2, "2/search", 0.0, 2.0),
        result(3, "2/read", 3.0, 4.0),
        result(4, "/write", 5.0, 6.0),
    ]
    drawn = graph(record, State.SUCCEEDED)
    (edge,) = (edge for edge in drawn.edges if edge.via)
    assert (edge.begin, edge.end) == ("0", "3")
    (read,) = (node for node in drawn.nodes if node.function == "read")
    ((column, row),) = edge.via
    assert (column, abs(row - read.row)) == (read.column, 1)


def test_children_questions_and_timers_are_boxes_and_tell_how_they_stand() -> None:
    record = [
        Entry(1, Kind.SENT, 1.0, step="/order", module="flows", name="child-1"),
        Entry(2, Kind.MESSAGE, 2.0, step="@1:/order", module="flows", name="outcome/failed:/order"),
        Entry(3, Kind.TICK, 3.0, step="/timer"),
        Entry(4, Kind.SENT, 4.0, step="/ask", module="podium", name="ask-1"),
    ]
    drawn = graph(record, State.WAITING)
    assert [(n.function, n.kind, n.state, n.run) for n in drawn.nodes] == [
        ("order", "run", "failed", "child-1"),
        ("timer", "timer", "succeeded", None),
        ("ask", "question", "waiting", None),
    ]
    assert graph(record, State.CANCELLED).nodes[2].state == "cancelled"  # nobody will answer it


def test_a_retry_is_counted_and_the_worst_state_is_the_boxs() -> None:
    record = [
        result(1, "1.0/fetch", 0.0, 1.0),
        result(2, "1.1/fetch", 0.0, 1.0, Kind.RETRY),
        result(3, "1.2/fetch", 0.0, 1.0, Kind.ERROR),
    ]
    (node,) = graph(record, State.RUNNING).nodes
    assert (node.state, node.retried, node.counts) == (
        "failed",
        1,
        {"succeeded": 1, "retrying": 1, "failed": 1},
    )


def test_of_too_many_stretches_each_function_is_one_box_and_a_loop_leads_back() -> None:
    record = [result(n + 1, f"/{'ab'[n % 2]}#{n // 2}", n, n + 0.5) for n in range(2 * BOXES_MAX)]
    drawn = graph(record, State.SUCCEEDED)
    assert drawn.folded
    assert shape(drawn)[0] == [("a", BOXES_MAX), ("b", BOXES_MAX)]
    assert [(e.begin, e.end, e.back) for e in drawn.edges] == [("1", "0", True), ("0", "1", False)]


def test_nothing_on_record_is_no_box() -> None:
    assert graph([], State.QUEUED).nodes == []
