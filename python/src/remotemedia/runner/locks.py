"""The lock of an async node that runs share: one run at a time, re-entrant for the same run, across loops."""

from __future__ import annotations

import asyncio
import contextlib

from remotemedia.core.lifecycle import LifecycleRecord
from remotemedia.runner.loop import set_done


class AsyncCallLock:
    """Held by a run while async code of the instance is inside: a call, or one step of a generator.

    All of a run's async code is on one loop, so that only other runs have to be kept out.
    """

    __slots__ = ("_record", "_run")

    def __init__(self, record: LifecycleRecord, run: object) -> None:
        """Guard the object of ``record`` for ``run``."""
        self._record = record
        self._run = run

    def try_acquire(self) -> bool:
        """Take the lock if it is free or this run's own."""
        record = self._record
        if record.async_owner is not self._run:
            if not record.async_lock.acquire(False):
                return False
            record.async_owner = self._run
        record.async_depth += 1
        return True

    async def acquire(self) -> None:
        """Wait for the lock."""
        loop = asyncio.get_running_loop()
        waiters = self._record.async_waiters
        while not self.try_acquire():
            freed = loop.create_future()

            def wake(freed: asyncio.Future[None] = freed) -> None:
                loop.call_soon_threadsafe(set_done, freed)

            waiters.append(wake)
            # It may have been given back in between, by somebody who has seen no waiter.
            if self.try_acquire():
                with contextlib.suppress(ValueError):
                    waiters.remove(wake)
                return
            await freed

    def release(self) -> None:
        """Give the lock back and wake those that wait for it."""
        record = self._record
        record.async_depth -= 1
        if record.async_depth > 0:
            return
        record.async_owner = None
        record.async_lock.release()
        while record.async_waiters:
            with contextlib.suppress(IndexError):
                record.async_waiters.popleft()()
