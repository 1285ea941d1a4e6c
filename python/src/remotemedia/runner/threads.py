"""Threads that are kept for the next task: starting one costs more than most runs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from remotemedia.core.forking import forgets_at_fork

_Task = tuple[Callable[..., Any], tuple[Any, ...], str]

_MAX_IDLE = 16


class KeptThreads:
    """Daemon threads for tasks, as many as there are tasks; those that have nothing to do are kept."""

    def __init__(self) -> None:
        """Start without threads."""
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """Start without threads: those of the parent do not exist in a child."""
        for worker in self._workers:
            # Also that of the thread that has forked, which ends after its task.
            worker.close()
        self._workers = set()
        self._idle = []

    def run(self, task: Callable[..., Any], *args: Any, name: str) -> None:
        """Run a task in an idle thread or a new one. The task handles its own errors.

        Raises:
            OSError: there is no idle thread, and no descriptor is free for another one.
            RuntimeError: there is no idle thread, and the system gives no other.
        """
        # No lock here nor below: each of these operations of a list or a set is atomic.
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = self._start()
        worker.give((task, args, name))

    def _start(self) -> _Worker:
        worker = _Worker()
        self._workers.add(worker)
        try:
            threading.Thread(target=self._work, args=(worker,), daemon=True).start()
        except BaseException:
            self._workers.discard(worker)
            worker.close()
            raise
        return worker

    def _work(self, worker: _Worker) -> None:
        thread = threading.current_thread()
        while True:
            task, args, name = worker.take()
            if thread.name != name:
                thread.name = name
            try:
                task(*args)
            except BaseException:
                # A mistake of ours: it is shown as that of any thread, and the thread is kept all the same.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
            del task, args
            if worker not in self._workers:
                # This is a child that the task has forked: the pipe has been closed.
                return
            if len(self._idle) >= _MAX_IDLE:
                self._workers.discard(worker)
                break
            self._idle.append(worker)
        worker.close()


class _Worker:
    """How a thread gets its next task.

    By a pipe, whose ``write`` lets go of the interpreter's lock: the thread begins, and may end, before the
    writer goes on. A lock or a queue would wake it while the writer holds the interpreter, to fall asleep
    again.
    """

    __slots__ = ("_reader", "_task", "_writer")

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._task: _Task | None = None

    def give(self, task: _Task) -> None:
        self._task = task
        os.write(self._writer, b"\0")

    def take(self) -> _Task:
        os.read(self._reader, 1)
        task, self._task = self._task, None
        if task is None:
            raise RuntimeError("a kept thread was woken without a task")
        return task

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


run_in_thread = KeptThreads().run
"""Run a task in one of the threads that segments, channels and connections share."""
