"""Queues with limits of their own, in front of a node on the loop or a chain in the segment's thread."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.queue_settings import QueueLimits
from remotemedia.runner.backlog import Backlog, Waiting
from remotemedia.runner.chain_box import ChainBox
from remotemedia.runner.handoff import END, LIMIT, End, Entry, Inbox
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.losses import OnDrop
from remotemedia.runner.ports import OutputPort
from remotemedia.runner.stage import NO_QUEUES, Stage
from remotemedia.runner.tags import TAG, Tagged, current_tag
from remotemedia.runner.unit import Emit, Unit

if TYPE_CHECKING:
    from remotemedia.runner.chain import Chain
    from remotemedia.runner.metrics import Meter
    from remotemedia.runner.segment import Segment

_NOTHING_STATED = QueueLimits(LIMIT)
"""Limits of what comes by edges without a queue of their own, where the node states none either."""


class Lane:
    """One of the queues of a taker: that of an edge that has one, or the one of all other edges.

    Attributes:
        backlog: what waits in it.
        is_held: whether the thread is not asked for more while this is full, instead of waiting here.
        producers: what gives by it.
    """

    def __init__(
        self, segment: Segment, limits: QueueLimits, is_over: Callable[[], bool], on_drop: OnDrop | None
    ) -> None:
        """Start empty.

        Args:
            segment: what it is in.
            limits: its own.
            is_over: says whether nothing is taken any more.
            on_drop: called for each item that nobody takes.
        """
        self.backlog = Backlog(limits, on_drop=on_drop)
        self.is_held = False
        self.producers: list[Unit] = []
        self._segment = segment
        self._is_over = is_over
        self._space_waiters: list[asyncio.Future[None]] = []
        # A count: while the thread waits here it serves deeper chains, which may come to wait here as well.
        self._blocked_depth = 0

    @property
    def is_full(self) -> bool:
        """Whether who puts has to wait before the next item."""
        return self.backlog.is_full

    @property
    def has_waiter(self) -> bool:
        """Whether a producer on the loop waits that may go on."""
        return bool(self._space_waiters) and self._has_space()

    def wait_on_loop(self) -> asyncio.Future[None] | None:
        """A future for room, where there is none."""
        if not self.is_full:
            return None
        future = self._segment.loop.create_future()
        self._space_waiters.append(future)
        # A thread may have taken meanwhile, perhaps before it could see who waits.
        self.let_in()
        return future

    def wait_in_thread(self, level: int) -> None:
        """While there is no room have the segment's thread serve deeper levels."""
        if self.is_held or not self.is_full:
            return
        self._blocked_depth += 1
        try:
            self._segment.thread.serve_until(self._has_space, level)
        finally:
            self._blocked_depth -= 1

    def let_in(self) -> None:
        """Let those on the loop go on that wait for room, where there is some; to be called there."""
        if not self._has_space():
            return
        for future in self._space_waiters:
            set_done(future)
        self._space_waiters.clear()

    def notify(self) -> None:
        """Tell the thread that there may be room, where it waits for that; called from any thread."""
        if self._blocked_depth or (self.is_held and self._has_space()):
            self._segment.thread.notify()

    def _has_space(self) -> bool:
        return self._is_over() or not self.is_full


class BoundedEntries:
    """Stands where a hand-off has a deque: what waits, within limits. Any thread may use it.

    Items leave in the order in which they came, whichever lane they are in, and urgent ones first; ends come
    behind all items. ``len`` is how many items wait, and it is false where there is nothing at all.

    Attributes:
        others: the lane of all edges that have none of their own.
        lanes: those of the others, by the id of the node that gives.
    """

    def __init__(self, segment: Segment, stage: Stage, is_over: Callable[[], bool]) -> None:
        """Start empty, with the limits that the node and its edges state."""
        on_drop = segment.losses_at(stage.id)
        self.others = Lane(segment, stage.input_queue or _NOTHING_STATED, is_over, on_drop)
        queues = NO_QUEUES if stage.fan_in is not None else stage.edge_queues
        self.lanes = {origin: Lane(segment, limits, is_over, on_drop) for origin, limits in queues.items()}
        self.all_lanes = (self.others, *self.lanes.values())
        self._backlogs = [lane.backlog for lane in self.all_lanes]
        self._came = count()
        self._ends = 0
        self._meter: Meter | None = stage.meter
        self._segment = segment
        self._lock = threading.Lock()
        stage.drops += (self._count_drops,)

    def __len__(self) -> int:
        return sum(map(len, self._backlogs))

    def __bool__(self) -> bool:
        return len(self) > 0 or self._ends > 0

    def put(self, item: Any, lane: Lane) -> None:
        """Add an item, with the tag of what is under way."""
        tag = current_tag() if self._segment.is_tagged else None
        with self._lock:
            lane.backlog.push(item, tag, next(self._came))
            if self._meter is not None:
                self._meter.max_queue_depth = max(self._meter.max_queue_depth, len(self))

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
            waiting = self._shift()
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
            return [item for backlog in self._backlogs for item in backlog.items()]

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            for backlog in self._backlogs:
                backlog.clear()

    def drop_stale(self) -> None:
        """Forget what has become stale."""
        with self._lock:
            for backlog in self._backlogs:
                backlog.interrupt(self._segment.is_stale)

    def _shift(self) -> Waiting | None:
        if not self.lanes:
            return self.others.backlog.shift()
        first: Waiting | None = None
        place = self.others.backlog
        for backlog in self._backlogs:
            head = backlog.peek()
            if head is not None and (first is None or head.goes_before(first)):
                first, place = head, backlog
        return None if first is None else place.take()

    def _count_drops(self) -> int:
        return sum(backlog.dropped for backlog in self._backlogs)


class BoundedInbox(Inbox):
    """The queue of a node on the loop, with limits of its own.

    An item of a channel counts as done when it comes here: from then on this queue limits how many there are.
    """

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Start empty."""
        super().__init__(segment, on_drop=segment.losses_at(stage.id))
        self.store = BoundedEntries(segment, stage, self._is_over)
        self.entries = cast("Any", self.store)
        # Whoever takes one has those that wait looked after.
        self.half = sys.maxsize

    def limit_to(self, limit: int) -> None:
        """Do nothing: its own limits hold."""

    def put_from_loop(self, item: Any, lane: Lane | None = None) -> asyncio.Future[None] | None:
        """Put an item; a future to wait for where its queue is full."""
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
        lane = lane or self.store.others
        self.store.put(item, lane)
        self._wake_on_loop()
        return lane.wait_on_loop()

    def put_from_thread(
        self, item: Any, level: int, done: Callable[[], None] | None = None, lane: Lane | None = None
    ) -> None:
        """Put an item, in the segment's thread; while its queue is full the thread serves deeper levels."""
        if done is not None:
            done()
        if self.is_closed:
            self.lose(TAG.get())
            return
        lane = lane or self.store.others
        self.store.put(item, lane)
        self._wake_from_thread()
        lane.wait_in_thread(level)

    def drop(self) -> None:
        """Forget what waits."""
        self.store.clear()

    def interrupt(self) -> None:
        """Drop what has become stale; called from any thread."""
        self.store.drop_stale()
        self.taken_in_thread()

    def taken_in_thread(self) -> None:
        """Something has been taken or dropped in a thread: producers that wait go on."""
        if not self._is_releasing and any(lane.has_waiter for lane in self.store.all_lanes):
            self._is_releasing = True
            self._segment.loop.call_soon_threadsafe(self._release_producers)
        for lane in self.store.all_lanes:
            lane.notify()

    def _is_over(self) -> bool:
        return self.is_closed

    def _release_producers(self) -> None:
        self._is_releasing = False
        for lane in self.store.all_lanes:
            lane.let_in()
            lane.notify()


class BoundedBox(ChainBox):
    """The queue of a chain, with limits of its own, also for what comes from the segment's thread."""

    def __init__(self, segment: Segment, chain: Chain) -> None:
        """Start empty."""
        super().__init__(segment, chain)
        self.store = BoundedEntries(segment, chain.stages[0], self._is_over)
        self.entries = cast("Any", self.store)

    def put(self, item: Any, lane: Lane | None = None) -> asyncio.Future[None] | None:
        """Put an item, on the loop; a future to wait for where its queue is full."""
        if self.chain.is_dead:
            self.lose(TAG.get())
            return None
        lane = lane or self.store.others
        self.store.put(item, lane)
        self._segment.thread.notify()
        return lane.wait_on_loop()

    def put_from_thread(self, item: Any, level: int, lane: Lane | None = None) -> None:
        """Put an item, in the segment's thread; while its queue is full the thread serves deeper levels."""
        if self.chain.is_dead:
            self.lose(TAG.get())
            return
        lane = lane or self.store.others
        self.store.put(item, lane)
        lane.wait_in_thread(level)

    def serve(self) -> None:
        """Run the chain with what is there now; what comes meanwhile waits until others have had a turn."""
        segment, chain = self._segment, self.chain
        for _ in range(len(self.store) + 1):
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
        self.store.drop_stale()
        self._release_if_space()

    def drop(self) -> None:
        """Forget what waits."""
        self.store.clear()

    def _is_over(self) -> bool:
        return self.chain.is_dead

    def _release_if_space(self) -> None:
        if not self._is_releasing and any(lane.has_waiter for lane in self.store.all_lanes):
            self._is_releasing = True
            self._segment.loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._is_releasing = False
        for lane in self.store.all_lanes:
            lane.let_in()


class Door(OutputPort):
    """Where an input port gives its items to a queue with limits."""

    def __init__(self, segment: Segment, taker: Chain | LoopUnit, lane: Lane | None) -> None:
        """Lead to a lane of a node's queue; without one to that of all other edges."""
        super().__init__()
        self.segment = segment
        self.open_consumers = 1
        self._lane = lane
        taker.producers.append(self)
        queue: Any
        if isinstance(taker, LoopUnit):
            self.id, queue = taker.stage.id, taker.inbox
            queue.open_inputs += 1
            self._end = queue.end_from_thread
        else:
            self.id, queue = taker.stages[0].id, taker.box
            taker.open_inputs += 1
            self._end = queue.end
        self._put = partial(queue.put_from_thread, level=-1, lane=lane)

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect it with the port whose items it takes."""
        self.producers = [producer]

    def taker(self) -> Emit:
        """What takes items in the segment's thread."""
        return self._put

    def append(self, item: Any) -> None:
        """Take an item."""
        self._put(item)

    def finish(self) -> None:
        """There are no more items."""
        self._end()
