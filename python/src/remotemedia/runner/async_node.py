"""Nodes with an async ``process``, and sync ones that ask for the caller's thread, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from remotemedia.core.settings import FailurePolicy
from remotemedia.runner.chain import EXHAUSTED, next_output
from remotemedia.runner.first_step import Rest, first_step, first_step_as
from remotemedia.runner.guarded import Attempts, in_time
from remotemedia.runner.handoff import CALLED, Entry
from remotemedia.runner.locks import AsyncCallLock
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.metrics import Meter
from remotemedia.runner.outputs import AWAITABLE, KINDS, MANY, MANY_ASYNC
from remotemedia.runner.stage import Stage, marks_node
from remotemedia.runner.tags import TAG, Tag, current_tag, new_tag

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


_TURN_S = 0.01
_MOST_BEGUN = 64
"""How many calls in a row are begun by whoever gives the items: then the loop gets a turn."""
_DEEPEST = 16
"""How many calls are begun within each other: each takes some of the stack."""

Give = Callable[[Any], Awaitable[None] | None]
"""Takes one output; what to wait for before the next one, where there is no room."""


class AsyncNode(LoopUnit):
    """A node with an async ``process``, which works on one item at a time."""

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the unit; the segment connects it."""
        super().__init__(segment, stage)
        self._lock = AsyncCallLock(stage.record, segment)
        # Of the call under way: the item's tag; and a call that another has begun.
        self._under_way: Tag | None = None
        self._begun: Rest | None = None
        self._begun_in_a_row = 0

    def interrupt(self) -> None:
        """Drop what waits and has become stale, and cancel calls for it."""
        super().interrupt()
        # A loop that has ended has no calls.
        with contextlib.suppress(RuntimeError):
            self.segment.loop.call_soon_threadsafe(self._interrupt_calls)

    def _interrupt_calls(self) -> None:
        if self._task is not None and self.segment.is_stale(self._under_way):
            self.cancel_task(self._task)

    async def work(self) -> None:
        """Take all items, flush."""
        await self._take_all()
        if self.segment.is_tagged:
            TAG.set(new_tag())
        if self.stage.flush is not None and not self.is_dead and not self.segment.is_over:
            try:
                await self._deliver(self.stage, self.emit, self.stage.flush)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.is_dead:
                    raise
                self.fail(error, "flush", None)

    async def _take_all(self) -> None:
        """Process all items."""
        stage = self.stage
        loop = self.segment.loop
        # Where nothing is waited for, others on the caller's loop get a turn now and then.
        turn_ends = loop.time() + _TURN_S
        is_tagged = self.segment.is_tagged
        is_on_callers_loop = is_tagged or not stage.traits.is_async
        if is_tagged and stage.traits.is_async:
            self.inbox.direct = self._begin
        while (entry := await self._next_entry()) is not None:
            item, done = entry
            call: Awaitable[None] | None = None
            try:
                call = self._call(entry) if is_tagged else self._take_item(self.emit, item, self._count())
                if call is not None:
                    await call
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.is_dead:
                    self.segment.lose(self.id, self._under_way)
                    raise
                self._call_failed(error)
            if is_tagged:
                self._forget_call()
            # It may lie in memory of another process, which is told by this that it is not needed.
            del call, entry, item
            if done is not None:
                done()
            if self.is_dead:
                return
            if is_on_callers_loop and loop.time() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = loop.time() + _TURN_S

    def _call(self, entry: Entry) -> Rest | None:
        """Call the node for an item of the queue, or take over what another has begun; what is left of it."""
        if entry is CALLED:
            rest, self._begun = self._begun, None
            return rest
        self._under_way = tag = current_tag()
        call = self._take_item(self.emit, entry[0], self._count())
        return first_step(call, self._context.copy(), tag)

    def _begin(self, item: Any, tag: Tag) -> bool:
        """Begin a call for whoever gives the item, while the task waits; whether it was begun."""
        task, segment = self._task, self.segment
        # One call at a time, and in its turn: not while the task is on its way to what another has begun.
        if task is None or self._under_way is not None or self.is_dead or segment.is_stale(tag):
            return False
        if self._begun_in_a_row >= _MOST_BEGUN or segment.depth >= _DEEPEST:
            return False
        self._begun_in_a_row += 1
        segment.depth += 1
        self._under_way = tag
        call = self._take_item(self.emit, item, self._count())
        try:
            self._begun = first_step_as(task, segment.loop, call, self._context.copy(), tag)
        except BaseException as error:
            self._call_failed(error)
        finally:
            segment.depth -= 1
        if self._begun is None:
            self._under_way = None
        if self._begun is not None or self.is_dead:
            # The task goes on with it, or ends.
            self.inbox.call()
        return True

    def _forget_call(self) -> None:
        """Be ready for the next call: what has cancelled the task has meant the one that is over."""
        self._under_way = None
        self._begun_in_a_row = 0
        task = self._task
        while task is not None and task.cancelling() and not self.is_dead:
            task.uncancel()

    def _call_failed(self, error: BaseException) -> None:
        if self._is_failure(self._under_way):
            self.fail(error, "process", self.stage.count - 1)

    def _is_failure(self, tag: Tag | None) -> bool:
        """Whether what a call has raised is one; the item has come to nothing either way."""
        # What an interruption has ended is no failure.
        is_stale = self.segment.is_stale(tag)
        self.segment.lose(self.id, tag, None if is_stale or self.is_dead else "failed")
        return not is_stale

    def _count(self) -> int:
        """Count an item that is about to be processed; its position."""
        index = self.stage.count
        self.stage.entered = index + 1
        return index

    async def _next_entry(self) -> Entry | None:
        meter = self.stage.meter
        if meter is not None:
            meter.max_queue_depth = max(meter.max_queue_depth, len(self.inbox.entries))
        try:
            return await self.inbox.get()
        except asyncio.CancelledError as error:
            task = self._task
            if self._begun is None or task is None:
                raise
            # It is meant for what another has begun, and comes where that waits.
            task.uncancel()
            task.cancel(*error.args)
            return await self.inbox.get()

    def _take_item(self, give: Give, item: Any, index: int) -> Coroutine[Any, Any, None]:
        """What calls the node for an item, and gives what it gives."""
        stage = self.stage
        if stage.policy is None:
            return self._deliver(stage, give, stage.process, item, index=index)
        return self._deliver_guarded(stage, stage.policy, give, item, index)

    async def _deliver_guarded(
        self, stage: Stage, policy: FailurePolicy, give: Give, item: Any, index: int
    ) -> None:
        """As ``_deliver``, with what the failure policy asks for where the call fails."""
        attempts = Attempts(self.segment, policy, item)
        has_arrived = True

        async def give_on(value: Any) -> None:
            nonlocal has_arrived
            attempts.has_given = True
            has_arrived = False
            space = give(value)
            if space is not None:
                await space
            has_arrived = True

        while True:
            try:
                await self._deliver(stage, give_on, stage.process, item, index=index)
                return
            except BaseException as error:
                # An output that cannot be sent is no failure of the call.
                if self.is_dead or not has_arrived:
                    raise
                seconds = attempts.pause_after(error)
                if seconds is None:
                    if not attempts.skips(error):
                        raise
                    self.segment.skip(self, stage, error, item, index)
                    return
            # A cancel, or an interruption, ends it.
            await asyncio.sleep(seconds)

    @marks_node
    async def _deliver(
        self,
        stage: Stage,
        give: Give,
        function: Callable[..., Any],
        *item: Any,
        index: int = -1,
    ) -> None:
        """Call the node and give what it gives as it comes.

        The node's lock is held while its own code runs, and not while its outputs travel on.
        """
        is_locked = stage.concurrency == 1
        if is_locked and not self._lock.try_acquire():
            await self._lock.acquire()
        began = 0 if stage.meter is None else time.perf_counter_ns()
        try:
            output = function(*item)
            # Without ``kind_of``: a call more would be seen in what an item costs.
            kind = KINDS[type(output)]
            if kind == AWAITABLE:
                output = await (output if stage.policy is None else in_time(stage, output, index))
                kind = KINDS[type(output)]
        finally:
            if is_locked:
                self._lock.release()
        spent = 0 if stage.meter is None else time.perf_counter_ns() - began
        if kind in (MANY, MANY_ASYNC):
            spent += await self._give_all(stage, give, output, kind, index)
        if stage.meter is not None and index >= 0 and Meter.is_sampled(index):
            stage.meter.add(spent)
        if kind not in (MANY, MANY_ASYNC) and output is not None:
            space = give(output)
            if space is not None:
                await space

    async def _give_all(self, stage: Stage, give: Give, outputs: Any, kind: int, index: int) -> int:
        """Give what a generator gives; how long the generator itself took."""
        is_locked = stage.concurrency == 1
        spent = 0
        try:
            while not self.is_dead:
                if is_locked and not self._lock.try_acquire():
                    await self._lock.acquire()
                try:
                    began = time.perf_counter_ns()
                    if kind == MANY:
                        # Another run may call the same object in a thread.
                        with stage.record.call_lock:
                            value = next_output(stage, outputs)
                    elif stage.policy is None:
                        value = await _next_async(stage, outputs)
                    else:
                        value = await in_time(stage, _next_async(stage, outputs), index)
                    spent += time.perf_counter_ns() - began
                finally:
                    if is_locked:
                        self._lock.release()
                if value is EXHAUSTED:
                    break
                if value is not None:
                    space = give(value)
                    if space is not None:
                        await space
            else:
                # It is given up in the middle.
                self.segment.lose(self.id, TAG.get())
        finally:
            await self._close_marked(stage, outputs)
        return spent

    @marks_node
    async def _close_marked(self, stage: Stage, outputs: Any) -> None:
        is_locked = stage.concurrency == 1
        if is_locked and not self._lock.try_acquire():
            await self._lock.acquire()
        try:
            await self.close_outputs(outputs)
        finally:
            if is_locked:
                self._lock.release()


@marks_node
async def _next_async(stage: Stage, outputs: Any) -> Any:
    """The next output of an async generator or iterator, or ``EXHAUSTED``."""
    try:
        return await outputs.__anext__()
    except StopAsyncIteration:
        return EXHAUSTED
