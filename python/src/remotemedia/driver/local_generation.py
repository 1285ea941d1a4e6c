"""A run of a live session whose nodes all live here: one segment, in the thread where they were before."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

from remotemedia.driver.definition import Definition
from remotemedia.driver.local import LocalRun
from remotemedia.runner.plan import NodeFailure, OpenError
from remotemedia.runner.segment_thread import Row, thread_for

_State = Literal["opening", "waiting", "running", "over"]


class LocalGeneration(LocalRun):
    """One run of a session.

    Attributes:
        definition: the pipeline.
    """

    def __init__(self, definition: Definition, *rest: Any, row: Row, is_first: bool) -> None:
        """Build the segment.

        Args:
            definition: the pipeline.
            rest: as for ``LocalRun``.
            row: its place in the session.
            is_first: whether it begins by itself once it is open.
        """
        super().__init__(definition, *rest)
        self.definition = definition
        self.segment.plan.row = row
        self._row = row
        self._is_first = is_first
        self._lock = threading.Lock()
        self._state: _State = "opening"
        self._is_cancelled = False

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Initialize the nodes; ``opened`` is called when that is done."""
        self._over = over
        self._opened = opened
        self._context = contextvars.copy_context()
        nodes = [entry.node for entry in self.definition.entries]
        self._thread = thread_for(self._row, nodes, "remotemedia-run")
        self._submit(self._open, nests=True)

    def start(self) -> None:
        """Let items in; it is open, and what was before it is over."""
        if self._enter("running"):
            self._submit(self._run_to_end)

    def keep(self, node_ids: Iterable[str], done: Callable[[], None]) -> None:
        """Have nodes that go on in another run not flush at the end of this one."""
        self.segment.keep(node_ids)
        done()

    def cancel(self) -> None:
        """Let no new item in and give up what runs."""
        self._is_cancelled = True
        super().cancel()
        if self._enter("over"):
            self._submit(self._end, nests=True)

    def follow_interrupts(self, interrupted: Callable[[float], None]) -> None:
        """Have somebody told what becomes stale because a node says so."""
        self.segment.on_interrupt = interrupted

    def _submit(self, step: Callable[[], None], nests: bool = False) -> None:
        self._thread.submit(partial(self._do, step), nests)

    def _do(self, step: Callable[[], None]) -> None:
        """Do a step in the thread, with the caller's variables."""
        self._context.run(step)

    def _enter(self, state: _State) -> bool:
        """Whether it waited until now."""
        with self._lock:
            is_waiting = self._state == "waiting"
            if is_waiting:
                self._state = state
        return is_waiting

    def _open(self) -> None:
        try:
            self.segment.open()
        except OpenError as error:
            self._fail(error.failure)
            return
        except BaseException as error:
            self._fail(NodeFailure(error, None, "run", None))
            return
        with self._lock:
            self._state = "over" if self._is_cancelled else "running" if self._is_first else "waiting"
            state = self._state
        if self._opened is not None:
            self._opened()
        if state == "running":
            self._run_to_end()
        elif state == "over":
            self._end()

    def _run_to_end(self) -> None:
        try:
            self._run()
            self.failures += self.segment.failures
        except BaseException as error:
            self.failures.append(NodeFailure(error, None, "run", None))
        self._end()

    def _run_segment(self) -> None:
        self._thread.run(self.segment)

    def _fail(self, failure: NodeFailure) -> None:
        self.failures.append(failure)
        self._end()

    def _end(self) -> None:
        self.failures += self.segment.close()
        self._state = "over"
        self._note_end()
        self._thread.leave()
        self._over()
