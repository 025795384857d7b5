"""One audit hook, which calls those who listen to an event."""

from __future__ import annotations

import sys
from typing import Any

from podium import audit


def test_each_event_reaches_those_who_listen_to_it_and_nobody_else() -> None:
    heard: list[tuple[str, Any]] = []
    audit.listen(("podium.test.one", "podium.test.two"), lambda event, args: heard.append((event, args)))
    audit.listen(("podium.test.two",), lambda _, args: heard.append(("second", args)))
    for event in ("podium.test.one", "podium.test.two", "podium.test.three"):
        sys.audit(event, 1)
    assert heard == [("podium.test.one", (1,)), ("podium.test.two", (1,)), ("second", (1,))]
