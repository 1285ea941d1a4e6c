"""Queues with limits of their own, in front of a node on the loop or a chain in the segment's thread."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.queue_settings import QueueLimits
from remotemedia.runner.backlog import Backlog
from remotemedia.runner.byte_size import byte_size_of
from remotemedia.runner.chain_box import ChainBox
from remotemedia.runner.handoff import END, End, Entry, Inbox
from remotemedia.runner.ports import OutputPort
from remotemedia.runner.tags import TAG, Tagged, current_tag
from remotemedia.runner.unit import Emit, Unit

if TYPE_CHECKING:
    from remotemedia.runner.chain import Chain
    from remotemedia.runner.metrics import Meter
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.stage import Stage


class BoundedEntries:
    """Stands where a hand-off has a deque: what waits, within limits. Any thread may use it.

    Ends come behind all items. ``len`` is how many items wait, and it is false where there is nothing at all.
    """

    def __init__(self, segment: Segment, stage: Stage, limits: QueueLimits) -> None:
        """Start empty."""
        self._backlog = Backlog(limits, byte_size_of, segment.losses_at(stage.id))
        self._ends = 0
        self._meter: Meter | None = stage.meter
        self._segment = segment
        self._lock = threading.Lock()
        stage.drops += (lambda: self._backlog.dropped,)

    def __len__(self) -> int:
        return len(self._backlog)

    def __bool__(self) -> bool:
        return len(self._backlog) > 0 or self._ends > 0

    @property
    def is_full(self) -> bool:
        """Whether who puts has to wait before the next item."""
        return self._backlog.is_full

    def put(self, item: Any) -> None:
        """Add an item, with the tag of what is under way."""
        tag = current_tag() if self._segment.is_tagged else None
        with self._lock:
            self._backlog.push(item, tag)
            if self._meter is not None:
                self._meter.max_queue_depth = max(self._meter.max_queue_depth, self._backlog.max_depth)

    def append(self, _end: End) -> None:
        """Add an end."""
        with self._lock:
            self._ends += 1

    def popleft(self) -> Entry | End:
        """Take the first one.

        Raises:
            IndexError: there is none.
        """
        with self._lock:
            waiting = self._backlog.shift()
            if waiting is not None:
                item, tag = waiting.item, waiting.tag
                return (item if tag is None else Tagged(item, tag)), None
            if self._ends == 0:
                raise IndexError
            self._ends -= 1
            return END

    def copy(self) -> list[Any]:
        """The items that wait."""
        with self._lock:
            return self._backlog.items()

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._backlog.clear()

    def drop_stale(self) -> None:
        """Forget what has become stale."""
        with self._lock:
            self._backlog.interrupt(self._segment.is_stale)


class BoundedInbox(Inbox):
    """The queue of a node on the loop, with limits of its own.

    An item of a channel counts as done when it comes here: from then on this queue limits how many there are.
    """

    def __init__(self, segment: Segment, stage: Stage, limits: QueueLimits) -> None:
        """Start empty."""
        super().__init__(segment, on_drop=segment.losses_at(stage.id))
        self._store = BoundedEntries(segment, stage, limits)
        self.entries = cast("Any", self._store)
        # Whoever takes one has those that wait looked after.
        self.half = sys.maxsize

    def limit_to(self, limit: int) -> None:
        """Do nothing: its own limits hold."""

    def put_from_loop(self, item: Any) -> asyncio.Future[None] | None:
        """Put an item; a future to wait for where the queue is full."""
        if self.is_closed:
            self.lose(TAG.get())
            return None
        if (
            self.direct is not None
            and self._getters
            and not self.entries
            and self.direct(item, current_tag())
        ):
            return None
        self._store.put(item)
        self._wake_on_loop()
        if not self._store.is_full:
            return None
        future = self._segment.loop.create_future()
        self._space_waiters.append(future)
        # A thread may have taken meanwhile, perhaps before it could see who waits.
        self._release_producers()
        return future

    def put_from_thread(self, item: Any, level: int, done: Callable[[], None] | None = None) -> None:
        """Put an item, in the segment's thread; while the queue is full the thread serves deeper levels."""
        if done is not None:
            done()
        if self.is_closed:
            self.lose(TAG.get())
            return
        self._store.put(item)
        self._wake_from_thread()
        if self._store.is_full:
            self._blocked_depth += 1
            try:
                self._segment.thread.serve_until(self._has_space, level)
            finally:
                self._blocked_depth -= 1

    def drop(self) -> None:
        """Forget what waits."""
        self._store.clear()

    def interrupt(self) -> None:
        """Drop what has become stale; called from any thread."""
        self._store.drop_stale()
        self.taken_in_thread()

    def _has_space(self) -> bool:
        return self.is_closed or not self._store.is_full

    def _release_producers(self) -> None:
        if self._has_space():
            super()._release_producers()
        else:
            self._is_releasing = False


class BoundedBox(ChainBox):
    """The queue of a chain, with limits of its own, also for what comes from the segment's thread."""

    def __init__(self, segment: Segment, chain: Chain, limits: QueueLimits) -> None:
        """Start empty."""
        super().__init__(segment, chain)
        self._store = BoundedEntries(segment, chain.stages[0], limits)
        self.entries = cast("Any", self._store)

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Put an item, on the loop; a future to wait for where the queue is full."""
        if self.chain.is_dead:
            self.lose(TAG.get())
            return None
        self._store.put(item)
        self._segment.thread.notify()
        return self._wait_for_space() if self._store.is_full else None

    def put_from_thread(self, item: Any, level: int) -> None:
        """Put an item, in the segment's thread; while the queue is full the thread serves deeper levels."""
        if self.chain.is_dead:
            self.lose(TAG.get())
            return
        self._store.put(item)
        if self._store.is_full:
            self._segment.thread.serve_until(self._has_space, level)

    def serve(self) -> None:
        """Run the chain with what is there now; what comes meanwhile waits until others have had a turn."""
        segment, chain = self._segment, self.chain
        for _ in range(len(self._store) + 1):
            try:
                entry = self._take()
            except IndexError:
                return
            if isinstance(entry, End):
                chain.input_ended()
                continue
            item, _ = entry
            del entry
            if isinstance(item, Tagged):
                if segment.is_stale(item.tag) or chain.is_dead:
                    self.lose(item.tag)
                    continue
                TAG.set(item.tag)
                item = item.item
            if not chain.is_dead:
                chain.run((item,))

    def interrupt(self) -> None:
        """Drop what has become stale; called from any thread."""
        self._store.drop_stale()
        self._release_if_space()

    def drop(self) -> None:
        """Forget what waits."""
        self._store.clear()

    def _has_space(self) -> bool:
        return self.chain.is_dead or not self._store.is_full


class ChainDoor(OutputPort):
    """Where an input port gives its items to a chain with a queue."""

    def __init__(self, segment: Segment, box: BoundedBox) -> None:
        """Lead to a chain."""
        super().__init__()
        self.segment = segment
        self.id = box.chain.stages[0].id
        self.open_consumers = 1
        self._box = box
        box.chain.producers.append(self)
        box.chain.open_inputs += 1

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect it with the port whose items it takes."""
        self.producers = [producer]

    def taker(self) -> Emit:
        """What takes items in the segment's thread."""
        return partial(self._box.put_from_thread, level=-1)

    def append(self, item: Any) -> None:
        """Take an item."""
        self._box.put_from_thread(item, -1)

    def finish(self) -> None:
        """There are no more items."""
        self._box.end()
