"""Items that wait in order, up to a limit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from remotemedia.core.queue_settings import QueueLimits
from remotemedia.runner.byte_size import byte_size_of
from remotemedia.runner.losses import OnDrop
from remotemedia.runner.tags import Tag


def now_s() -> float:
    """The time by which items grow old, in seconds: that of a test's clock, where there is one."""
    return time.monotonic()


class Waiting(NamedTuple):
    """An item that waits.

    Attributes:
        item: the item.
        tag: what it has; None where items have none.
        came_s: when it came, in seconds; 0 where nobody asks.
        size: about how many bytes it takes; 0 where nobody asks.
        order: its place among those of all queues of one taker; 0 where there is one queue.
    """

    item: Any
    tag: Tag | None
    came_s: float = 0.0
    size: int = 0
    order: int = 0

    def goes_before(self, other: Waiting) -> bool:
        """Whether it leaves before one that waits in another queue: the one that came first, or is urgent."""
        is_urgent = self.tag is not None and self.tag.urgent
        is_other_urgent = other.tag is not None and other.tag.urgent
        return self.order < other.order if is_urgent == is_other_urgent else is_urgent


class Backlog:
    """Items that wait in order, up to a limit; what comes then waits outside, or something is dropped.

    Urgent items go before the others, and no limit drops them. One thread at a time may use it.

    Attributes:
        dropped: how many were dropped because of a limit.
        max_depth: how many have waited at most.
    """

    __slots__ = (
        "_bytes",
        "_entries",
        "_is_plain",
        "_limits",
        "_measure",
        "_on_drop",
        "_urgent",
        "dropped",
        "max_depth",
    )

    def __init__(
        self,
        limits: QueueLimits,
        measure: Callable[[Any], int] = byte_size_of,
        on_drop: OnDrop | None = None,
    ) -> None:
        """Start empty.

        Args:
            limits: checked ones, which have no ``latest`` any more.
            measure: tells how many bytes an item takes.
            on_drop: told of each item that nobody takes.
        """
        self.dropped = 0
        self.max_depth = 0
        self._limits = limits
        # Nothing is ever dropped, or measured: most queues are so.
        self._is_plain = (
            limits.when_full == "block" and limits.max_bytes is None and limits.max_age_ms is None
        )
        self._measure = measure
        self._on_drop = on_drop
        self._entries: deque[Waiting] = deque()
        # How many of them, which are the first ones, are urgent.
        self._urgent = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_full(self) -> bool:
        """Whether who pushes has to wait before the next one."""
        return self._limits.when_full == "block" and self._is_over(0)

    def push(self, item: Any, tag: Tag | None = None, order: int = 0) -> None:
        """Add an item, and drop one where the limits ask for it."""
        limits, entries = self._limits, self._entries
        is_urgent = tag is not None and tag.urgent
        if self._is_plain and not is_urgent:
            entries.append(Waiting(item, tag, 0.0, 0, order))
            if len(entries) > self.max_depth:
                self.max_depth = len(entries)
            return
        if limits.when_full == "drop-newest" and not is_urgent and self._is_over(0):
            self._drop(tag)
            return
        came_s = 0.0 if limits.max_age_ms is None else now_s()
        size = 0 if limits.max_bytes is None else self._measure(item)
        entry = Waiting(item, tag, came_s, size, order)
        if is_urgent:
            entries.insert(self._urgent, entry)
            self._urgent += 1
        else:
            entries.append(entry)
        self._bytes += size
        if limits.when_full == "drop-oldest":
            while len(entries) > self._urgent + 1 and self._is_over(1):
                self._drop_oldest()
        self.max_depth = max(self.max_depth, len(entries))

    def peek(self) -> Waiting | None:
        """The first item; those that have waited too long are dropped."""
        max_age_ms = self._limits.max_age_ms
        while self._entries:
            first = self._entries[0]
            if max_age_ms is None or self._urgent or (now_s() - first.came_s) * 1_000 <= max_age_ms:
                return first
            self.take()
            self._drop(first.tag)
        return None

    def take(self) -> Waiting:
        """Take the first item that ``peek`` has given."""
        entry = self._entries.popleft()
        self._bytes -= entry.size
        if self._urgent:
            self._urgent -= 1
        return entry

    def shift(self) -> Waiting | None:
        """Take the first item; those that have waited too long are dropped."""
        if self._is_plain and not self._urgent:
            return self._entries.popleft() if self._entries else None
        return None if self.peek() is None else self.take()

    def interrupt(self, is_stale: Callable[[Tag | None], bool]) -> None:
        """Drop what has become stale, which counts as no drop."""
        if self._on_drop is not None:
            for entry in self._entries:
                if is_stale(entry.tag):
                    self._on_drop(entry.tag, "interrupted")
        left = [entry for entry in self._entries if not is_stale(entry.tag)]
        self._entries = deque(left)
        self._urgent = sum(entry.tag is not None and entry.tag.urgent for entry in left)
        self._bytes = sum(entry.size for entry in left)

    def clear(self) -> None:
        """Drop everything, which counts as no drop."""
        if self._on_drop is not None:
            for entry in self._entries:
                self._on_drop(entry.tag, None)
        self._entries.clear()
        self._urgent = self._bytes = 0

    def items(self) -> list[Any]:
        """What waits."""
        return [entry.item for entry in self._entries.copy()]

    def _is_over(self, spare: int) -> bool:
        """Whether the limits are reached with so many items to spare."""
        limits = self._limits
        if len(self._entries) - spare >= limits.max_items:
            return True
        if limits.max_bytes is None:
            return False
        return self._bytes > limits.max_bytes if spare else self._bytes >= limits.max_bytes

    def _drop_oldest(self) -> None:
        entries = self._entries
        oldest = entries[self._urgent]
        self._bytes -= oldest.size
        del entries[self._urgent]
        self._drop(oldest.tag)

    def _drop(self, tag: Tag | None) -> None:
        self.dropped += 1
        if self._on_drop is not None:
            self._on_drop(tag, "dropped")
