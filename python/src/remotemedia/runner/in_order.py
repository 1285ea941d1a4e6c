"""Tasks one after another, away from the thread that has them."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from remotemedia.runner.threads import run_in_thread


class InOrder:
    """Runs tasks in the order in which they were added, in a pooled thread while there are any."""

    def __init__(self, name: str) -> None:
        """Start without tasks; ``name`` is what the thread is called."""
        self._name = name
        self._condition = threading.Condition()
        self._tasks: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._is_busy = False

    @property
    def is_idle(self) -> bool:
        """Whether everything that was added has been done."""
        return not self._is_busy

    def add(self, task: Callable[..., Any], *args: Any) -> None:
        """Run a task after those before it. What it raises is dropped: a task handles its own errors."""
        with self._condition:
            self._tasks.append((task, args))
            if self._is_busy:
                return
            self._is_busy = True
        run_in_thread(self._work, name=self._name)

    def wait(self, timeout: float) -> bool:
        """Wait, for so many seconds, until everything has been done; whether it has."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._is_busy, timeout)

    def _work(self) -> None:
        while True:
            with self._condition:
                if not self._tasks:
                    self._is_busy = False
                    self._condition.notify_all()
                    return
                task, args = self._tasks.popleft()
            # Not even logged: a logger may be what raises.
            with contextlib.suppress(BaseException):
                task(*args)
            del task, args
