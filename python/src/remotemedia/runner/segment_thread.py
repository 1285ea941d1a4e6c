"""Threads that outlive a segment: in a session that is changed a node goes on in the thread where it was."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from remotemedia.core.forking import forgets_at_fork
from remotemedia.runner.threads import run_in_thread

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

Row = tuple[str, int]
"""Which runs follow each other in one session, and the position of one of them in that row."""


class SegmentThread:
    """A thread, and the steps of the segments in it: to open one, to run it, to close it.

    While a segment runs, steps that nest are done between two of its items: so the segment that is to follow
    it is open before it ends.

    Attributes:
        newest: the position in the row of the segment that has come last.
    """

    def __init__(self, newest: int = 0) -> None:
        """Prepare a thread for one segment, which has joined it; ``begin`` starts it."""
        self.newest = newest
        self._steps: deque[tuple[Callable[[], None], bool]] = deque()
        self._changed = threading.Condition()
        self._members = 1
        self._running: Segment | None = None
        self._on_end: Callable[[], None] | None = None

    def begin(self, name: str, on_end: Callable[[], None] | None = None) -> None:
        """Start the thread, a pooled one; ``on_end`` is called in it when all segments have left."""
        self._on_end = on_end
        run_in_thread(self._work, name=name)

    def join(self) -> bool:
        """Count one more segment; whether the thread still goes on."""
        with self._changed:
            if self._members == 0:
                return False
            self._members += 1
            return True

    def leave(self) -> None:
        """A segment needs the thread no more."""
        with self._changed:
            self._members -= 1
            self._changed.notify()

    def submit(self, step: Callable[[], None], nests: bool = False) -> None:
        """Have something done in the thread, once what was submitted before is done.

        Args:
            step: what to do; it never raises.
            nests: whether it is done also while a segment runs, between two items.
        """
        with self._changed:
            self._steps.append((step, nests))
            running = self._running
            self._changed.notify()
        if running is not None and nests:
            running.thread.notify()

    def run(self, segment: Segment) -> None:
        """Run a segment; in the thread."""
        with self._changed:
            self._running = segment
        segment.thread.steps = self
        try:
            segment.run()
        finally:
            with self._changed:
                self._running = None

    def has_nesting(self) -> bool:
        """Whether there is something to do between two items."""
        return bool(self._steps) and any(nests for _, nests in self._steps.copy())

    def do_nesting(self) -> None:
        """Do what is to be done between two items; in the thread."""
        while (step := self._next_nesting()) is not None:
            step()

    def _next_nesting(self) -> Callable[[], None] | None:
        with self._changed:
            for index, (step, nests) in enumerate(self._steps):
                if nests:
                    del self._steps[index]
                    return step
        return None

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._members > 0 and not self._steps:
                    self._changed.wait()
                if not self._steps:
                    break
                step, _ = self._steps.popleft()
            step()
            # Before the next wait: it may hold what its segment has used.
            del step
        if self._on_end is not None:
            self._on_end()


class _Rows:
    """The threads of sessions that are changed: by row, and by the identity of the nodes in them."""

    def __init__(self) -> None:
        self.forget_after_fork()
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """None of the threads goes on in a child."""
        self._lock = threading.Lock()
        self._threads: dict[str, dict[int, SegmentThread]] = {}

    def thread_for(self, row: Row, nodes: Iterable[Any], name: str) -> SegmentThread:
        row_id, position = row
        with self._lock:
            known = self._threads.setdefault(row_id, {})
            keys = [id(node) for node in nodes]
            thread = next((known[key] for key in keys if _goes_on(known.get(key), position)), None)
            if thread is None:
                thread = SegmentThread(position)
                thread.begin(name, lambda: self._forget(row_id, thread))
            else:
                thread.newest = position
            known.update(dict.fromkeys(keys, thread))
        return thread

    def _forget(self, row_id: str, ended: SegmentThread | None) -> None:
        with self._lock:
            known = self._threads.get(row_id, {})
            left = {key: thread for key, thread in known.items() if thread is not ended}
            if left:
                self._threads[row_id] = left
            else:
                self._threads.pop(row_id, None)


def _goes_on(thread: SegmentThread | None, position: int) -> bool:
    """Whether a segment of a run can go on in a thread; it has joined it then.

    Two segments of one run take items at the same time, and no thread is that of both.
    """
    return thread is not None and thread.newest < position and thread.join()


_rows = _Rows()


def thread_for(row: Row | None, nodes: Iterable[Any], name: str) -> SegmentThread:
    """The thread of a segment, which has joined it.

    That is the one in which its first node was in the run before, if no other segment of this run has it.

    Args:
        row: the place of its run in those of a session; None where no other run goes on with its nodes.
        nodes: the objects in the segment.
        name: of the thread, where it is a new one.
    """
    if row is not None:
        return _rows.thread_for(row, nodes, name)
    thread = SegmentThread()
    thread.begin(name)
    return thread
