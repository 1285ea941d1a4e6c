"""Threads that are kept for the next task: starting one costs more than most runs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

_Task = tuple[Callable[..., Any], tuple[Any, ...], str]

_idle: list[queue.SimpleQueue[_Task]] = []
_lock = threading.Lock()
_MAX_IDLE = 16


def run_in_thread(task: Callable[..., Any], *args: Any, name: str) -> None:
    """Run a task in a daemon thread, an idle one where there is one. The task handles its own errors."""
    with _lock:
        tasks = _idle.pop() if _idle else None
    if tasks is None:
        tasks = queue.SimpleQueue[_Task]()
        threading.Thread(target=_work, args=(tasks,), daemon=True).start()
    tasks.put((task, args, name))


def _work(tasks: queue.SimpleQueue[_Task]) -> None:
    while True:
        task, args, name = tasks.get()
        threading.current_thread().name = name
        task(*args)
        del task, args
        with _lock:
            if len(_idle) >= _MAX_IDLE:
                return
            _idle.append(tasks)
