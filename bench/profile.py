"""Where the time of a workload goes: `python -m bench.profile W2-100 [--scale 0.5] [--top 25]`.

Samples the stacks of every thread, by the wall clock: a thread that waits for the disk is seen waiting, which
a count of processor time would hide, and no function is made slower by being counted. "own" is time in the
function itself and in what it calls in C (a commit shows up where it was called), "all" includes what it
calls in Python. What runs in a greenlet is seen from the greenlet's own start on. With `--cpu` only the
processor time of each thread is taken, so seldom that nothing is slower for it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from . import podium_bench
from .cli import WORKLOADS
from .measure import ROOT
from .workloads import run

INTERVAL_SECONDS = 0.001
CLOCKS_SECONDS = 0.02  # between two looks at the threads' clocks, where nothing else is looked at


class Sampler:
    """Counts functions on the stacks of all threads but its own, until stopped."""

    def __init__(self, clocks_only: bool = False) -> None:
        self._clocks_only = clocks_only
        self.clocks: dict[int, tuple[float, float]] = {}  # processor seconds at the first look and the last
        self.own: dict[int, Counter[str]] = {}
        self.all: dict[int, Counter[str]] = {}
        self.lines: dict[int, Counter[str]] = {}
        self.names: dict[int, str] = {}
        self.samples = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        # The default of 5 ms would see each thread only where it lets go of the interpreter by itself.
        if not self._clocks_only:
            sys.setswitchinterval(0.0002)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        me = threading.get_ident()
        while not self._stop.is_set():
            # A random step keeps the samples from beating in time with the engine's own rhythm.
            interval = CLOCKS_SECONDS if self._clocks_only else INTERVAL_SECONDS
            time.sleep(interval * random.uniform(0.5, 1.5))
            self.samples += 1
            self.names.update({thread.ident: thread.name for thread in threading.enumerate() if thread.ident})
            if self._clocks_only:
                self._look_at_clocks(me)
                continue
            for thread, frame in sys._current_frames().items():
                if thread != me:
                    self._count(thread, frame)

    def _look_at_clocks(self, me: int) -> None:
        for thread in threading.enumerate():
            if thread.ident is not None and thread.ident != me:
                clock = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
                self.clocks[thread.ident] = (self.clocks.get(thread.ident, (clock,))[0], clock)

    def _count(self, thread: int, frame: FrameType) -> None:
        own = self.own.setdefault(thread, Counter())
        self.lines.setdefault(thread, Counter())[f"{short(frame)}:{frame.f_lineno}"] += 1
        own[short(frame)] += 1
        seen: set[str] = set()
        walk: FrameType | None = frame
        while walk is not None:
            seen.add(short(walk))
            walk = walk.f_back
        self.all.setdefault(thread, Counter()).update(seen)


def short(frame: FrameType) -> str:
    """`engine/committer.py Committer.flush`: the file's last two parts and the function."""
    path = Path(frame.f_code.co_filename)
    return f"{'/'.join(path.parts[-2:])} {frame.f_code.co_qualname}"


def show(sampler: Sampler, top: int) -> None:
    """One block per thread that was ever busy, the busiest first."""
    print(f"{sampler.samples} samples")
    for thread in sorted(sampler.own, key=lambda t: len(sampler.own[t]), reverse=True):
        total = sum(sampler.own[thread].values())
        print(f"\nthread {sampler.names.get(thread, thread)} ({total} samples)")
        for title, counts in (("own", sampler.own), ("all", sampler.all), ("line", sampler.lines)):
            print(f"  {title}")
            for name, count in counts[thread].most_common(top):
                if count * 200 >= total:  # below half a percent it is noise
                    print(f"    {100 * count / total:5.1f} %  {name}")


def show_clocks(sampler: Sampler) -> None:
    """One line per thread that has used the processor."""
    used = {thread: last - first for thread, (first, last) in sampler.clocks.items()}
    for thread in sorted(used, key=used.__getitem__, reverse=True):
        if used[thread] >= 0.001:
            print(f"{used[thread]:8.3f} s  {sampler.names.get(thread, thread)}")


def main() -> None:
    """Run one workload on Podium in this process, sampled."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__.partition("\n")[0])
    parser.add_argument("workload", choices=[name for name in WORKLOADS if name not in ("W5", "replay")])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--top", type=int, default=25)
    parser.add_argument("--cpu", action="store_true", help="processor seconds of each thread alone")
    parser.add_argument("--url", help="of an empty store on a server, instead of a new file")
    options = parser.parse_args()
    tools = ROOT / ".tools"
    tools.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools) as scratch:
        os.environ["PODIUM_URL"] = options.url or f"sqlite:///{scratch}/podium.db"
        with Sampler(options.cpu) as sampler:
            asyncio.run(run(podium_bench.PEER, options.workload, options.scale, Path(scratch)))
    if options.cpu:
        show_clocks(sampler)
    else:
        show(sampler, options.top)


if __name__ == "__main__":
    main()
