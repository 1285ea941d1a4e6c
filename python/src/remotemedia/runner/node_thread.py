"""A thread of its own for a streaming node that is a plain generator, which blocks while it waits."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class NodeThread:
    """Runs calls one after the other in a daemon thread, which never keeps the program alive.

    They share a copy of the context in which this was made.

    Attributes:
        ident: that of the thread; 0 before its first call.
    """

    def __init__(self, name: str) -> None:
        """Prepare; the thread starts with the first call."""
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._is_started = False
        self.ident = 0
        self._context = contextvars.copy_context()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run a call in the thread."""
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        future: Future[Any] = Future()
        self._jobs.put((future, function, args))
        return future

    def end(self) -> None:
        """End the thread after what it has been given."""
        self._jobs.put(None)

    def _work(self) -> None:
        self.ident = threading.get_ident()
        while (job := self._jobs.get()) is not None:
            future, function, args = job
            # From here on nobody can cancel it: a call that has begun runs to its end.
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._context.run(function, *args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, future, function, args
        self._is_started = False
