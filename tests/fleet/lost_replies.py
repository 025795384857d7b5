"""A workflow of steps one after the other; each third of its commits is cut off on its way, or its reply is.

    python -m tests.fleet.lost_replies --commits 200

Whether a commit happened or not, nothing is lost and nothing that was on record is done again.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections import Counter

import podium
from podium import App, Options, task, workflow
from tests.fleet.proxy import Proxy
from tests.postgres import shared

calls: Counter[int] = Counter()


@task
def counted(number: int) -> int:
    calls[number] += 1
    return number


@workflow
def chain(count: int) -> int:
    return sum([counted(n) for n in range(count)])


class Cut:
    """Cuts the connection at each third commit: the look at what came of it and the next try get through."""

    def __init__(self, tag: bytes, times: int) -> None:
        self._tag, self._times, self._seen = tag, times, 0
        self._turn = threading.Lock()
        self.lost = 0

    def __call__(self, data: bytes) -> bool:
        if self._tag not in data:
            return True
        with self._turn:
            self._seen += 1
            if self._seen % 3 != 1 or self.lost == self._times:
                return True
            self.lost += 1
            return False


def lose(times: int, url: str, *, arrives: bool) -> list[str]:
    """Lose so many replies, or requests; what is wrong then."""
    calls.clear()
    cut = Cut(b"COMMIT\0" if arrives else b"COMMIT;", times)
    wrong: list[str] = []
    with Proxy(shared().port) as proxy:
        behind = url.replace(str(shared().port), str(proxy.port))
        with App(behind, options=Options(poll=0.05), starter="") as app:
            assert app.host
            if arrives:
                proxy.filter_reply = cut
            else:
                proxy.filter_request = cut
            run = chain.start(2 * times)
            if run.result(60 + times) != sum(range(2 * times)):
                wrong.append("another result")
            if podium.get(run.id).state != "succeeded":
                wrong.append(f"it is {podium.get(run.id).state}")
    if cut.lost != times:
        wrong.append(f"{cut.lost} commits were cut off, not {times}")
    if set(calls) != set(range(2 * times)):
        wrong.append(f"{2 * times - len(calls)} bodies never began")
    wrong += [f"body {number} began {count} times" for number, count in calls.items() if count > 1]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--commits", type=int, default=200)
    options = parser.parse_args()
    logging.disable()  # it says of each that runs wait, and go on
    failed = False
    for arrives in (True, False):
        wrong = lose(options.commits, shared().new_database(), arrives=arrives)
        what = "happened, their replies were lost" if arrives else "never arrived"
        print(f"{options.commits} commits {what}; {calls.total()} bodies; violations: {len(wrong)}")
        print("\n".join(wrong[:20]), end="\n" * bool(wrong))
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
