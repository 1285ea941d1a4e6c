"""The dead letters of a live session: told, and kept for whoever reads them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from remotemedia.runner.dead_letter import DeadLetter, TakeDeadLetter, log_dead_letter
from remotemedia.runner.loop import set_done

_MOST_KEPT: Final = 1_000


class DeadLetterQueue:
    """Keeps the latest for readers on the loop on which the session is opened."""

    def __init__(self, tell: TakeDeadLetter | None) -> None:
        """Start empty; ``tell`` is given each letter as well."""
        self._tell = tell
        self._kept: deque[DeadLetter] = deque(maxlen=_MOST_KEPT)
        self._readers: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_read = False
        self._has_ended = False

    def take(self, letter: DeadLetter) -> None:
        """Take one, in any thread; it is logged where nobody has asked for them so far."""
        self._kept.append(letter)
        self._wake()
        if self._tell is not None:
            self._tell(letter)
        elif not self._is_read:
            log_dead_letter(letter)

    def end(self) -> None:
        """There will be no more."""
        self._has_ended = True
        self._wake()

    def __aiter__(self) -> DeadLetterQueue:
        """The queue itself: each letter can be read once."""
        return self

    async def __anext__(self) -> DeadLetter:
        """Wait for the next one.

        Raises:
            StopAsyncIteration: the session is over.
        """
        self._is_read = True
        self._loop = loop = asyncio.get_running_loop()
        while not self._kept:
            if self._has_ended:
                raise StopAsyncIteration
            reader = loop.create_future()
            self._readers.append(reader)
            # Whoever takes looks for readers after it has put.
            if self._kept or self._has_ended:
                set_done(reader)
            await reader
        return self._kept.popleft()

    def _wake(self) -> None:
        if self._readers and self._loop is not None:
            # A loop that has been closed has nobody who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake_readers)

    def _wake_readers(self) -> None:
        while self._readers:
            set_done(self._readers.popleft())
