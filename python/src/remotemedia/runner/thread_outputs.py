"""Outputs of a streaming node in a thread of its own, on their way to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from remotemedia.runner.handoff import LIMIT, Bell
from remotemedia.runner.loop import set_done
from remotemedia.runner.tags import Tag, Tagged

_REST_S: Final = 0.001
"""How long the loop leaves a thread alone that gives outputs: a wake-up for each costs more than the node.

So an output waits no longer than this while the node is at work, and not at all while the node waits.
"""


class ThreadOutputs:
    """A bounded queue from one thread to the loop, taken in batches.

    An output that comes while the loop waits wakes it. After a batch the loop looks again by itself in a
    moment, unless the thread waits for an item or for room: then the loop takes what is there at once.

    Attributes:
        values: what the loop has not taken yet.
        tag_of: gives the tag of an output, in a session; called in the thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start empty; to be made on the loop."""
        self.values: deque[Any] = deque()
        self.tag_of: Callable[[], Tag] | None = None
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._is_idle = False
        self._is_paused = False
        self._is_full = False
        self._has_been_taken = False
        self._is_ended = False
        self._is_closed = False
        self._room = Bell()

    def give(self, value: Any) -> bool:
        """Give an output, in the thread; waits while there is no room. Whether more are wanted."""
        values = self.values
        values.append(value if self.tag_of is None else Tagged(value, self.tag_of()))
        if self._is_idle:
            self._wake()
        if len(values) >= LIMIT:
            self._wait_for_room()
        return not self._is_closed

    def pause(self) -> None:
        """The thread is about to wait: nothing that it has given stays here."""
        self._is_paused = True
        if self.values:
            self._wake()

    def resume(self) -> None:
        """The thread goes on."""
        self._is_paused = False

    def end(self) -> None:
        """There are no more outputs; called in the thread."""
        self._is_ended = True
        self._wake()

    def close(self) -> None:
        """Want no more; called on the loop."""
        self._is_closed = True
        self._room.put(None)

    async def wait(self) -> bool:
        """Wait, on the loop, until outputs are to be taken; False if there will be none."""
        is_rested = self._is_paused or not self._has_been_taken
        if self._is_due(is_rested):
            # Others on the loop get a turn between two batches.
            await asyncio.sleep(0)
        while not self._is_due(is_rested):
            waiter = self._waiter = self._loop.create_future()
            timer = None if is_rested else self._loop.call_later(_REST_S, set_done, waiter)
            self._is_idle = is_rested
            try:
                # Looked at after the thread can see who waits: whatever it does later wakes.
                if not self._is_due(is_rested):
                    await waiter
            finally:
                self._is_idle = False
                self._waiter = None
                if timer is not None:
                    timer.cancel()
            is_rested = True
        return bool(self.values) or not self._is_ended

    def take(self) -> Iterator[Any]:
        """The outputs that are there now, one by one; room for more is made meanwhile."""
        values = self.values
        self._has_been_taken = True
        for _ in range(len(values)):
            value = values.popleft()
            if len(values) == LIMIT // 2 and self._is_full:
                self._room.put(None)
            yield value

    def _is_due(self, is_rested: bool) -> bool:
        return self._is_ended or (bool(self.values) and (is_rested or self._is_paused or self._is_full))

    def _wait_for_room(self) -> None:
        self._is_full = True
        self._wake()
        # Looked at after the loop can see who waits: it rings when it comes to one half.
        while len(self.values) > LIMIT // 2 and not self._is_closed:
            self._room.get()
        self._is_full = False

    def _wake(self) -> None:
        # In this order: the loop may meanwhile have come to wait anew, and must not do so unnoticed.
        self._is_idle = False
        waiter = self._waiter
        if waiter is not None:
            # A loop that has ended has nobody who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(set_done, waiter)
