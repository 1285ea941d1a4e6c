"""Ports on the segment's event loop, for a caller whose own loop that is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable, Sized
from functools import partial
from typing import TYPE_CHECKING, Any

from remotemedia.runner.handoff import END, LIMIT, End, Inbox
from remotemedia.runner.loop_unit import LoopTask
from remotemedia.runner.ports import INPUT_NAME, OUTPUT_NAME, OutputPort
from remotemedia.runner.tags import TAG, Tag, new_tag
from remotemedia.runner.unit import Emit, Unit, close_upstream

if TYPE_CHECKING:
    from remotemedia.runner.losses import LossReason, OnDrop
    from remotemedia.runner.segment import Segment


_MOST_AT_ONCE = 16
"""How many items that are there the thread may be given before it is woken for the first of them."""


class LoopInput(LoopTask):
    """Items of an async iterable, iterated on the segment's loop; it waits while there is no room.

    Attributes:
        limit: how many items may wait for each node that it feeds before the next one is asked for.
        hand_offs: what waits for them.
    """

    def __init__(
        self,
        items: AsyncIterable[Any],
        name: str | None = INPUT_NAME,
        limit: int = LIMIT,
        on_begin: Callable[[LoopInput], None] | None = None,
    ) -> None:
        """Take the items; None is one like any other.

        Args:
            items: iterated by a task of the segment. If the run ends before the items do, what it awaits is
                cancelled, and it is closed if it has ``aclose``. By ``has_next``, if it has that, it tells
                whether the next item is there.
            name: the ``node_id`` of its failures; their phase is ``"source"``, and their index says how many
                items were given before.
            limit: how many items may wait for a node.
            on_begin: called on the loop before the items are iterated.
        """
        super().__init__(name or INPUT_NAME)
        self._on_begin = on_begin
        self.limit = limit
        self.hand_offs: list[Sized] = []
        self._items = items
        self._name = name
        self._given = 0

    @property
    def waiting(self) -> int:
        """How many items that were given wait for the node that is furthest behind."""
        return max(map(len, self.hand_offs), default=0)

    async def work(self) -> None:
        """Give all items."""
        if self._on_begin is not None:
            self._on_begin(self)
        iterator: Any = aiter(self._items)
        thread = self.segment.thread
        has_next: Callable[[], bool] = getattr(self._items, "has_next", _knows_of_none)
        is_exhausted = False
        try:
            async for item in iterator:
                self._given += 1
                if self.segment.is_tagged:
                    tag: Tag | None = getattr(self._items, "tag", None)
                    TAG.set(tag or new_tag())
                thread.leave_waiting()
                try:
                    space = self.emit(item)
                    if space is not None:
                        thread.wake_left()
                        await space
                except Exception as error:
                    self.emission_failed(error)
                if self._given % _MOST_AT_ONCE == 0 or not has_next():
                    thread.wake_left()
                if self.is_dead:
                    return
            is_exhausted = True
        finally:
            thread.wake_left()
            if not is_exhausted:
                await self.close_outputs(iterator)

    def give_now(self, item: Any, tag: Tag) -> None:
        """Give an item at once, whatever the port waits for; called on the loop, for what is urgent."""
        if self.is_dead:
            self.segment.lose(self.id, tag)
            return
        self._given += 1
        TAG.set(tag)
        try:
            for put in self.emits:
                put(item)
        except Exception as error:
            self.emission_failed(error)

    def work_failed(self, error: BaseException) -> None:
        """Record what the iterable has raised."""
        self.segment.fail_source(self, error, self._name, self._given)

    def emission_failed(self, error: BaseException) -> None:
        """An item could not be sent."""
        self.segment.lose(self.id, TAG.get(), "failed")
        self.segment.fail_source(self, error, self._name, self._given - 1)


def _knows_of_none() -> bool:
    return False


class LoopOutput(OutputPort):
    """Outputs for one reader on the segment's loop, a bounded number ahead of it.

    It may be read on after the segment has ended and was closed.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """Keep up to ``limit`` outputs for the reader before their producers wait."""
        super().__init__()
        self._limit = limit
        self._is_linked = False
        self._is_ended = False
        # Between two segments that follow each other neither is told of an interruption.
        self._stale_before = 0.0

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect the port with the unit whose outputs it takes."""
        super().link(segment, producer)
        self._open_inbox(segment, segment.losses_at(OUTPUT_NAME))
        self._level = producer.level
        self._is_linked = True

    def _open_inbox(self, segment: Any, on_drop: OnDrop | None) -> None:
        self._inbox = Inbox(segment, self._limit, on_drop)
        self._inbox.open_inputs = 1
        # Who reads is the program, which has tags of its own if it is a node.
        self._inbox.sets_tag = False
        # Outputs are read in the order in which they were given.
        self._inbox.lets_overtake = False
        self._inbox.is_closed = self.is_dead

    def interrupt_before(self, before: float) -> None:
        """Drop what was let in before a stamp, whichever segment gave it; called from any thread."""
        self._stale_before = before

    async def get(self) -> Any | End:
        """Wait for the next output; ``END`` after the last one, after ``close`` and after a cancel."""
        if self._is_ended or self.is_dead:
            return END
        while True:
            entry = await self._inbox.get()
            if entry is None:
                self._is_ended = True
                return END
            tag = self._inbox.tag
            if tag is None or tag.stamp >= self._stale_before or tag.survives:
                return entry[0]
            self._inbox.lose(tag, "interrupted")

    @property
    def tag(self) -> Tag | None:
        """That of the output got last."""
        return self._inbox.tag

    def unread(self) -> list[Tag]:
        """The tags of the outputs that wait."""
        return self._inbox.waiting() if self._is_linked and not self._is_ended else []

    @property
    def is_read(self) -> bool:
        """Whether no output waits, of a port that has got its end."""
        entries = self._inbox.entries
        return self._is_ended or self.is_dead or not entries or entries[0] is END

    def __aiter__(self) -> LoopOutput:
        return self

    async def __anext__(self) -> Any:
        item = await self.get()
        if item is END:
            raise StopAsyncIteration
        return item

    def close(self) -> None:
        """Want no more, as the reader: what feeds only this port ends. Called on the loop."""
        if self._is_ended:
            return
        self._is_ended = True
        self.is_dead = True
        if not self._is_linked:
            # Its segment could not be made, or has not been yet.
            return
        self._inbox.close()
        # For a reader that is waiting in another task.
        self._inbox.end_from_loop()
        close_upstream(self)

    def append(self, item: Any) -> None:
        """Take an output, in the segment's thread; while there is no room it serves deeper levels."""
        self._inbox.put_from_thread(item, self._level)

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Take an output, on the loop; a future to wait for where there is no room."""
        return self._inbox.put_from_loop(item)

    def end_from_thread(self) -> None:
        """There are no more outputs; in the segment's thread."""
        self._inbox.end_from_thread()
        self.finish()

    def end_from_loop(self) -> None:
        """There are no more outputs; on the loop."""
        self._inbox.end_from_loop()
        self.finish()

    def abort(self) -> None:
        """Take no more, because of a cancel: whoever waits for room, or for an output, goes on."""
        self.is_dead = True
        self._inbox.is_closed = True
        # A loop that has ended has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.segment.loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        self._inbox.close()
        self._inbox.end_from_loop()


class SharedOutput(LoopOutput):
    """Outputs of several nodes, also of segments that follow each other, for one reader.

    Each node gives its own by a ``SegmentOutput``. Only whoever has made this ends it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for a segment; to be called on the loop of the reader."""
        super().__init__()
        self._loop = loop
        self._serving: Segment | None = None
        self._open_inbox(_NoSegment(loop), self._lose)
        self._is_linked = True

    def port(self) -> SegmentOutput:
        """A port for one node."""
        return SegmentOutput(self)

    def is_of(self, segment: Segment) -> bool:
        """Whether the outputs are those of a segment, or not yet of any."""
        return self._serving is None or self._serving is segment

    def go_on_in(self, segment: Segment, producer: Unit) -> None:
        """Take the outputs of a segment; what waits is read before them. Called in its thread."""
        if self._serving is segment:
            self.producers.append(producer)
        else:
            self._serving = segment
            self.producers = [producer]
            self._inbox.go_on_in(segment)
        if self.is_dead:
            self.is_closed = False
            close_upstream(self)

    def finish(self) -> None:
        """Note that the last output is out: no segment waits for that."""
        self.is_finished = True

    def abort(self) -> None:
        """Take no more, because of a cancel: whoever waits for room, or for an output, goes on."""
        self.is_dead = True
        self._inbox.is_closed = True
        # A loop that has ended has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._give_up)

    def _lose(self, tag: Tag | None, reason: LossReason | None) -> None:
        if self._serving is not None:
            self._serving.lose(OUTPUT_NAME, tag, reason)

    def taker_at(self, level: int) -> Emit:
        """What takes outputs in the thread of a segment, from a unit of this level."""
        return partial(self._inbox.put_from_thread, level=level)


class SegmentOutput(LoopOutput):
    """One node's part of a shared output."""

    def __init__(self, shared: SharedOutput) -> None:
        """Give outputs to ``shared`` once the segment runs."""
        super().__init__()
        self._shared = shared

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect the port with the unit whose outputs it takes."""
        OutputPort.link(self, segment, producer)
        self._take = self._shared.taker_at(producer.level)

    def begin(self) -> None:
        """The outputs are those of this segment from now on."""
        (producer,) = self.producers
        self._shared.go_on_in(self.segment, producer)

    def taker(self) -> Emit:
        """What takes outputs in the segment's thread."""
        return self._take

    def append(self, item: Any) -> None:
        """Take an output, in the segment's thread."""
        self._take(item)

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Take an output, on the loop."""
        return self._shared.put(item)

    def end_from_thread(self) -> None:
        """There are no more outputs of this node."""
        self.finish()

    def end_from_loop(self) -> None:
        """There are no more outputs of this node."""
        self.finish()

    def abort(self) -> None:
        """Take no more, because of a cancel."""
        self.is_dead = True
        if self._shared.is_of(self.segment):
            self._shared.abort()


class _NoSegment:
    """Stands for the segment of a port that has none yet."""

    is_tagged = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
