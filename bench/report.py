"""Turns the rows of a comparison into a Markdown page: medians, spread, ratios, targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median


@dataclass(frozen=True)
class Row:
    """One measured number. A row with the metric "failed" carries the reason in `note`."""

    peer: str
    workload: str
    metric: str
    value: float
    n: int
    run: int
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Where, when and with what it was measured."""

    date: str
    commit: str
    machine: str
    versions: str
    load: str
    rounds: int
    scale: float
    dbos_scale: float
    server: str = ""  # the version of PostgreSQL on which it was measured, instead of on files

    @property
    def command(self) -> str:
        return "python -m bench.compare --postgres" if self.server else "make bench"


@dataclass(frozen=True)
class Line:
    """A line of the table. `aim` is the bound Podium should keep, `ratio` how many times better than dbos it
    should be, `embedded` how many times better than unhinged."""

    workload: str
    metric: str
    label: str
    aim: float | None = None
    ratio: float | None = None
    embedded: float | None = None
    against: str = ""  # the other engine's workload, where it is not the same one
    alone: bool = False  # dbos ran another size, and the measure grows with it: no comparison

    @property
    def rising(self) -> bool:
        """More is better."""
        return self.metric.endswith("per_s")


LINES = (
    Line("W1", "steps_per_s", "W1: 1,000 dependent steps, async, steps/s", aim=2500, ratio=5, embedded=1.2),
    Line("W1", "new_store_steps_per_s", "W1: the same, the first on a new store, steps/s", aim=2500, ratio=5),
    Line("W1-sync", "steps_per_s", "W1: the same, plain functions, steps/s", ratio=5, embedded=1.2),
    Line(
        "W2-100",
        "steps_per_s",
        "W2: 1,000 runs x 10 steps, 100 in flight, steps/s",
        aim=15_000,
        ratio=50,
        embedded=10,
    ),
    Line("W2-100", "run_p50_ms", "W2: run at 100 in flight, p50 ms"),
    Line("W2-100", "run_p99_ms", "W2: run at 100 in flight, p99 ms"),
    Line("W2-1000", "steps_per_s", "W2: 1,000 in flight, steps/s", ratio=50),
    Line("W2-1000", "run_p99_ms", "W2: run at 1,000 in flight, p99 ms"),
    Line("W2-long", "steps_per_s", "W2: 100 runs x 1,000 steps, taking turns, steps/s", embedded=10),
    Line("W2-long", "bytes_per_step", "W2: the same, bytes written per step"),
    Line(
        "W3-gather",
        "tasks_per_s",
        "W3: fan-out to 10,000, gather, tasks/s",
        aim=25_000,
        ratio=50,
        embedded=10,
    ),
    Line("W3-gather", "peak_rss_mb", "W3: gather, peak RSS of the process, MB", aim=100),
    Line(
        "W3-map",
        "tasks_per_s",
        "W3: fan-out to 10,000, map, tasks/s",
        aim=25_000,
        ratio=50,
        against="W3-gather",
    ),
    Line("W3-map", "peak_rss_mb", "W3: map, peak RSS of the process, MB", aim=100, against="W3-gather"),
    Line("W4", "async_caller_p50_ms", "W4: one-step run, async caller, p50 ms", aim=1.5),
    Line("W4", "async_caller_p99_ms", "W4: one-step run, async caller, p99 ms"),
    Line("W4", "sync_caller_p50_ms", "W4: one-step run, plain functions, p50 ms", aim=1.5),
    Line("W4", "sync_caller_p99_ms", "W4: one-step run, plain functions, p99 ms"),
    Line("W5", "import_ms", "W5: import, ms", aim=100),
    Line("W5", "hello_new_store_ms", "W5: hello world, whole process, new store, ms", aim=350),
    Line("W5", "hello_again_ms", "W5: hello world, whole process, same store again, ms", aim=350),
    Line("W5", "help_ms", "W5: the command's --help, whole process, ms", aim=150),
    Line("W7", "starts_per_s", "W7: starting 100,000 sleeping runs, runs/s"),
    Line("W7", "rss_above_idle_mb", "W7: memory above idle, MB", aim=60, alone=True),
    Line("W7", "rss_above_idle_kb_per_run", "W7: memory per sleeping run, KB"),
    Line("W7", "idle_cpu_percent", "W7: processor time while all sleep, % of a core", aim=1),
    Line("W8", "mb_per_s", "W8: 100 results of 1 MB, MB/s", aim=80, ratio=1.5, embedded=1.5),
    Line("W8", "peak_rss_mb", "W8: peak RSS of the process, MB"),
    Line("workers", "enqueue_p50_ms", "enqueued here, starts in another process, p50 ms", aim=10),
    Line("workers", "enqueue_p99_ms", "enqueued here, starts in another process, p99 ms"),
    Line("workers", "idle_cpu_percent", "processor time of an idle worker, % of a core", aim=1),
    Line("workers", "killed_p50_ms", "a worker is killed, its run goes on elsewhere, p50 ms", aim=100),
    Line("workers", "killed_max_ms", "a worker is killed, its run goes on elsewhere, max ms"),
    Line(
        "workers",
        "frozen_max_s_after_lease",
        "a frozen worker's run: after its lease, max s",
        aim=1,
    ),
)

# Aims of the store on a server; of the other lines their ratios hold there.
AIMS_ON_A_SERVER = {("W2-100", "steps_per_s"): 15_000.0, ("workers", "enqueue_p50_ms"): 5.0}

PEERS = ("dbos", "unhinged")

DURABLE_ON_FILES = (
    "- Durability: Podium and unhinged commit with WAL and `synchronous=FULL`; dbos with its default,",
    "  the rollback journal and `synchronous=FULL`. All have a step on disk before the next one starts.",
)
DURABLE_ON_A_SERVER = (
    "- Durability: one server on the same disk, with `fsync` and `synchronous_commit` on; a database of its",
    "  own for each measurement. All have a step on disk before the next one starts.",
)
OF_FILES = (
    "- unhinged polls for work: its rates begin with the first step and not with the call. Its best",
    "  worker for many runs has one thread. Its W3 are runs: its steps run one after the other.",
    "- W8: no result is like another, and none can be packed. Podium keeps them by reference (`Blob`),",
    "  dbos as bytes, unhinged as text.",
    "- dbos takes nothing over here: on SQLite the runs of a process that died wait for one of the same",
    "  identity.",
)

# What the disk allows: rows a second in groups about as large as the workload can fill.
DISK = (
    ("W1", "steps_per_s", "rows_per_s_in_groups_of_1", "single rows"),
    ("W2-100", "steps_per_s", "rows_per_s_in_groups_of_100", "groups of 100"),
    ("W2-1000", "steps_per_s", "rows_per_s_in_groups_of_1000", "groups of 1,000"),
    ("W3-gather", "tasks_per_s", "rows_per_s_in_groups_of_1000", "groups of 1,000"),
)


class Rows:
    """Look-up of measured values."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = list(rows)

    def of(self, peer: str, workload: str, metric: str) -> list[Row]:
        return [r for r in self._rows if (r.peer, r.workload, r.metric) == (peer, workload, metric)]

    def median(self, peer: str, workload: str, metric: str) -> float | None:
        values = [row.value for row in self.of(peer, workload, metric)]
        return median(values) if values else None

    def cell(self, peer: str, workload: str, metric: str) -> str:
        """Median, then min-max when there are several."""
        found = self.of(peer, workload, metric)
        if not found:
            return "failed" if self.of(peer, workload, "failed") else "—"
        values = [row.value for row in found]
        spread = f" ({number(min(values))}-{number(max(values))})" if len(values) > 1 else ""
        return number(median(values)) + spread

    def size(self, line: Line) -> str:
        ours = {row.n for row in self.of("podium", line.workload, line.metric)}
        text = ", ".join(f"{n:,}" for n in sorted(ours)) or "—"
        others: list[str] = []
        for peer in PEERS:
            theirs = {row.n for row in self.of(peer, line.against or line.workload, line.metric)}
            if theirs and theirs != ours:
                others.append(f"{peer} {', '.join(f'{n:,}' for n in sorted(theirs))}")
        return f"{text} ({'; '.join(others)})" if others else text

    def failures(self) -> list[Row]:
        return [row for row in self._rows if row.metric == "failed"]


def number(value: float) -> str:
    """Three digits that matter, whole numbers with separators."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def render(rows: Iterable[Row], facts: Facts) -> str:
    """The whole page."""
    table = Rows(rows)
    lines = on_a_server() if facts.server else LINES
    parts = [
        heading(facts),
        comparison(table, lines),
        yardstick(table),
        replaying(table),
        notes(table, facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(facts: Facts) -> str:
    size = "full sizes" if facts.scale == 1 else f"sizes x {facts.scale:g}: indicative only"
    return "\n".join(
        (
            "# Benchmarks on PostgreSQL" if facts.server else "# Benchmarks",
            "",
            f"Made by `{facts.command}`; `bench/workloads.py` says what each workload is. The engines",
            "ran in turns, each workload in a fresh process on a fresh store, with the engine's defaults.",
            "",
            f"- {facts.date}, commit {facts.commit}",
            f"- {facts.machine}; load average at the start {facts.load}",
            f"- {facts.versions}" + (f", PostgreSQL {facts.server}" if facts.server else ""),
            f"- median (min-max) of {facts.rounds} round{'s' * (facts.rounds > 1)}, {size}",
        )
    )


def on_a_server() -> tuple[Line, ...]:
    """The lines with the aims of the store on a server."""
    return tuple(replace(line, aim=AIMS_ON_A_SERVER.get((line.workload, line.metric))) for line in LINES)


def comparison(table: Rows, measures: Iterable[Line]) -> str:
    head = [f"{peer} | better by" for peer in PEERS]
    lines = [f"| measure | n | Podium | {' | '.join(head)} | target | met |", "| --- " * 9 + "|"]
    for line in measures:
        ours = table.median("podium", line.workload, line.metric)
        other = line.against or line.workload
        ratios = {peer: better_by(line, ours, table.median(peer, other, line.metric)) for peer in PEERS}
        if ours is None and not any(ratios.values()) and not table.of("podium", line.workload, "failed"):
            continue
        cells = [line.label, table.size(line), table.cell("podium", line.workload, line.metric)]
        for peer, ratio in ratios.items():
            cells += [table.cell(peer, other, line.metric), f"{number(ratio)}x" if ratio is not None else "—"]
        cells += [target(line), verdict(line, ours, ratios)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def better_by(line: Line, ours: float | None, theirs: float | None) -> float | None:
    """How many times better Podium is; None where there is nothing to compare."""
    if not ours or not theirs or line.alone:
        return None
    return ours / theirs if line.rising else theirs / ours


def target(line: Line) -> str:
    aim = f"{'≥' if line.rising else '≤'} {number(line.aim)}" if line.aim is not None else ""
    ratios = [f"≥ {number(bound)}x {peer}" for peer, bound in bounds(line).items()]
    return ", ".join(part for part in (aim, *ratios) if part)


def bounds(line: Line) -> dict[str, float]:
    """By peer: how many times better Podium should be."""
    wanted = zip(PEERS, (line.ratio, line.embedded), strict=True)
    return {peer: bound for peer, bound in wanted if bound is not None}


def verdict(line: Line, ours: float | None, ratios: dict[str, float | None]) -> str:
    """Each part of the target on its own: a ratio that was not measured is neither met nor missed."""
    if ours is None:
        return ""
    held: list[bool] = []
    if line.aim is not None:
        held.append(ours >= line.aim if line.rising else ours <= line.aim)
    for peer, bound in bounds(line).items():
        ratio = ratios[peer]
        if ratio is not None:
            held.append(ratio >= bound)
    return "/".join("yes" if ok else "**no**" for ok in held)


def yardstick(table: Rows) -> str:
    """How much of the disk's and of the toy's rate is left."""
    lines = [
        "| measure | Podium | bare SQLite commits, rows/s | share | toy engine | share |",
        "| --- " * 6 + "|",
    ]
    for workload, metric, raw, groups in DISK:
        ours, disk = table.median("podium", workload, metric), table.median("toy", "raw", raw)
        toy = table.median("toy", workload, metric)
        if toy is None:
            continue
        cells = (
            f"{workload} {metric}",
            plain(ours),
            f"{plain(disk)} ({groups})",
            share(ours, disk),
            plain(toy),
            share(ours, toy),
        )
        lines.append("| " + " | ".join(cells) + " |")
    flush = [table.median("toy", "raw", f"flush_p{percent}_ms") for percent in (50, 99)]
    if len(lines) == 2 or None in flush:
        return ""
    intro = (
        "## Against the machine\n\n"
        f"A flush of this disk takes {plain(flush[0])} ms (p50), {plain(flush[1])} ms (p99). The toy engine\n"
        "(`bench/toy.py`) does nothing but commit each step before the next one starts; where the\n"
        "processor is the bound, a real engine can expect a third to a half of it.\n\n"
    )
    return intro + "\n".join(lines)


def plain(value: float | None) -> str:
    return "—" if value is None else number(value)


def share(ours: float | None, bound: float | None) -> str:
    return f"{100 * ours / bound:.0f} %" if ours and bound else "—"


def replaying(table: Rows) -> str:
    """Time to pick up a run after SIGKILL, by the length of its history; linear: the last column is flat."""
    found = sorted(table.of("podium", "replay", "resume_s"), key=lambda row: row.n)
    memory = {row.n: row.value for row in table.of("podium", "replay", "peak_rss_mb")}
    if not found:
        return ""
    lines = [
        "| steps on record | call to result, s | µs per step | µs per step added | peak RSS MB |",
        "| --- " * 5 + "|",
    ]
    for index, row in enumerate(found):
        before = found[index - 1] if index else None
        added = number((row.value - before.value) / (row.n - before.n) * 1e6) if before else "—"
        each = number(row.value / row.n * 1e6)
        lines.append(f"| {row.n:,} | {number(row.value)} | {each} | {added} | {plain(memory.get(row.n))} |")
    return (
        "## Resuming a long history\n\nA fresh process picks up a run whose process was killed.\n\n"
        + "\n".join(lines)
    )


def notes(table: Rows, facts: Facts) -> str:
    lines = [
        "## Notes",
        "",
        *(DURABLE_ON_A_SERVER if facts.server else DURABLE_ON_FILES),
        "- `n` counts runs (W2, W7), steps (W1, W2-long, W8, replay), tasks (W3) or samples (the rest).",
        "  Where a peer ran a smaller n, the table says so; its rate is that of the smaller n.",
        *(() if facts.server else OF_FILES),
        "- `met` answers each part of the target in its order: the aim, the ratio to dbos, to unhinged.",
    ]
    if facts.dbos_scale != 1:
        lines.append(f"- dbos ran all sizes x {facts.dbos_scale:g}.")
    lines += [
        f"- Failed: {row.peer} {row.workload}, round {row.run + 1}: {row.note}" for row in table.failures()
    ]
    return "\n".join(lines)
