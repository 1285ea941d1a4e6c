"""The thread that looks, now and then, at what the nodes of watched segments do."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from remotemedia.core.forking import forgets_at_fork

_LOOKS = 4
"""How often it looks in the time after which something is stuck."""
_MEMORY_LOOK_S = 1.0
"""How often it looks where only memory is watched."""
_LEAST_LOOK_S = 0.005


class Watched(Protocol):
    """What is looked at."""

    stuck_after_s: float

    def look(self, now: float) -> None:
        """Look once, in the watching thread; ``now`` is by ``time.monotonic``."""
        ...


class Watcher:
    """Looks at all that is watched in this process; its thread is there while there is anything."""

    def __init__(self) -> None:
        """Start without a thread."""
        self.forget_after_fork()
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """Start anew: the parent's thread does not exist in a child."""
        self._changed = threading.Condition()
        self._watched: list[Watched] = []
        self._thread: threading.Thread | None = None

    def add(self, watched: Watched) -> None:
        """Look at something from now on."""
        with self._changed:
            self._watched.append(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="remotemedia-watch", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, watched: Watched) -> None:
        """Look at it no more."""
        with self._changed:
            if watched in self._watched:
                self._watched.remove(watched)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._watched:
                    self._thread = None
                    return
                self._changed.wait(min(_interval(watched) for watched in self._watched))
                watched = list(self._watched)
            now = time.monotonic()
            for each in watched:
                each.look(now)


def _interval(watched: Watched) -> float:
    limit = watched.stuck_after_s
    return max(limit / _LOOKS, _LEAST_LOOK_S) if limit > 0 else _MEMORY_LOOK_S


WATCHER = Watcher()
"""That of this process."""
