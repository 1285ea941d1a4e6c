"""A call of a node that works on several items at once, while outputs leave in the order of the items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from remotemedia.runner.handoff import LIMIT
from remotemedia.runner.tags import TAG, Tag

if TYPE_CHECKING:
    from remotemedia.runner.concurrent_node import ConcurrentNode


class CallInTurn:
    """One of several calls at once: until it is its turn, it keeps some outputs, and then waits.

    Attributes:
        index: which item it is for.
        tag: that of the item.
        done: called after the last output has left.
        has_turn: done once it is its turn.
        task: the call.
    """

    task: asyncio.Task[None]

    def __init__(
        self, unit: ConcurrentNode, index: int, done: Callable[[], None] | None, tag: Tag | None
    ) -> None:
        """Belong to a node; ``done`` is called after the last output has left."""
        self.index = index
        self.tag = tag
        self.done = done
        self._unit = unit
        self._kept: deque[tuple[Any, Tag | None]] = deque()
        self.has_turn: asyncio.Future[None] = unit.segment.loop.create_future()

    def give(self, value: Any) -> Awaitable[None] | None:
        """Give one output; what to wait for before the next one."""
        if not self.has_turn.done():
            self._kept.append((value, TAG.get()))
            return self.has_turn if len(self._kept) >= LIMIT else None
        self._unit.turn_index = self.index
        return self._unit.emit(value)

    async def take_turn(self) -> None:
        """Emit what it has kept; from here on it emits by itself."""
        while self._kept:
            value, tag = self._kept.popleft()
            if tag is not None:
                TAG.set(tag)
            space = self._unit.emit(value)
            if space is not None:
                await space
        self.has_turn.set_result(None)

    @property
    def is_through(self) -> bool:
        """Whether it has ended by itself, and all that it gave has left."""
        task = self.task
        return task.done() and not self._kept and not task.cancelled() and task.exception() is None

    async def result(self) -> None:
        """Wait until the call has ended, and raise what it raised; a cancel meanwhile leaves it alone."""
        await asyncio.wait([self.task])
        self.task.result()
