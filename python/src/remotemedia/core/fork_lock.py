"""A lock that no fork leaves locked."""

from __future__ import annotations

import threading
from types import TracebackType

from remotemedia.core.forking import forgets_at_fork


class ForkSafeLock:
    """A re-entrant lock. A child that is forked while another thread holds it finds it free."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        """Start unlocked."""
        self._lock = threading.RLock()
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """Be free, unless the very thread that forked is inside, which goes on there in the child."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()

    def __enter__(self) -> None:
        """Wait for it."""
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        self._lock.release()
