"""Threads that wait for one lock get it in the order in which they have come."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

_LOOK_S = 0.05


class Turns:
    """The order in which threads get a lock that is not free.

    A lock of the system goes to anyone who asks at the right moment: of many sessions that share one model
    some would wait for ever.
    """

    __slots__ = ("_lock", "_waiting")

    def __init__(self, lock: threading.RLock) -> None:
        """Nobody waits for the lock yet."""
        # Asked whether its own thread has it, as ``threading.Condition`` asks.
        self._lock: Any = lock
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, is_given_up: Callable[[], bool]) -> bool:
        """Take the lock, after all who came before; False where ``is_given_up`` says so meanwhile."""
        lock = self._lock
        if (not self._waiting or lock._is_owned()) and lock.acquire(blocking=False):
            return True
        turn = threading.Event()
        self._waiting.append(turn)
        self._call_first()
        try:
            # Nothing can wake who waits for a lock; to look now and then costs only those who wait.
            while not is_given_up():
                if turn.wait(_LOOK_S) and lock.acquire(timeout=_LOOK_S):
                    return True
            return False
        finally:
            self._waiting.remove(turn)
            self._call_first()

    def _call_first(self) -> None:
        try:
            self._waiting[0].set()
        except IndexError:
            # Nobody waits any more.
            return
