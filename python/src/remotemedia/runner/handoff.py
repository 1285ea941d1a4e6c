"""Hand-offs between the segment's thread and its event loop: bounded queues that wake the other side once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from remotemedia.runner.loop import set_done

if TYPE_CHECKING:
    from remotemedia.runner.chain import Chain
    from remotemedia.runner.segment import Segment

LIMIT = 128
"""How many items may wait in one hand-off before its producers do."""


class End:
    """What a producer puts after its last item."""


END: Final = End()


class Inbox:
    """The queue of a node on the loop. Any thread may put; the loop gets.

    An entry is the item and, for an item of a channel, what to call when the node is done with it.
    """

    def __init__(self, segment: Segment, limit: int = LIMIT) -> None:
        """Start empty; ``limit`` is how many items may wait before producers do."""
        self.entries: deque[tuple[Any, Callable[[], None] | None] | End] = deque()
        self.open_inputs = 0
        self.is_closed = False
        self._limit = limit
        self._segment = segment
        # A deque, because its pop is atomic: the thread takes the getter, the loop puts a new one.
        self._getters: deque[asyncio.Future[None]] = deque()
        self._space_waiters: list[asyncio.Future[None]] = []
        # A count: while the thread waits here it serves deeper chains, which may come to wait here as well.
        self._blocked_depth = 0

    def put_from_loop(self, item: Any) -> asyncio.Future[None] | None:
        """Put an item; a future to wait for where the queue is full."""
        if self.is_closed:
            return None
        self.entries.append((item, None))
        self._wake_on_loop()
        if len(self.entries) <= self._limit:
            return None
        future = self._segment.loop.create_future()
        self._space_waiters.append(future)
        return future

    def put_from_thread(self, item: Any, level: int, done: Callable[[], None] | None = None) -> None:
        """Put an item, in the segment's thread; while the queue is full the thread serves deeper levels."""
        if self.is_closed:
            return
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

    async def get(self) -> tuple[Any, Callable[[], None] | None] | None:
        """Wait for the next entry; None after the last one of all producers."""
        while True:
            while not self.entries:
                getter = self._segment.loop.create_future()
                self._getters.append(getter)
                if self.entries:
                    self._getters.clear()
                    break
                await self._wait(getter)
            entry = self.entries.popleft()
            if len(self.entries) <= self._limit // 2:
                self._release_producers()
            if not isinstance(entry, End):
                return entry
            self.open_inputs -= 1
            if self.open_inputs == 0:
                return None

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
            if not isinstance(entry, End) and entry[1] is not None:
                entry[1]()

    async def _wait(self, getter: asyncio.Future[None]) -> None:
        try:
            await getter
        except asyncio.CancelledError:
            # A reader that has given up would take the wake-up of the next one.
            with contextlib.suppress(ValueError):
                self._getters.remove(getter)
            raise

    def _has_space(self) -> bool:
        return self.is_closed or len(self.entries) <= self._limit // 2

    def _release_producers(self) -> None:
        for future in self._space_waiters:
            set_done(future)
        self._space_waiters.clear()
        if self._blocked_depth:
            self._segment.thread.notify()

    def _wake_on_loop(self) -> None:
        getter = self._take_getter()
        if getter is not None:
            set_done(getter)

    def _wake_from_thread(self) -> None:
        getter = self._take_getter()
        if getter is not None:
            self._segment.loop.call_soon_threadsafe(set_done, getter)

    def _take_getter(self) -> asyncio.Future[None] | None:
        try:
            return self._getters.pop()
        except IndexError:
            # None waits, or the other side was faster.
            return None


class ChainBox:
    """The queue of a chain for what comes from the loop. The loop puts; the segment's thread serves."""

    def __init__(self, segment: Segment, chain: Chain) -> None:
        """Start empty."""
        self.chain = chain
        self._entries: deque[Any] = deque()
        self._segment = segment
        self._space_waiters: list[asyncio.Future[None]] = []

    def has_entries(self) -> bool:
        """Whether there is something to serve."""
        return bool(self._entries)

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Put an item; a future to wait for where the queue is full."""
        if self.chain.is_dead:
            return None
        self._entries.append(item)
        self._segment.thread.notify()
        if len(self._entries) <= LIMIT:
            return None
        future = self._segment.loop.create_future()
        self._space_waiters.append(future)
        if len(self._entries) <= LIMIT:
            # The thread has served meanwhile, perhaps before it could see who waits.
            self._release()
            return None
        return future

    def end(self) -> None:
        """One producer has given its last item."""
        self._entries.append(END)
        self._segment.thread.notify()

    def serve(self) -> None:
        """Run the chain with what is there."""
        batch: list[Any] = []
        ends = 0
        while self._entries:
            entry = self._entries.popleft()
            if entry is END:
                ends += 1
            else:
                batch.append(entry)
        if self._space_waiters:
            self._segment.loop.call_soon_threadsafe(self._release)
        if batch and not self.chain.is_dead:
            self.chain.run(batch)
        for _ in range(ends):
            self.chain.input_ended()

    def _release(self) -> None:
        for future in self._space_waiters:
            set_done(future)
        self._space_waiters.clear()
