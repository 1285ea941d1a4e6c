"""A segment: a graph of live nodes between ports, run in one thread and, for async nodes, on a loop."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from remotemedia.core.session_id import SESSION_ID
from remotemedia.runner.context import NodeContext
from remotemedia.runner.dead_letter import DeadLetter, TakeDeadLetter, log_dead_letter
from remotemedia.runner.driving import Driving, drive_simply
from remotemedia.runner.life_cycle import LifeCycle
from remotemedia.runner.loop import LoopThread
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.losses import LossReason, OnDrop
from remotemedia.runner.more_to_come import MoreToCome
from remotemedia.runner.plan import NodeFailure, OpenError, SegmentPlan
from remotemedia.runner.ports import InputPort, OutputPort
from remotemedia.runner.stage import Stage, add_thread_cure, node_id_of
from remotemedia.runner.succession import Succession
from remotemedia.runner.tags import TAG, Tag
from remotemedia.runner.thread import ThreadSide
from remotemedia.runner.unit import Unit, kill_upstream
from remotemedia.runner.wiring import Units, wire

if TYPE_CHECKING:
    from remotemedia.slabs.arena import Arena


class Segment:
    """Runs a plan. ``open``, ``run`` and ``close`` are called in one thread, ``cancel`` from any.

    Attributes:
        failures: what failed, in the order in which it did.
        is_cancelled: whether ``cancel`` was called.
        has_failed: whether a node here or upstream has failed; no ``flush`` runs from then on.
        more: whether more outputs may come soon without the thread sending what it has.
        is_tagged: whether items have tags, so that what is under way can be interrupted.
        depth: how many calls have been begun within each other, on the loop.
        on_interrupt: told, in any thread, what has become stale: what was let in before a stamp.
        on_dead_letter: given, in any thread, each item that a failure policy gives up; without it they are
            logged. What it raises fails the run.
        waiting_tag: that of the item for which a sync node's awaitable is waited for.
        thread: what the thread waits with.
        context: the context of variables that async code of the nodes runs under.
        plan: what is run.
        stages: its nodes, in the plan's order.
        succession: what it takes over from the run before, and leaves to the next one.
    """

    __slots__ = (
        "_driving",
        "_life",
        "_loop_thread",
        "_mutex",
        "_own_loop",
        "_running",
        "_stale_before",
        "_unfinished",
        "_units",
        "context",
        "depth",
        "failures",
        "has_failed",
        "is_cancelled",
        "is_tagged",
        "more",
        "on_dead_letter",
        "on_interrupt",
        "plan",
        "stages",
        "succession",
        "thread",
        "waiting_tag",
    )

    def __init__(
        self,
        plan: SegmentPlan,
        loop_thread: LoopThread | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        context: contextvars.Context | None = None,
        is_callers_thread: bool = False,
    ) -> None:
        """Build the units.

        Args:
            plan: what to run.
            loop_thread: gives the loop for async nodes when one is needed.
            loop: a running loop of the caller instead; it must not be blocked by the call of ``run``.
            context: the context of variables that async nodes run under; a copy of the caller's by default.
            is_callers_thread: whether the thread that calls ``run`` is the caller's own. Nodes with
                ``run_on = "caller"`` run in it then, like any sync node; otherwise they run on ``loop``.

        Raises:
            InvalidNodeError: a node's ``run_on`` cannot be kept.
            PipelineError: a source node is given an input.
        """
        self.failures: list[NodeFailure] = []
        self.is_cancelled = False
        self.has_failed = False
        self.more = False
        self.is_tagged = plan.is_tagged
        self.depth = 0
        self.on_interrupt: Callable[[float], None] | None = None
        self.on_dead_letter: TakeDeadLetter | None = None
        self.waiting_tag: Tag | None = None
        self._stale_before = 0.0
        self.thread = ThreadSide()
        self.thread.await_loop = loop
        self.context = context or contextvars.copy_context()
        self.plan = plan
        if plan.session_id is not None:
            self.context.run(SESSION_ID.set, plan.session_id)
        self._own_loop = loop
        self._loop_thread = loop_thread
        # Held from the beginning until the run has ended.
        self._running = threading.Lock()
        self._running.acquire()
        self._mutex = threading.Lock()
        has_metrics = plan.has_metrics
        has_callers_loop = loop is not None and not is_callers_thread
        self.stages = [
            Stage(place.id, place.node, place.settings, has_metrics, has_callers_loop) for place in plan.nodes
        ]
        for stage in self.stages:
            if stage.traits.takes_context:
                stage.give_context(NodeContext(stage.id, self._arena(), self if plan.is_tagged else None))
        self.succession = Succession(self)
        self._life = LifeCycle(self)
        self._units = units = wire(self, plan, self.stages)
        self._unfinished: set[Unit] = set()
        self._driving: Driving | None = None
        if not units.is_simple:
            self._unfinished.update(units.all())
            self.thread.boxes = units.boxes()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the async nodes."""
        if self._own_loop is not None:
            return self._own_loop
        if self._loop_thread is None:
            self._loop_thread = LoopThread()
        return self._loop_thread.loop

    def loop_in_use(self) -> asyncio.AbstractEventLoop | None:
        """The loop, where one is there and the segment depends on it."""
        if self._own_loop is not None:
            return self._own_loop
        return self.loop if self._units.tasks() else None

    def nodes_on_loop(self) -> list[LoopUnit]:
        """Those whose code runs on the loop, or in threads of their own."""
        return self._units.loop_units

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
        self.succession.begin()
        if self.plan.session_id is not None:
            SESSION_ID.set(self.plan.session_id)
        try:
            self._life.open(announce)
        except OpenError:
            self.close()
            raise

    def run(self) -> None:
        """Work until everything has been processed or, after a failure or a cancel, given up."""
        for port in self._units.outputs:
            port.begin()
        try:
            if self._units.is_simple:
                drive_simply(self._units)
                self.flush_outputs()
                return
            self.thread.open_wake()
            for task in self._units.tasks():
                self.loop.call_soon_threadsafe(task.start)
            self._driving = Driving(self._units, self._unfinished, self.thread, self.flush_outputs)
            self._driving.run()
        finally:
            for box in self._units.boxes():
                # What the thread did not come to before a cancel.
                box.drop()
            self._running.release()

    @property
    def is_at_rest(self) -> bool:
        """Whether its thread waits to be woken, and would not find anything if it looked once more before."""
        return self._driving is not None and self.thread.is_waiting and not self._driving.is_ready()

    def wait_done(self, timeout: float) -> bool:
        """Wait until ``run`` has ended, up to ``timeout`` seconds; whether it has."""
        is_done = self._running.acquire(timeout=timeout)
        if is_done:
            self._running.release()
        return is_done

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
        for stage in self.stages:
            stage.record.wake()

    def is_stale(self, tag: Tag | None) -> bool:
        """Whether an item was let in before the last interruption, and does not survive it."""
        return tag is not None and tag.stamp < self._stale_before and not tag.survives

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp; called from any thread.

        What of it waits is dropped when its turn comes, async work is cancelled, generators are closed, and
        what it leads to is discarded.
        """
        with self._mutex:
            if not self.is_tagged or before <= self._stale_before:
                return
            self._stale_before = before
        for unit in self._units.all():
            unit.interrupt()
        if self.is_stale(self.waiting_tag):
            self.thread.interrupt_wait()
        self.thread.notify()
        if self.on_interrupt is not None:
            self.on_interrupt(before)

    def lose(self, node_id: str, tag: Tag | None, reason: LossReason | None = None) -> None:
        """Note that an item has come to nothing at a node, where somebody keeps account.

        Args:
            node_id: the node, or that in front of which it was.
            tag: that of the item.
            reason: why; None where it is stale, or nobody wants it any more.
        """
        accounts = self.plan.accounts
        if accounts is not None and tag is not None:
            accounts.lose(node_id, tag.stamp, reason or ("interrupted" if self.is_stale(tag) else "ended"))

    def losses_at(self, node_id: str) -> OnDrop | None:
        """What a queue in front of a node calls for each item that it drops, where somebody keeps account."""
        return None if self.plan.accounts is None else partial(self.lose, node_id)

    def keep(self, node_ids: Iterable[str]) -> None:
        """This run ends by a change of its session: these nodes go on in the next one.

        They do not flush. Sources let nothing more in; those that stay leave what is open to the next run.
        """
        kept = self.succession.keep(node_ids)
        for stage in self.stages:
            if stage.id in kept:
                stage.flush = None
        for source in (*self._units.sources, *self._units.loop_units):
            if source.stage.traits.is_source:
                source.pass_on(is_kept=source.stage.id in kept)
        self.thread.notify()

    def stop(self) -> None:
        """Something failed elsewhere: sources let no new item in, the rest is drained without a flush."""
        self.has_failed = True
        for source in self._units.roots():
            if not source.is_dead:
                source.kill()
        self.thread.notify()

    def stuck(self) -> list[str]:
        """The ids of the nodes that have not returned, or the name of the input where that has not."""
        found = [task.id for task in self._units.tasks() if not task.is_finished]
        running = node_id_of(_frame_of(self.thread.ident))
        if running is not None and running not in found:
            found.append(running)
        if not found:
            found += [
                port.name for port in self._units.inputs if port.name is not None and not port.is_finished
            ]
        return found

    def close(self) -> list[NodeFailure]:
        """Clean up the nodes in reverse order and let go of the ports; what failed in it."""
        self.thread.begin_cleanup()
        failures = self._life.close()
        units, self._units = self._units, _NO_UNITS
        self._driving = None
        for unit in units.all():
            unit.release()
        # Letters that are kept refer to this by the tracebacks of their errors.
        self.on_dead_letter = None
        self.succession.end()
        self.thread.close()
        return failures

    def metrics(self) -> list[dict[str, Any]] | None:
        """The ``nodeMetrics`` of all nodes, or None if they were not measured."""
        if not self.plan.has_metrics:
            return None
        return [
            stage.meter.record(stage.id, stage.count, stage.errors, stage.dropped)
            for stage in self.stages
            if stage.meter is not None
        ]

    def fail(self, unit: Unit, stage: Stage, error: BaseException, phase: str, index: int | None) -> None:
        """Record a failure of a node: it swallows further input, and everything upstream of it dies."""
        add_thread_cure(error)
        stage.errors += 1
        self._record_failure(unit, NodeFailure(error, stage.id, phase, index))

    def skip(self, unit: Unit, stage: Stage, error: BaseException, item: Any, index: int) -> None:
        """Give up an item that a node has failed for, as its failure policy says."""
        stage.errors += 1
        take = self.on_dead_letter or log_dead_letter
        letter = DeadLetter(stage.id, index, item, error)
        accounts = self.plan.accounts
        if accounts is not None:
            tag = TAG.get()
            letter = accounts.letter(letter, None if tag is None else tag.stamp)
        try:
            take(letter)
        except BaseException as problem:
            self.fail_about(unit, stage.id, problem)

    def fail_source(self, unit: Unit, error: BaseException, node_id: str | None, index: int) -> None:
        """Record a failure of an input of the pipeline: of its item at ``index``, or of giving that one."""
        self._record_failure(unit, NodeFailure(error, node_id, "source", index))

    def fail_channel(self, port: InputPort, node_id: str | None, error: BaseException) -> None:
        """Record that a channel broke; it counts as a failure of the node behind it."""
        self._record_failure(port, NodeFailure(error, node_id, "process", None))

    def fail_about(self, unit: Unit, node_id: str, error: BaseException) -> None:
        """Record a failure that is about a node, perhaps of another segment, and ends ``unit``."""
        self._record_failure(unit, NodeFailure(error, node_id, None, None))

    def upstream_failed(self) -> None:
        """A producer ended with a failure of its own."""
        self.has_failed = True

    def finished(self, unit: Unit) -> None:
        """Note that a unit will do nothing more; called from any thread."""
        self._unfinished.discard(unit)
        if self.thread.is_waiting:
            self.thread.notify()

    def between_nodes(self) -> tuple[list[Any], int]:
        """What waits between nodes, and how many items more nodes on the loop may have in hand."""
        waiting: list[Any] = []
        for unit in self._units.loop_units:
            waiting += unit.waiting()
        for box in self.thread.boxes:
            waiting += box.entries.copy()
        return waiting, sum(unit.stage.concurrency + 1 for unit in self._units.loop_units)

    def more_to_come(self) -> MoreToCome:
        """Inside, an output must not wait for the end of the batch."""
        return MoreToCome(self)

    def flush_outputs(self) -> None:
        """Send what has gathered; at the end of a batch."""
        for port in self._units.outputs:
            port.flush()

    def _arena(self) -> Arena | None:
        """Where arrays are allocated that other processes may get."""
        return next((port.arena for port, _ in self.plan.outputs if port.arena is not None), None)

    def _record_failure(self, unit: Unit, failure: NodeFailure) -> None:
        with self._mutex:
            if not self.is_cancelled:
                self.failures.append(failure)
            self.has_failed = True
        unit.mark_dead()
        kill_upstream(unit)
        self.thread.notify()


_NO_UNITS = Units([], [], [], [], [], [])


def _frame_of(thread_ident: int) -> FrameType | None:
    return sys._current_frames().get(thread_ident)  # pyright: ignore[reportPrivateUsage]
