"""The lock of an async node that runs share: one run at a time, re-entrant for the same run, across loops."""

from __future__ import annotations

import asyncio

from remotemedia.core.lifecycle import LifecycleRecord
from remotemedia.runner.loop import set_done


class AsyncCallLock:
    """Held by a run while async code of the instance is inside: a call, or one step of a generator."""

    __slots__ = ("_record", "_run")

    def __init__(self, record: LifecycleRecord, run: object) -> None:
        """Guard the object of ``record`` for ``run``."""
        self._record = record
        self._run = run

    def try_acquire(self) -> bool:
        """Take the lock if it is free or this run's own."""
        record = self._record
        with record.mutex:
            if record.async_depth > 0 and record.async_owner is not self._run:
                return False
            record.async_owner = self._run
            record.async_depth += 1
            return True

    async def acquire(self) -> None:
        """Wait for the lock."""
        loop = asyncio.get_running_loop()
        while not self.try_acquire():
            freed = loop.create_future()

            def wake(freed: asyncio.Future[None] = freed) -> None:
                loop.call_soon_threadsafe(set_done, freed)

            with self._record.mutex:
                is_taken = self._record.async_depth > 0
                if is_taken:
                    self._record.async_waiters.append(wake)
            if is_taken:
                await freed

    def release(self) -> None:
        """Give the lock back and wake those that wait for it."""
        record = self._record
        with record.mutex:
            record.async_depth -= 1
            if record.async_depth > 0:
                return
            record.async_owner = None
            waiters, record.async_waiters = record.async_waiters, []
        for wake in waiters:
            wake()
