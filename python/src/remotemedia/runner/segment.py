"""A segment: a graph of live nodes between ports, run in one thread and, for async nodes, on a loop."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from remotemedia.core.exceptions import NodeBusyError
from remotemedia.core.lifecycle import is_initialized, note_cleaned_up, note_initialized
from remotemedia.runner.chain import Chain
from remotemedia.runner.loop import LoopThread, run_on
from remotemedia.runner.plan import NodeFailure, OpenError, SegmentPlan
from remotemedia.runner.ports import InputPort, OutputPort
from remotemedia.runner.stage import Stage, add_thread_cure, call_here, call_on_loop, node_id_of
from remotemedia.runner.thread import ThreadSide
from remotemedia.runner.unit import Unit, kill_upstream
from remotemedia.runner.wiring import wire

_TURN = 64
"""How many items one input gives before another one has its turn."""


class Segment:
    """Runs a plan. ``open``, ``run`` and ``close`` are called in one thread, ``cancel`` from any.

    Attributes:
        failures: what failed, in the order in which it did.
        is_cancelled: whether ``cancel`` was called.
        has_failed: whether a node here or upstream has failed; no ``flush`` runs from then on.
        more: whether more outputs may come soon without the thread sending what it has.
        thread: what the thread waits with.
        context: the context of variables that async code of the nodes runs under.
    """

    def __init__(
        self,
        plan: SegmentPlan,
        loop_thread: LoopThread | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        context: contextvars.Context | None = None,
    ) -> None:
        """Build the units.

        Args:
            plan: what to run.
            loop_thread: gives the loop for async nodes when one is needed.
            loop: a running loop of the caller instead; it must not be blocked by the call of ``run``.
            context: the context of variables that async nodes run under; a copy of the caller's by default.
        """
        self.failures: list[NodeFailure] = []
        self.is_cancelled = False
        self.has_failed = False
        self.more = False
        self.thread = ThreadSide()
        self.thread.await_loop = loop
        self.context = context or contextvars.copy_context()
        self.plan = plan
        self._own_loop = loop
        self._loop_thread = loop_thread or LoopThread()
        self._mutex = threading.Lock()
        self._is_done = threading.Event()
        self._opened: list[Stage] = []
        has_metrics = plan.has_metrics
        self.stages = [Stage(place.id, place.node, place.concurrency, has_metrics) for place in plan.nodes]
        self._units = units = wire(self, plan, self.stages)
        self._unfinished = {id(unit) for unit in units.all()}
        self.thread.boxes = units.boxes()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the async nodes."""
        return self._own_loop or self._loop_thread.loop

    @property
    def is_over(self) -> bool:
        """Whether the run only has to end: after a failure or a cancel."""
        return self.has_failed or self.is_cancelled

    def open(self, announce: Callable[[str], None] | None = None) -> None:
        """Initialize the nodes in order.

        A cancel meanwhile cancels an async ``initialize``, lets a sync one end, and starts no other.

        Args:
            announce: told the id of each node that is about to be initialized.

        Raises:
            OpenError: one failed or was cancelled; those before it have been cleaned up.
        """
        self.thread.begin()
        for stage in self._distinct_stages():
            try:
                self._check_cancelled()
                if announce is not None and stage.traits.has_initialize:
                    announce(stage.id)
                self._initialize(stage)
                self._check_cancelled()
            except BaseException as error:
                add_thread_cure(error)
                failure = NodeFailure(error, stage.id, "initialize", None)
                self.close()
                raise OpenError(failure) from error

    def run(self) -> None:
        """Work until everything has been processed or, after a failure or a cancel, given up."""
        self.thread.begin()
        if not self._units.is_simple:
            self.thread.open_wake()
        for unit in self._units.loop_units:
            self.loop.call_soon_threadsafe(unit.start)
        try:
            self._drive()
        finally:
            self._is_done.set()

    def wait_done(self, timeout: float) -> bool:
        """Wait until ``run`` has ended; whether it has."""
        return self._is_done.wait(timeout)

    def cancel(self) -> None:
        """Stop: no new item, no flush; returns at once."""
        with self._mutex:
            if self.is_cancelled:
                return
            self.is_cancelled = True
        for unit in self._units.all():
            if isinstance(unit, (InputPort, OutputPort)):
                unit.abort()
            else:
                unit.kill()
        self.thread.cancel_waits()
        self.thread.notify()

    def stop(self) -> None:
        """Something failed elsewhere: sources let no new item in, the rest is drained without a flush."""
        self.has_failed = True
        for source in self._units.roots():
            if not source.is_dead:
                source.kill()
        self.thread.notify()

    def stuck(self) -> list[str]:
        """The ids of the nodes that have not returned."""
        found = [unit.stage.id for unit in self._units.loop_units if not unit.is_finished]
        if not self._is_done.is_set():
            running = node_id_of(_frame_of(self.thread.ident))
            if running is not None and running not in found:
                found.append(running)
        return found

    def close(self) -> list[NodeFailure]:
        """Clean up the nodes in reverse order and let go of the ports; what failed in it."""
        self.thread.begin_cleanup()
        failures: list[NodeFailure] = []
        while self._opened:
            stage = self._opened.pop()
            try:
                self._clean_up(stage)
            except BaseException as error:
                add_thread_cure(error)
                failures.append(NodeFailure(error, stage.id, "cleanup", None))
        for port in (*self._units.inputs, *self._units.outputs):
            port.close()
        self.thread.close()
        return failures

    def metrics(self) -> list[dict[str, Any]] | None:
        """The ``nodeMetrics`` of all nodes, or None if they were not measured."""
        if not self.plan.has_metrics:
            return None
        return [
            stage.meter.record(stage.id, stage.count, stage.errors)
            for stage in self.stages
            if stage.meter is not None
        ]

    def fail(self, unit: Unit, stage: Stage, error: BaseException, phase: str, index: int | None) -> None:
        """Record a failure of a node: it swallows further input, and everything upstream of it dies."""
        add_thread_cure(error)
        stage.errors += 1
        self._record_failure(unit, NodeFailure(error, stage.id, phase, index))

    def fail_port(self, port: InputPort, error: BaseException) -> None:
        """Record that an input broke."""
        target = port.targets[0]
        stage = target.stages[0] if isinstance(target, Chain) else target.stage
        self._record_failure(port, NodeFailure(error, stage.id, "process", None))

    def upstream_failed(self) -> None:
        """A producer ended with a failure of its own."""
        self.has_failed = True

    def finished(self, unit: Unit) -> None:
        """Note that a unit will do nothing more; called from any thread."""
        with self._mutex:
            self._unfinished.discard(id(unit))
        self.thread.notify()

    @contextmanager
    def more_to_come(self) -> Generator[None, None, None]:
        """Inside, an output must not wait for the end of the batch."""
        before, self.more = self.more, True
        try:
            yield
        finally:
            self.more = before

    def flush_outputs(self) -> None:
        """Send what has gathered; at the end of a batch."""
        for port in self._units.outputs:
            port.flush()

    def _record_failure(self, unit: Unit, failure: NodeFailure) -> None:
        with self._mutex:
            if not self.is_cancelled:
                self.failures.append(failure)
            self.has_failed = True
        unit.is_dead = True
        kill_upstream(unit)
        self.thread.notify()

    # Life cycle

    def _check_cancelled(self) -> None:
        if self.is_cancelled:
            raise asyncio.CancelledError("the run was cancelled while it was opening")

    def _distinct_stages(self) -> list[Stage]:
        seen: set[int] = set()
        distinct: list[Stage] = []
        for stage in self.stages:
            if id(stage.node) not in seen:
                seen.add(id(stage.node))
                distinct.append(stage)
            elif stage.traits.is_streaming or stage.traits.is_source:
                error = NodeBusyError(
                    f'Node "{stage.id}" is a streaming or source node at two places; give each its own.'
                )
                raise OpenError(NodeFailure(error, stage.id, "initialize", None))
        return distinct

    def _initialize(self, stage: Stage) -> None:
        if stage.traits.is_streaming or stage.traits.is_source:
            stage.record.claim_stream(self, stage.id)
        try:
            if stage.record.enter(is_initialized(stage.node)):
                is_ok = False
                try:
                    self._call(stage, "initialize", stage.traits.has_initialize)
                    note_initialized(stage.node)
                    is_ok = True
                finally:
                    stage.record.initialized(is_ok)
        except BaseException:
            stage.record.release_stream(self)
            raise
        self._opened.append(stage)

    def _clean_up(self, stage: Stage) -> None:
        stage.record.release_stream(self)
        try:
            self._leave(stage)
        finally:
            if stage.thread is not None:
                stage.thread.end()

    def _leave(self, stage: Stage) -> None:
        if stage.record.leave():
            try:
                self._call(stage, "cleanup", stage.traits.has_cleanup)
            finally:
                note_cleaned_up(stage.node)
                stage.record.cleaned()

    def _call(self, stage: Stage, method: str, is_there: bool) -> None:
        if not is_there:
            return
        if stage.thread is not None:
            stage.thread.submit(call_here, stage, method, self._wait_on_loop).result()
        elif stage.is_on_loop:
            self._wait_on_loop(call_on_loop(stage, method))
        else:
            call_here(stage, method, self.thread.wait_for)

    def _wait_on_loop(self, awaitable: Any) -> Any:
        return run_on(self.loop, self.thread.cancellable(awaitable), self.context)

    # Running

    def _drive(self) -> None:
        units = self._units
        if units.is_simple:
            self._drive_simply()
            return
        while self._unfinished:
            self.thread.serve()
            pulls = [pull for pull in units.pulls() if not pull.is_finished]
            for pull in pulls:
                pull.step(_TURN)
            channels = [port for port in units.inputs if not port.is_pulled and not port.is_finished]
            for port in channels:
                if port.is_dead:
                    port.finish()
            if not pulls or channels:
                # A producer's first items may have come together with its HELLO, and have left the socket.
                buffered = [port for port in channels if port.has_frame()]
                for port in buffered or self.thread.wait(channels, self._is_ready, 0 if pulls else None):
                    port.read()
            self.flush_outputs()

    def _is_ready(self) -> bool:
        waiting = (port for port in self._units.inputs if not port.is_finished)
        return not self._unfinished or any(port.is_dead or port.has_frame() for port in waiting)

    def _drive_simply(self) -> None:
        """Without async nodes: one channel alone, or whatever can be pulled in turn."""
        units = self._units
        pulls = list(units.pulls())
        for port in units.inputs:
            while not port.is_pulled and not port.is_finished:
                port.read()
        limit = None if len(pulls) == 1 else _TURN
        while pulls:
            for pull in pulls:
                pull.step(limit)
            pulls = [pull for pull in pulls if not pull.is_finished]
        self.flush_outputs()


def _frame_of(thread_ident: int) -> FrameType | None:
    return sys._current_frames().get(thread_ident)  # pyright: ignore[reportPrivateUsage]
