"""What runs emit and publish, and how queues stand, read."""

from __future__ import annotations

from ...model import LaneDepth, Loss, PublishedValue, QueueRow, StreamChunk
from ..admission import queue_row
from .measuring import MeasureReader
from .statements import SQL


class StreamReader(MeasureReader):
    """The looks of a handle, those at streams among them."""

    def chunks(self, run: str, name: str, after: int = 0, limit: int = 1000) -> list[StreamChunk]:
        wanted = {"run": run, "name": name, "after": after, "limit": limit}
        return [StreamChunk(*row) for row in self.look(SQL["chunks"], wanted)]

    def streams(self, run: str) -> dict[str, int]:
        return dict(self.search(SQL["streams"], {"run": run}))

    def losses(self, run: str, limit: int = 100) -> list[Loss]:
        return [Loss(*row) for row in self.look(SQL["losses"], {"run": run, "limit": limit})]

    def values(self, run: str) -> list[PublishedValue]:
        return [PublishedValue(*row) for row in self.look(SQL["values"], {"run": run})]

    def queues(self) -> list[QueueRow]:
        return [queue_row(row) for row in self.look(SQL["all_queues"])]

    def lanes(self) -> list[LaneDepth]:
        return [LaneDepth(*row) for row in self.search(SQL["depths"])]
