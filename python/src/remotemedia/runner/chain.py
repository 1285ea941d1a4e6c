"""Chains: sync nodes in a row, run as one plain loop in the segment's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from remotemedia.runner.chain_box import ChainBox
from remotemedia.runner.guarded import Attempts, in_time
from remotemedia.runner.metrics import Meter
from remotemedia.runner.outputs import AWAITABLE, KINDS, MANY, MANY_ASYNC, NOTHING, ONE, kind_of
from remotemedia.runner.stage import Stage, await_marked, marks_node
from remotemedia.runner.tags import TAG, new_tag
from remotemedia.runner.unit import Emit, Unit

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


class Chain(Unit):
    """A path of sync nodes without a branch.

    Attributes:
        stages: the nodes in order.
        level: how often the path to here changes between thread and loop; hand-offs only go to higher levels.
        emits: what takes the outputs, called in this thread.
        ends: what is called after the last output.
        box: where items from the loop wait, if any come from there.
        at: the node whose ``process`` is called, or None. Said before ``process`` is looked up, and taken
            back before an output travels on; see ``Stage.is_inside``.
        entered: how many outputs have come from what the last node gave at once.
        is_shut: it takes no item from outside any more: it is dead, or its only input is.
    """

    __slots__ = (
        "_segment",
        "at",
        "box",
        "emits",
        "ends",
        "entered",
        "is_shut",
        "level",
        "open_inputs",
        "stages",
    )

    def __init__(self, segment: Segment, stages: Iterable[Stage], level: int) -> None:
        """Build the chain; the segment connects it."""
        super().__init__()
        self.stages = tuple(stages)
        self.level = level
        self.emits: tuple[Emit, ...] = ()
        self.ends: list[Callable[[], None]] = []
        self.open_inputs = 0
        self.box: ChainBox | None = None
        self.at: Stage | None = None
        self.entered = 0
        self.is_shut = False
        self._segment = segment
        before: Stage | None = None
        for position, stage in enumerate(self.stages):
            stage.chain = self
            stage.position = position
            stage.before = before
            before = stage
            if stage.policy is not None:
                stage.attempts = Attempts(segment, stage.policy)
                stage.process = stage.attempts.noting(stage.process)
            if stage.meter is not None:
                stage.process = stage.meter.measured(stage.process)

    def mark_dead(self) -> None:
        """Note that it takes and gives nothing any more."""
        self.is_dead = self.is_shut = True

    def push(self, item: Any) -> None:
        """Take one item."""
        self.run((item,))

    def input_ended(self) -> None:
        """One of the inputs has given its last item; after the last of them flush, and end."""
        self.open_inputs -= 1
        if self.open_inputs > 0:
            return
        for stage in self.stages:
            if stage.flush is None:
                continue
            if self.is_dead or self._segment.is_over:
                break
            if self._segment.is_tagged:
                TAG.set(new_tag())
            with self._segment.more_to_come():
                self._flush(stage)
        for end in self.ends:
            end()
        self._segment.finished(self)

    def emission_failed(self, error: BaseException) -> None:
        """An output of the last node could not be sent."""
        last = self.stages[-1]
        self._segment.lose(last.id, TAG.get(), "failed")
        self._segment.fail(self, last, error, "process", max(last.count - 1, 0))

    def interrupt(self) -> None:
        """Drop what has become stale, where that makes room that counts; called from any thread."""
        if self.box is not None:
            self.box.interrupt()

    def release(self) -> None:
        """Forget what it was connected with."""
        self.emits = ()
        self.ends.clear()
        self.producers.clear()
        for stage in self.stages:
            stage.chain = None

    @property
    def is_cancelled(self) -> bool:
        """Whether its run is cancelled."""
        return self._segment.is_cancelled

    def is_here(self) -> bool:
        """Whether this is the thread that runs the chain."""
        return self._segment.thread.is_here()

    @marks_node
    def run(self, items: Iterable[Any], start: int = 0) -> None:
        """Run items through the nodes from ``start`` on. This loop is what a sync node costs.

        It takes no lock and counts only what enters: ``Stage.count`` has the rest from what has left. What it
        gives for each item and node is the note where it is, so that another run can find out.
        """
        steps = self.stages[start:] if start else self.stages
        entry = steps[0] if steps else self
        emit = self.emits[0] if len(self.emits) == 1 else self._emit_to_all
        kinds = KINDS
        one: Any = None
        stage: Any = None
        for entry.entered, item in enumerate(items, entry.entered + 1):  # noqa: B020 - it counts there
            if self.is_shut and (self.is_dead or not start):
                entry.entered -= 1
                self._segment.lose((steps or self.stages)[0].id, TAG.get())
                return
            try:
                for stage in steps:
                    self.at = stage
                    # In two steps: Python looks a method up more slowly than an attribute.
                    process = stage.process
                    item = process(item)
                    # Most outputs are of the type of the one before, which is known to count as one.
                    if type(item) is not one:
                        kind = kinds[type(item)]
                        if kind:
                            break
                        one = type(item)  # pyright: ignore[reportUnknownVariableType]
                else:
                    self.at = None
                    emit(item)
                    continue
            except BaseException as error:
                if self.at is None or stage.attempts is None:
                    self._failed(stage, error)
                    return
                stage.attempts.error = error
                kind = NOTHING
            self.at = None
            stage.left += 1
            if kind != NOTHING:
                self._expand(stage, item, kind, "process")
            if stage.attempts is not None:
                self._try_again(stage, stage.attempts)

    def _emit_to_all(self, item: Any) -> None:
        for emit in self.emits:
            emit(item)

    def _failed(self, stage: Stage, error: BaseException) -> None:
        """A node's call failed, or behind the last node what takes its output."""
        if self.at is None:
            self.emission_failed(error)
            return
        self.at = None
        stage.left += 1
        self._fail(stage, error)

    def _fail(self, stage: Stage, error: BaseException) -> None:
        is_stale = self._is_stale()
        self._segment.lose(stage.id, TAG.get(), None if is_stale or self.is_dead else "failed")
        if not is_stale:
            self._segment.fail(self, stage, error, "process", stage.count - 1)

    def _try_again(self, stage: Stage, attempts: Attempts) -> None:
        """Do what the failure policy says of a call that has failed, and of those that are made after it."""
        while (error := attempts.error) is not None:
            seconds = attempts.pause_after(error)
            if seconds is None:
                if attempts.skips(error):
                    self._segment.skip(self, stage, error, attempts.item, stage.count - 1)
                else:
                    self._fail(stage, error)
                break
            if not self._pause(seconds):
                self._segment.lose(stage.id, TAG.get())
                break
            try:
                output = self._call_again(stage, attempts.item)
            except BaseException as failed:
                attempts.error = failed
                continue
            attempts.error = None
            kind = kind_of(output)
            if kind == ONE:
                self.run((output,), stage.position + 1)
            elif kind != NOTHING:
                self._expand(stage, output, kind, "process")
        # The traceback refers to this frame.
        del error
        attempts.begin(None)

    def _pause(self, seconds: float) -> bool:
        """Wait before a call is made again; whether anybody still wants that call."""
        if seconds > 0:
            # Nobody shall wait for outputs that are there.
            self._segment.flush_outputs()
        return self._segment.thread.pause(seconds, self._is_given_up)

    def _is_given_up(self) -> bool:
        return self.is_dead or self._segment.is_cancelled or self._is_stale()

    @marks_node
    def _call_again(self, stage: Stage, item: Any) -> Any:
        # As in ``run``, for another run that begins to use the object: it need not wait for a pause.
        self.at = stage
        try:
            process = stage.process
            return process(item)
        finally:
            self.at = None

    def _is_stale(self) -> bool:
        """Whether what is under way was interrupted."""
        return self._segment.is_tagged and self._segment.is_stale(TAG.get())

    @marks_node
    def _flush(self, stage: Stage) -> None:
        flush = stage.flush
        try:
            stage.record.lock_call(stage.is_given_up)
            try:
                output = flush() if flush is not None else None
            finally:
                stage.record.call_lock.release()
        except BaseException as error:
            self._segment.fail(self, stage, error, "flush", None)
            return
        self._expand(stage, output, kind_of(output), "flush")

    def _expand(self, stage: Stage, output: Any, kind: int, phase: str) -> None:
        """Pass on what is not simply one output of ``process``."""
        outputs = self._outputs_of(stage, output, kind, phase)
        try:
            with self._segment.more_to_come():
                self.run(outputs, stage.position + 1)
        finally:
            outputs.close()

    def _outputs_of(self, stage: Stage, output: Any, kind: int, phase: str) -> Generator[Any, None, None]:
        """Give the outputs one by one; an error of the node ends them.

        The node's lock is held for each step of its code, and not while an output travels on: two runs that
        share two nodes in opposite order would wait for each other.
        """
        lock, lock_step, is_given_up = stage.record.call_lock, stage.record.lock_step, stage.is_given_up
        attempts = stage.attempts if phase == "process" else None
        try:
            if kind == AWAITABLE:
                lock_step(is_given_up)
                try:
                    output = self._await(stage, output, attempts)
                finally:
                    lock.release()
                kind = kind_of(output)
            if kind in (ONE, NOTHING):
                outputs: Iterator[Any] = iter((output,))
            else:
                outputs = self._iterate_async(stage, output, attempts) if kind == MANY_ASYNC else output
            is_sampled = (
                stage.meter is not None
                and kind in (MANY, MANY_ASYNC)
                and Meter.is_sampled(max(stage.count - 1, 0))
            )
            try:
                while True:
                    if self._is_stale():
                        self._segment.lose(stage.id, TAG.get())
                        break
                    lock_step(is_given_up)
                    try:
                        began = time.perf_counter_ns() if is_sampled else 0
                        value = next_output(stage, outputs)
                        if is_sampled and stage.meter is not None and phase == "process":
                            stage.meter.extend(time.perf_counter_ns() - began)
                    finally:
                        lock.release()
                    if value is EXHAUSTED:
                        break
                    if value is not None:
                        if stage.meter is not None:
                            stage.meter.items_out += 1
                        if attempts is not None:
                            attempts.has_given = True
                        yield value
            finally:
                with lock:
                    close_outputs(stage, outputs)
        except GeneratorExit:
            raise
        except BaseException as error:
            if attempts is not None:
                attempts.error = error
                return
            is_stale = self._is_stale()
            self._segment.lose(stage.id, TAG.get(), None if is_stale or self.is_dead else "failed")
            if not is_stale:
                index = stage.count - 1 if phase == "process" else None
                self._segment.fail(self, stage, error, phase, index)

    @marks_node
    def _await(self, stage: Stage, awaitable: Any, attempts: Attempts | None) -> Any:
        """Wait for what a node gave; an interruption of its item cancels it."""
        segment = self._segment
        coroutine = await_marked(stage, awaitable)
        if attempts is not None:
            coroutine = in_time(stage, coroutine, stage.count - 1)
        if not segment.is_tagged:
            return segment.thread.wait_for(coroutine)
        segment.waiting_tag = TAG.get()
        try:
            return segment.thread.wait_for(coroutine)
        finally:
            segment.waiting_tag = None

    def _iterate_async(
        self, stage: Stage, outputs: Any, attempts: Attempts | None
    ) -> Generator[Any, None, None]:
        wait_for = self._segment.thread.wait_for
        try:
            while True:
                try:
                    value = self._await(stage, outputs.__anext__(), attempts)
                except StopAsyncIteration:
                    return
                yield value
        finally:
            if hasattr(outputs, "aclose"):
                wait_for(await_marked(stage, outputs.aclose()), can_cancel=False)


EXHAUSTED = object()


@marks_node
def next_output(stage: Stage, outputs: Iterator[Any]) -> Any:
    """The next output of a generator or iterator, or ``EXHAUSTED``."""
    return next(outputs, EXHAUSTED)


@marks_node
def close_outputs(stage: Stage, outputs: Any) -> None:
    """Close a generator; an iterator without ``close`` needs nothing."""
    close = getattr(outputs, "close", None)
    if callable(close):
        close()
