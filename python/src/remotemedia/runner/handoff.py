"""Hand-offs between the segment's thread and its event loop: bounded queues that wake the other side once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from remotemedia.runner.loop import set_done
from remotemedia.runner.losses import LossReason, OnDrop
from remotemedia.runner.tags import TAG, Tag, Tagged, current_tag

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

LIMIT = 128
"""How many items may wait in one hand-off before its producers do."""


class End:
    """What a producer puts after its last item."""


END: Final = End()

Entry = tuple[Any, "Callable[[], None] | None"]
"""An item and, for an item of a channel, what to call when the node is done with it."""

CALLED: Final[Entry] = (None, None)
"""What a reader gets that was called: there is something else to do."""

Bell = SimpleQueue[None]
"""What a thread waits with: whoever puts None wakes it, now or when it comes to wait."""


class Inbox:
    """The queue of a node on the loop, or in a thread of its own. Any thread may put; the node gets.

    Attributes:
        entries: what waits; a thread that reads takes from it by itself.
        open_inputs: how many producers have not given their last item.
        is_closed: it takes nothing more.
        half: how many items may be left when its producers go on.
        tag: that of the item that was got last.
        sets_tag: whether the task that gets an item goes on with its tag.
        lets_overtake: whether urgent items go before the others.
        direct: takes an item, with its tag, in the turn of whoever gives it, and says whether it has; asked
            where a task waits for one.
    """

    def __init__(self, segment: Segment, limit: int = LIMIT, on_drop: OnDrop | None = None) -> None:
        """Start empty.

        Args:
            segment: what it belongs to.
            limit: how many items may wait before producers do.
            on_drop: told of each item that nobody takes.
        """
        self.entries: deque[Entry | End] = deque()
        self._on_drop = on_drop
        self.open_inputs = 0
        self.is_closed = False
        self.sets_tag = True
        self.lets_overtake = True
        self.tag: Tag | None = None
        self.direct: Callable[[Any, Tag], bool] | None = None
        self.half = limit // 2
        self._limit = limit
        self._segment = segment
        self._is_called = False
        # A deque, because its pop is atomic: the thread takes the getter, the loop puts a new one.
        self._getters: deque[asyncio.Future[None] | Bell] = deque()
        self._space_waiters: list[asyncio.Future[None]] = []
        self._is_releasing = False
        # A count: while the thread waits here it serves deeper chains, which may come to wait here as well.
        self._blocked_depth = 0

    def go_on_in(self, segment: Segment) -> None:
        """Serve another segment from now on."""
        self._segment = segment

    @property
    def is_awaited(self) -> bool:
        """Whether the node waits for an entry."""
        return bool(self._getters)

    def limit_to(self, limit: int) -> None:
        """Let fewer items wait, or more; before anything is put."""
        self._limit = limit
        self.half = limit // 2

    def put_from_loop(self, item: Any) -> asyncio.Future[None] | None:
        """Put an item; a future to wait for where the queue is full."""
        if self.is_closed:
            self.lose(TAG.get())
            return None
        if self._segment.is_tagged:
            tag = current_tag()
            if self.direct is not None and self._getters and not self.entries and self.direct(item, tag):
                return None
            self._add((Tagged(item, tag), None), tag)
        else:
            self.entries.append((item, None))
        self._wake_on_loop()
        if len(self.entries) <= self._limit:
            return None
        future = self._segment.loop.create_future()
        self._space_waiters.append(future)
        if len(self.entries) <= self.half:
            # A thread has taken meanwhile, perhaps before it could see who waits.
            self._release_producers()
        return future

    def put_from_thread(self, item: Any, level: int, done: Callable[[], None] | None = None) -> None:
        """Put an item, in the segment's thread; while the queue is full the thread serves deeper levels."""
        if self.is_closed:
            self.lose(TAG.get())
            return
        if self._segment.is_tagged:
            tag = current_tag()
            self._add((Tagged(item, tag), done), tag)
        else:
            self.entries.append((item, done))
        if self.is_closed:
            # The node has ended between the two looks.
            self.drop()
            return
        self._wake_from_thread()
        if len(self.entries) > self._limit:
            self._blocked_depth += 1
            try:
                self._segment.thread.serve_until(self._has_space, level)
            finally:
                self._blocked_depth -= 1

    def end_from_loop(self) -> None:
        """One producer has given its last item."""
        self.entries.append(END)
        self._wake_on_loop()

    def end_from_thread(self) -> None:
        """One producer has given its last item."""
        self.entries.append(END)
        self._wake_from_thread()

    def call(self) -> None:
        """Have the reader get ``CALLED``, before anything else; to be called on the loop."""
        self._is_called = True
        self._wake_on_loop()

    async def get(self) -> Entry | None:
        """Wait for the next entry; None after the last one of all producers."""
        while True:
            while not self.entries and not self._is_called:
                getter = self._segment.loop.create_future()
                self.add_reader(getter)
                if self.entries:
                    self.remove_reader(getter)
                    break
                await self._wait(getter)
            if self._is_called:
                self._is_called = False
                return CALLED
            try:
                entry = self.entries.popleft()
            except IndexError:
                # What was there has waited for too long.
                continue
            if len(self.entries) <= self.half:
                self._release_producers()
            if isinstance(entry, End):
                if self.note_end():
                    return None
                continue
            item, done = entry
            if not isinstance(item, Tagged):
                return entry
            if self._segment.is_stale(item.tag):
                self.lose(item.tag)
                if done is not None:
                    done()
                continue
            self.tag = item.tag
            if self.sets_tag:
                TAG.set(item.tag)
            return item.item, done

    def note_end(self) -> bool:
        """Note that an ``END`` was taken; whether it was that of the last producer."""
        self.open_inputs -= 1
        return self.open_inputs == 0

    def taken_in_thread(self) -> None:
        """A thread that reads has taken an entry, and at most one half is left: producers that wait go on."""
        if self._space_waiters and not self._is_releasing:
            self._is_releasing = True
            self._segment.loop.call_soon_threadsafe(self._release_producers)
        if self._blocked_depth:
            self._segment.thread.notify()

    def add_reader(self, reader: asyncio.Future[None] | Bell) -> None:
        """Note who is woken by the next entry; it looks for entries once more before it waits."""
        self._getters.append(reader)

    def remove_reader(self, reader: asyncio.Future[None] | Bell) -> None:
        """Forget a reader that waits no more, unless it has been woken, and is forgotten already."""
        with contextlib.suppress(ValueError):
            self._getters.remove(reader)

    def interrupt(self) -> None:
        """Drop what has become stale, where that makes room that counts; called from any thread."""

    def close(self) -> None:
        """Take nothing more; to be called on the loop."""
        self.is_closed = True
        self.drop()
        self._release_producers()

    def drop(self) -> None:
        """Forget what waits; the items of channels count as done, so that other nodes they feed get more."""
        while True:
            try:
                entry = self.entries.popleft()
            except IndexError:
                # Empty; asked this way because the other side may drop at the same time.
                return
            if isinstance(entry, End):
                continue
            if isinstance(entry[0], Tagged):
                self.lose(entry[0].tag)
            if entry[1] is not None:
                entry[1]()

    def lose(self, tag: Tag | None, reason: LossReason | None = None) -> None:
        """An item comes to nothing here."""
        if self._on_drop is not None:
            self._on_drop(tag, reason)

    def waiting(self) -> list[Tag]:
        """The tags of the items that wait; of a session."""
        items = [entry[0] for entry in self.entries.copy() if not isinstance(entry, End)]
        return [item.tag for item in items if isinstance(item, Tagged)]

    async def _wait(self, getter: asyncio.Future[None]) -> None:
        try:
            await getter
        except asyncio.CancelledError:
            # A reader that has given up would take the wake-up of the next one.
            self.remove_reader(getter)
            raise

    def _add(self, entry: Entry, tag: Tag) -> None:
        if self.lets_overtake:
            add_tagged(self.entries, entry, tag)
        else:
            self.entries.append(entry)

    def _has_space(self) -> bool:
        return self.is_closed or len(self.entries) <= self.half

    def _release_producers(self) -> None:
        self._is_releasing = False
        for future in self._space_waiters:
            set_done(future)
        self._space_waiters.clear()
        if self._blocked_depth:
            self._segment.thread.notify()

    def _wake_on_loop(self) -> None:
        getter = self._take_getter()
        if isinstance(getter, SimpleQueue):
            getter.put(None)
        elif getter is not None:
            set_done(getter)

    def _wake_from_thread(self) -> None:
        getter = self._take_getter()
        if isinstance(getter, SimpleQueue):
            getter.put(None)
        elif getter is not None:
            self._segment.loop.call_soon_threadsafe(set_done, getter)

    def _take_getter(self) -> asyncio.Future[None] | Bell | None:
        if not self._getters:
            return None
        try:
            return self._getters.pop()
        except IndexError:
            # None waits, or the other side was faster.
            return None


def add_tagged(entries: deque[Any], entry: Any, tag: Tag) -> None:
    """Add an entry of a session: behind the others or, if it is urgent, before those that are not."""
    if not tag.urgent:
        entries.append(entry)
        return
    position = 0
    # Another thread may take meanwhile: then it comes a little later than it could.
    with contextlib.suppress(IndexError):
        while _goes_before(entries[position]):
            position += 1
    entries.insert(position, entry)


def _goes_before(entry: Any) -> bool:
    """Whether an entry is urgent as well; whoever has seen an end first may be about to take it."""
    if isinstance(entry, End):
        return True
    # A chain has the item itself, a node on the loop has it with what to call when it is done.
    tagged: Tagged = entry if isinstance(entry, Tagged) else entry[0]
    return tagged.tag.urgent
