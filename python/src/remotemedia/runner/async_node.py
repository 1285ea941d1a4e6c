"""Nodes with an async ``process``, and sync ones that ask for the caller's thread, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from remotemedia.core.settings import FailurePolicy
from remotemedia.runner.chain import EXHAUSTED, next_output
from remotemedia.runner.guarded import Attempts, in_time
from remotemedia.runner.handoff import LIMIT
from remotemedia.runner.locks import AsyncCallLock
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.metrics import Meter
from remotemedia.runner.outputs import AWAITABLE, MANY, MANY_ASYNC, kind_of
from remotemedia.runner.stage import Stage, marks_node
from remotemedia.runner.tags import TAG, Tag, new_tag

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


_TURN_S = 0.01

Give = Callable[[Any], Awaitable[None]]
"""Takes one output."""


class AsyncNode(LoopUnit):
    """A node with an async ``process``.

    Attributes:
        turn_index: of several calls at once, for which item the one is whose outputs leave.
    """

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the unit; the segment connects it."""
        super().__init__(segment, stage)
        self._lock = AsyncCallLock(stage.record, segment)
        self._calls: set[_Call] = set()
        self.turn_index = 0

    def emission_failed(self, error: BaseException) -> None:
        """An output could not be sent."""
        index = self.stage.count - 1 if self.stage.concurrency == 1 else self.turn_index
        self.fail(error, "process", index)

    def calls(self) -> list[tuple[asyncio.Task[Any], int]]:
        """The tasks of its calls."""
        if not self._calls:
            return super().calls()
        return [(call.task, call.index) for call in self._calls]

    def interrupt(self) -> None:
        """Cancel the calls whose items have become stale."""
        # A loop that has ended has no calls.
        with contextlib.suppress(RuntimeError):
            self.segment.loop.call_soon_threadsafe(self._interrupt_calls)

    def _interrupt_calls(self) -> None:
        for call in self._calls:
            if self.segment.is_stale(call.tag) and not call.task.done():
                self.cancel_task(call.task)

    async def work(self) -> None:
        """Take all items, flush."""
        # To be interrupted by itself, each call needs a task of its own.
        is_alone = self.stage.concurrency == 1 and not self.segment.is_tagged
        await (self._work_on_one() if is_alone else self._work_on_many())
        if self.segment.is_tagged:
            TAG.set(new_tag())
        if self.stage.flush is not None and not self.is_dead and not self.segment.is_over:
            try:
                await self._deliver(self.stage, self.emit, self.stage.flush)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.is_dead:
                    raise
                self.fail(error, "flush", None)

    async def _work_on_one(self) -> None:
        stage = self.stage
        policy = stage.policy
        loop = self.segment.loop
        # A sync node awaits nothing itself: others on the caller's loop get a turn now and then.
        turn_ends = loop.time() + _TURN_S
        while (entry := await self._next_entry()) is not None:
            item, done = entry
            index = stage.count
            stage.entered = index + 1
            try:
                if policy is None:
                    await self._deliver(stage, self.emit, stage.process, item, index=index)
                else:
                    await self._deliver_guarded(stage, policy, self.emit, item, index)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.is_dead:
                    raise
                self.fail(error, "process", index)
            # It may lie in memory of another process, which is told by this that it is not needed.
            del entry, item
            if done is not None:
                done()
            if self.is_dead:
                return
            if not stage.traits.is_async and loop.time() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = loop.time() + _TURN_S

    async def _work_on_many(self) -> None:
        """Run up to ``concurrency`` calls at once; outputs leave in the order of the items, if they shall."""
        calls: asyncio.Queue[_Call | None] = asyncio.Queue()
        slots = asyncio.Semaphore(self.stage.concurrency)
        opened: set[asyncio.Task[Any]] = set()
        loop, context = self.segment.loop, self.segment.context
        is_tagged = self.segment.is_tagged
        is_unordered = self.stage.is_unordered

        def over(task: asyncio.Task[Any]) -> None:
            opened.discard(task)
            # Of a call whose turn does not come any more nobody asks.
            if not task.cancelled():
                task.exception()

        async def take() -> None:
            stage = self.stage
            while True:
                await slots.acquire()
                entry = None if self.is_dead else await self._next_entry()
                if entry is None:
                    break
                index = stage.count
                stage.entered = index + 1
                call = _Call(self, index, entry[1], TAG.get() if is_tagged else None)
                if stage.policy is None:
                    made = self._deliver(stage, call.give, stage.process, entry[0], index=index)
                else:
                    made = self._deliver_guarded(stage, stage.policy, call.give, entry[0], index)
                # It has the tag of the item, which this task has taken.
                own = contextvars.copy_context() if is_tagged else context
                call.task = loop.create_task(made, context=own)
                opened.add(call.task)
                call.task.add_done_callback(over)
                self._calls.add(call)
                if is_unordered:
                    call.has_turn.set_result(None)
                    call.task.add_done_callback(partial(_put_late, calls, call))
                else:
                    calls.put_nowait(call)
            if is_unordered:
                # Behind all calls, which come when they are done.
                for _ in range(self.stage.concurrency - 1):
                    await slots.acquire()
            calls.put_nowait(None)

        taker = loop.create_task(take(), context=context)
        opened.add(taker)
        try:
            while not self.is_dead and (call := await calls.get()) is not None:
                await self._finish(call)
                slots.release()
        finally:
            left = [task for task in opened if not task.done()]
            for task in left:
                self.cancel_task(task)
            await asyncio.gather(*left, return_exceptions=True)

    async def _finish(self, call: _Call) -> None:
        """Let a call emit, now that it is its turn, and wait until it has ended."""
        try:
            if not call.has_turn.done():
                self.turn_index = call.index
                await call.take_turn()
            await call.result()
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.is_dead:
                raise
            # What an interruption has ended is no failure.
            if not self.segment.is_stale(call.tag):
                self.fail(error, "process", call.index)
                return
        finally:
            self._calls.discard(call)
        if call.done is not None:
            call.done()

    async def _next_entry(self) -> tuple[Any, Callable[[], None] | None] | None:
        meter = self.stage.meter
        if meter is not None:
            meter.max_queue_depth = max(meter.max_queue_depth, len(self.inbox.entries))
        return await self.inbox.get()

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
            await give(value)
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
        began = time.perf_counter_ns()
        try:
            output = function(*item)
            kind = kind_of(output)
            if kind == AWAITABLE:
                output = await (output if stage.policy is None else in_time(stage, output, index))
                kind = kind_of(output)
        finally:
            if is_locked:
                self._lock.release()
        spent = time.perf_counter_ns() - began
        if kind in (MANY, MANY_ASYNC):
            spent += await self._give_all(stage, give, output, kind, index)
        if stage.meter is not None and index >= 0 and Meter.is_sampled(index):
            stage.meter.add(spent)
        if kind not in (MANY, MANY_ASYNC) and output is not None:
            await give(output)

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
                    await give(value)
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


class _Call:
    """One of several calls at once: until it is its turn, it keeps some outputs, and then waits.

    Attributes:
        index: which item it is for.
        tag: that of the item.
        done: called after the last output has left.
        has_turn: done once it is its turn.
        task: the call.
    """

    task: asyncio.Task[None]

    def __init__(self, unit: AsyncNode, index: int, done: Callable[[], None] | None, tag: Tag | None) -> None:
        """Belong to a node; ``done`` is called after the last output has left."""
        self.index = index
        self.tag = tag
        self.done = done
        self._unit = unit
        self._kept: deque[tuple[Any, Tag | None]] = deque()
        self.has_turn: asyncio.Future[None] = unit.segment.loop.create_future()

    async def give(self, value: Any) -> None:
        """Give one output."""
        if not self.has_turn.done():
            self._kept.append((value, TAG.get()))
            if len(self._kept) >= LIMIT:
                await self.has_turn
            return
        self._unit.turn_index = self.index
        await self._unit.emit(value)

    async def take_turn(self) -> None:
        """Emit what it has kept; from here on it emits by itself."""
        while self._kept:
            value, tag = self._kept.popleft()
            if tag is not None:
                TAG.set(tag)
            await self._unit.emit(value)
        self.has_turn.set_result(None)

    async def result(self) -> None:
        """Wait until the call has ended, and raise what it raised; a cancel meanwhile leaves it alone."""
        await asyncio.wait([self.task])
        self.task.result()


def _put_late(calls: asyncio.Queue[_Call | None], call: _Call, _task: asyncio.Task[None]) -> None:
    calls.put_nowait(call)


@marks_node
async def _next_async(stage: Stage, outputs: Any) -> Any:
    """The next output of an async generator or iterator, or ``EXHAUSTED``."""
    try:
        return await outputs.__anext__()
    except StopAsyncIteration:
        return EXHAUSTED
