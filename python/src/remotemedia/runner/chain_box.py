"""The queue of a chain for what comes from the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from remotemedia.runner.handoff import END, LIMIT, add_tagged
from remotemedia.runner.loop import set_done
from remotemedia.runner.tags import TAG, Tag, Tagged, current_tag

if TYPE_CHECKING:
    from remotemedia.runner.chain import Chain
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.unit import Full


class ChainBox:
    """The queue of a chain for what comes from the loop. The loop puts; the segment's thread serves.

    Attributes:
        entries: what waits.
        waits_for: it is not served, but where the thread waits for its chain, while one of these is full.
    """

    def __init__(self, segment: Segment, chain: Chain, limit: int = LIMIT) -> None:
        """Start empty; ``limit`` is how many items may wait before producers do."""
        self.chain = chain
        self._on_drop = segment.losses_at(chain.stages[0].id)
        self.waits_for: tuple[Full, ...] = ()
        self.entries: deque[Any] = deque()
        self._limit = limit
        self._segment = segment
        self._space_waiters: list[asyncio.Future[None]] = []
        self._is_releasing = False

    @property
    def is_dead(self) -> bool:
        """Whether its chain takes nothing any more."""
        return self.chain.is_dead

    def has_entries(self) -> bool:
        """Whether there is something to serve."""
        return bool(self.entries)

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Put an item; a future to wait for where the queue is full."""
        if self.chain.is_dead:
            self.lose(TAG.get())
            return None
        if self._segment.is_tagged:
            tag = current_tag()
            add_tagged(self.entries, Tagged(item, tag), tag)
        else:
            self.entries.append(item)
        self._segment.thread.notify_from_loop()
        return None if len(self.entries) <= self._limit else self._wait_for_space()

    def end(self) -> None:
        """One producer has given its last item."""
        self.entries.append(END)
        self._segment.thread.notify()

    def serve(self) -> None:
        """Run the chain with what is there now; what comes meanwhile waits until others have had a turn."""
        turns = iter(range(1 if self.waits_for else len(self.entries)))
        for _ in turns:
            if self.entries[0] is END:
                self._take()
                self.chain.input_ended()
            elif self.chain.is_dead:
                self._lose_entry(self._take())
            else:
                self.chain.run(self._items(turns))

    def _items(self, turns: Iterator[int]) -> Iterator[Any]:
        """The items up to the next ``END``; each waits until the chain comes to it."""
        is_tagged = self._segment.is_tagged
        while True:
            item = self._take()
            if not is_tagged:
                yield item
            elif self._segment.is_stale(item.tag):
                self.lose(item.tag)
            else:
                TAG.set(item.tag)
                yield item.item
            if not self.entries or self.entries[0] is END or next(turns, None) is None:
                return

    def interrupt(self) -> None:
        """Drop what has become stale, where that makes room that counts; called from any thread."""

    def drop(self) -> None:
        """Forget what waits; when nobody puts or takes any more."""
        while self.entries:
            self._lose_entry(self.entries.popleft())

    def lose(self, tag: Tag | None) -> None:
        """An item comes to nothing here."""
        if self._on_drop is not None:
            self._on_drop(tag, None)

    def _lose_entry(self, entry: Any) -> None:
        if isinstance(entry, Tagged):
            self.lose(entry.tag)

    def _take(self) -> Any:
        entry = self.entries.popleft()
        self._release_if_space()
        return entry

    def _wait_for_space(self) -> asyncio.Future[None] | None:
        future = self._segment.loop.create_future()
        self._space_waiters.append(future)
        if self._has_space():
            # The thread has served meanwhile, perhaps before it could see who waits.
            self._release()
            return None
        return future

    def _release_if_space(self) -> None:
        if self._space_waiters and not self._is_releasing and self._has_space():
            self._is_releasing = True
            self._segment.loop.call_soon_threadsafe(self._release)

    def _has_space(self) -> bool:
        return len(self.entries) <= self._limit // 2

    def _release(self) -> None:
        self._is_releasing = False
        for future in self._space_waiters:
            set_done(future)
        self._space_waiters.clear()
