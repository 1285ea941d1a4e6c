"""Threads that are kept for the next task: starting one costs more than most runs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

_Task = tuple[Callable[..., Any], tuple[Any, ...], str]

_MAX_IDLE = 16


class KeptThreads:
    """Daemon threads for tasks, as many as there are tasks; those that have nothing to do are kept."""

    def __init__(self) -> None:
        """Start without threads."""
        self._idle: list[queue.SimpleQueue[_Task]] = []
        self._lock = threading.Lock()

    def run(self, task: Callable[..., Any], *args: Any, name: str) -> None:
        """Run a task in an idle thread or a new one. The task handles its own errors."""
        with self._lock:
            tasks = self._idle.pop() if self._idle else None
        if tasks is None:
            tasks = queue.SimpleQueue[_Task]()
            threading.Thread(target=self._work, args=(tasks,), daemon=True).start()
        tasks.put((task, args, name))

    def _work(self, tasks: queue.SimpleQueue[_Task]) -> None:
        while True:
            task, args, name = tasks.get()
            threading.current_thread().name = name
            task(*args)
            del task, args
            with self._lock:
                if len(self._idle) >= _MAX_IDLE:
                    return
                self._idle.append(tasks)


run_in_thread = KeptThreads().run
"""Run a task in one of the threads that segments, channels and connections share."""
