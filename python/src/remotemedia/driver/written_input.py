"""The input of a live session: items that are written on the caller's loop, and read by the run there."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from remotemedia.core.exceptions import SessionEndedError
from remotemedia.core.queue_settings import QueueLimits
from remotemedia.driver.ledger import Ledger
from remotemedia.runner.backlog import Backlog
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_ports import LoopInput
from remotemedia.runner.tags import Tag, new_tag


@dataclass(slots=True)
class _Part:
    """What was written before a change of the session.

    Attributes:
        items: what of it waits.
        may_end: whether a port sees its end; else it waits for that.
    """

    items: Backlog
    may_end: bool = False


class WrittenInput:
    """A queue between those that write and the port that lets the items in.

    Items count as pending until the node that is furthest behind takes them: also those that the port has
    handed to its nodes and that wait there. Urgent ones go to the nodes at once, before what is pending.

    Attributes:
        hand_off_limit: how many items may wait between the port and a node; fewer than may be pending, so
            that whoever waits for room sees the port come back for more.
        is_ended: no more items will be written.
        has_taker: whether anything reads the items; known once the run is open.
        tag: that of the item given last.
        changing: held while the session is changed.
    """

    def __init__(
        self,
        max_pending: int,
        on_broken: Callable[[], None],
        limits: QueueLimits | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Start empty; to be called on the loop.

        Args:
            max_pending: how many items may be pending before writers wait.
            on_broken: called on the loop when nobody reads any more, and not because all was read.
            limits: those of the items that wait here, instead of ``max_pending``.
            ledger: keeps account of what is written.
        """
        # With limits of its own all that waits does so here, where they hold.
        self.hand_off_limit = max_pending // 2 if limits is None else 0
        self.is_ended = False
        self.tag: Tag | None = None
        self.changing = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._max_pending = max_pending if limits is None else None
        self._on_broken = on_broken
        self.has_taker = False
        self._port: LoopInput | None = None
        self._limits = limits or QueueLimits(max_pending)
        self._ledger = ledger
        self._items = self._make_backlog()
        # What was written before changes that are still to come; a port reads it first.
        self._older: deque[_Part] = deque()
        # Those of parts that are through.
        self._dropped = 0
        self._is_read = False
        self._is_left = False
        self._writers: deque[asyncio.Future[bool]] = deque()
        # Writers that have been let in and have not put their items yet.
        self._entering = 0
        self._reader: asyncio.Future[None] | None = None
        self._is_broken = False
        self._refusal: Callable[[], SessionEndedError] | None = None

    def port(self) -> LoopInput:
        """A port that lets the items in; called in any thread. Of several one reads after the other."""
        self.has_taker = True
        return LoopInput(self, limit=self.hand_off_limit, on_begin=self._attach)

    def _attach(self, port: LoopInput) -> None:
        self._port = port
        self._is_read = False
        # The port before it has left what it could not use.
        self._is_left = self._is_broken

    # Writing

    def put_now(
        self, item: Any, survives: bool = False, urgent: bool = False, timestamp_us: float | None = None
    ) -> bool:
        """Put an item if there is room and nobody waits for it; whether it was put.

        Raises:
            SessionEndedError: it was refused.
        """
        if self._refusal is not None:
            raise self._refusal()
        if not urgent and (self._writers or not self._has_room()):
            return False
        self._put(item, new_tag(survives, urgent, timestamp_us))
        return True

    async def put(
        self, item: Any, survives: bool = False, urgent: bool = False, timestamp_us: float | None = None
    ) -> None:
        """Put an item as soon as there is room. If this is cancelled, it has not been put.

        Raises:
            SessionEndedError: it was refused, also while this has waited.
        """
        if self.put_now(item, survives, urgent, timestamp_us):
            return
        while not await self._enter():
            if self._refusal is not None:
                raise self._refusal()
        self._put(item, new_tag(survives, urgent, timestamp_us))

    @property
    def dropped(self) -> int:
        """How many items were dropped because of the limits."""
        return self._dropped + self._items.dropped + sum(part.items.dropped for part in self._older)

    def end(self) -> None:
        """No more items will be written; those of writers that wait come in."""
        self.is_ended = True
        self._wake_reader()

    def mark(self) -> Callable[[], None]:
        """Have a port see an end between what has been put and what will be; the next one goes on there.

        Returns:
            To be called on the loop before the port sees that end.
        """
        part = _Part(self._items)
        self._older.append(part)
        self._items = self._make_backlog()

        def let_end() -> None:
            part.may_end = True
            self._wake_reader()

        return let_end

    def interrupt(self, before: float) -> None:
        """Drop what was written before a stamp, and does not survive."""

        def is_stale(tag: Tag | None) -> bool:
            return tag is not None and tag.stamp < before and not tag.survives

        for part in self._older:
            part.items.interrupt(is_stale)
        self._items.interrupt(is_stale)
        self._admit()

    def refuse(self, make_error: Callable[[], SessionEndedError]) -> None:
        """Take nothing more; whoever writes now or later gets an error. The first refusal counts."""
        if self._refusal is not None:
            return
        self._refusal = make_error
        self._is_broken = True
        self._drop()
        while self._writers:
            writer = self._writers.popleft()
            if not writer.done():
                writer.set_result(False)

    # Reading: what the port does

    def __aiter__(self) -> WrittenInput:
        return self

    async def __anext__(self) -> Any:
        self._is_read = True
        while (items := self._readable()) is None:
            if self._is_left:
                raise StopAsyncIteration
            # What is given up gets no end, which would have nodes flush: the port is cancelled.
            is_over = self.is_ended and not self._older
            if is_over and not (self._writers or self._entering or self._is_broken):
                raise StopAsyncIteration
            self._reader = self._loop.create_future()
            self._admit()
            await self._reader
        # Before it is taken: until a node has it, it is pending.
        self._admit()
        entry = items.take()
        self.tag = entry.tag
        return entry.item

    def has_next(self) -> bool:
        """Whether the next item is there already."""
        return not self._older and self._items.peek() is not None

    def _readable(self) -> Backlog | None:
        """What a port takes the next item from; None where nothing waits.

        Raises:
            StopAsyncIteration: the port has come to the place of a change.
        """
        part = self._older[0] if self._older else None
        items = self._items if part is None else part.items
        if items.peek() is not None:
            return items
        if part is not None and part.may_end:
            self._older.popleft()
            self._dropped += items.dropped
            # Nothing urgent is given past the items of a port that reads no more.
            self._is_read = False
            raise StopAsyncIteration
        return None

    async def aclose(self) -> None:
        """The port reads no more, because of a failure, a cancel, or a node that wants no more."""
        if self._older:
            # What was written after a change is for the next one.
            items = self._older.popleft().items
            self._dropped += items.dropped
            items.clear()
            self._is_read = False
        else:
            self._is_broken = True
            self._drop()
        self._on_broken()

    def _make_backlog(self) -> Backlog:
        ledger = self._ledger
        return Backlog(self._limits, on_drop=None if ledger is None else ledger.lose_input)

    def _drop(self) -> None:
        for part in self._older:
            part.items.clear()
        self._older.clear()
        self._items.clear()

    async def _enter(self) -> bool:
        """Wait for room; whether it is there."""
        turn = self._loop.create_future()
        self._writers.append(turn)
        try:
            is_let_in = await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):
                    self._writers.remove(turn)
            else:
                self._entering -= turn.result()
            self._admit()
            self._wake_reader()
            raise
        self._entering -= is_let_in
        return is_let_in and not self._is_broken

    def _put(self, item: Any, tag: Tag) -> None:
        port = self._port
        if self._ledger is not None:
            self._ledger.add(tag)
        if tag.urgent and self._is_read and port is not None and not self._older:
            # The port may wait for a node to take what it has given before. The writer keeps its own tag.
            contextvars.copy_context().run(port.give_now, item, tag)
            return
        self._items.push(item, tag)
        self._wake_reader()

    def _has_room(self) -> bool:
        if self._is_broken:
            return False
        if self._reader is not None and not self._reader.done() and not self._entering:
            # The port asks for an item, whatever others have given to the same nodes.
            return True
        if self._max_pending is None:
            return not self._items.is_full
        waiting = 0 if self._port is None else self._port.waiting
        pending = len(self._items) + sum(len(part.items) for part in self._older)
        return pending + self._entering + waiting < self._max_pending

    def _admit(self) -> None:
        """Let in whoever has waited longest, as far as there is room."""
        while self._writers and self._has_room():
            writer = self._writers.popleft()
            if not writer.done():
                self._entering += 1
                writer.set_result(True)

    def _wake_reader(self) -> None:
        if self._reader is not None:
            set_done(self._reader)
