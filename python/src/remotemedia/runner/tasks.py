"""Nodes on the event loop: each is a task with a queue of its own."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from remotemedia.runner.chain import EXHAUSTED, close_outputs, next_output
from remotemedia.runner.handoff import LIMIT, Inbox
from remotemedia.runner.locks import AsyncCallLock
from remotemedia.runner.metrics import Meter
from remotemedia.runner.node_thread import NodeThread
from remotemedia.runner.outputs import AWAITABLE, MANY, MANY_ASYNC, kind_of
from remotemedia.runner.stage import Stage, marks_node
from remotemedia.runner.unit import Emit, Unit, close_upstream

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


class LoopUnit(Unit):
    """A node on the loop.

    Attributes:
        stage: the node.
        inbox: its queue.
        emits: what takes its outputs, called on the loop; each may give a future to wait for.
        ends: what is called, on the loop, after the last output.
    """

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the unit; the segment connects it."""
        super().__init__()
        self.stage = stage
        self.inbox = Inbox(segment)
        self.emits: tuple[Emit, ...] = ()
        self.ends: list[Callable[[], None]] = []
        self.is_finished = False
        self.segment = segment
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[Any] | None] = set()

    def start(self) -> None:
        """Start the task; called on the loop."""
        self._task = self.segment.loop.create_task(self._main(), context=self.segment.context)
        if self.is_dead:
            self._task.cancel()

    def kill(self) -> None:
        """Cancel the task."""
        super().kill()
        self.segment.loop.call_soon_threadsafe(self._cancel)

    def emission_failed(self, error: BaseException) -> None:
        """An output could not be sent."""
        self.fail(error, "process", self.stage.count - 1)

    def fail(self, error: BaseException, phase: str, index: int | None) -> None:
        """Record a failure of the node."""
        self.segment.fail(self, self.stage, error, phase, index)

    async def work(self) -> None:
        """Take all items and give all outputs."""
        raise NotImplementedError

    async def emit(self, item: Any) -> None:
        """Give one output."""
        if self.is_dead:
            return
        if self.stage.meter is not None:
            self.stage.meter.items_out += 1
        for put in self.emits:
            space = put(item)
            if space is not None:
                await space

    async def close_outputs(self, outputs: Any) -> None:
        """Close what the node gave; a cancel that comes meanwhile does not disturb it."""
        task = asyncio.current_task()
        self._closing.add(task)
        try:
            await _aclose(outputs)
        finally:
            self._closing.discard(task)

    def _cancel(self) -> None:
        if self._task is not None:
            self._cancel_task(self._task)

    def _cancel_task(self, task: asyncio.Task[Any]) -> None:
        if task not in self._closing:
            task.cancel()

    async def _main(self) -> None:
        try:
            await self.work()
        except asyncio.CancelledError as error:
            if not (self.is_dead or self.segment.is_cancelled):
                self.fail(error, "process", None)
        except BaseException as error:
            self.fail(error, "process", None)
        finally:
            self.is_finished = True
            self.inbox.close()
            for end in self.ends:
                end()
            self.segment.finished(self)


class AsyncNode(LoopUnit):
    """A node with an async ``process``."""

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the unit; the segment connects it."""
        super().__init__(segment, stage)
        self._lock = AsyncCallLock(stage.record, segment)
        self._turn_index = 0

    def emission_failed(self, error: BaseException) -> None:
        """An output could not be sent."""
        index = self.stage.count - 1 if self.stage.concurrency == 1 else self._turn_index
        self.fail(error, "process", index)

    async def work(self) -> None:
        """Take all items, flush."""
        await (self._work_on_one() if self.stage.concurrency == 1 else self._work_on_many())
        if self.stage.flush is not None and not self.is_dead and not self.segment.is_over:
            try:
                await self._deliver(self.stage, self.emit, self.stage.flush)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.is_dead:
                    raise
                self.fail(error, "flush", None)

    async def _work_on_one(self) -> None:
        stage = self.stage
        while (entry := await self._next_entry()) is not None:
            item, done = entry
            index = stage.count
            stage.count = index + 1
            try:
                await self._deliver(stage, self.emit, stage.process, item, index=index)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.is_dead:
                    raise
                self.fail(error, "process", index)
            if done is not None:
                done()
            if self.is_dead:
                return

    async def _work_on_many(self) -> None:
        """Run up to ``concurrency`` calls at once; outputs leave in the order of the items."""
        calls: asyncio.Queue[_Call | None] = asyncio.Queue()
        slots = asyncio.Semaphore(self.stage.concurrency)
        opened: set[asyncio.Task[Any]] = set()
        loop, context = self.segment.loop, self.segment.context

        async def take() -> None:
            stage = self.stage
            while True:
                await slots.acquire()
                entry = await self._next_entry()
                if entry is None:
                    break
                index = stage.count
                stage.count = index + 1
                call = _Call(self, index, entry[1])
                made = self._deliver(stage, call.give, stage.process, entry[0], index=index)
                call.task = loop.create_task(made, context=context)
                opened.add(call.task)
                call.task.add_done_callback(opened.discard)
                calls.put_nowait(call)
            calls.put_nowait(None)

        taker = loop.create_task(take(), context=context)
        opened.add(taker)
        try:
            while (call := await calls.get()) is not None and not self.is_dead:
                await self._finish(call)
                slots.release()
        finally:
            left = [task for task in opened if not task.done()]
            for task in left:
                self._cancel_task(task)
            await asyncio.gather(*left, return_exceptions=True)

    async def _finish(self, call: _Call) -> None:
        """Let a call emit, now that it is its turn, and wait until it has ended."""
        self._turn_index = call.index
        await call.take_turn()
        try:
            await call.result()
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.is_dead:
                raise
            self.fail(error, "process", call.index)
            return
        if call.done is not None:
            call.done()

    async def _next_entry(self) -> tuple[Any, Callable[[], None] | None] | None:
        meter = self.stage.meter
        if meter is not None:
            meter.max_queue_depth = max(meter.max_queue_depth, len(self.inbox.entries))
        return await self.inbox.get()

    @marks_node
    async def _deliver(
        self,
        stage: Stage,
        give: Callable[[Any], Awaitable[None]],
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
            kind = kind_of(type(output))
            if kind == AWAITABLE:
                output = await output
                kind = kind_of(type(output))
        finally:
            if is_locked:
                self._lock.release()
        spent = time.perf_counter_ns() - began
        if kind in (MANY, MANY_ASYNC):
            spent += await self._give_all(stage, give, output, kind)
        if stage.meter is not None and index >= 0 and Meter.is_sampled(index):
            stage.meter.add(spent)
        if kind not in (MANY, MANY_ASYNC) and output is not None:
            await give(output)

    async def _give_all(
        self, stage: Stage, give: Callable[[Any], Awaitable[None]], outputs: Any, kind: int
    ) -> int:
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
                        value = next_output(stage, outputs)
                    else:
                        value = await _next_async(stage, outputs)
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
    """One of several calls at once: until it is its turn, it keeps some outputs, and then waits."""

    task: asyncio.Task[None]

    def __init__(self, unit: AsyncNode, index: int, done: Callable[[], None] | None) -> None:
        """Belong to a node; ``done`` is called after the last output has left."""
        self.index = index
        self.done = done
        self._unit = unit
        self._kept: deque[Any] = deque()
        self._turn: asyncio.Future[None] = unit.segment.loop.create_future()

    async def give(self, value: Any) -> None:
        """Give one output."""
        if not self._turn.done():
            self._kept.append(value)
            if len(self._kept) >= LIMIT:
                await self._turn
            return
        await self._unit.emit(value)

    async def take_turn(self) -> None:
        """Emit what it has kept; from here on it emits by itself."""
        while self._kept:
            await self._unit.emit(self._kept.popleft())
        self._turn.set_result(None)

    async def result(self) -> None:
        """Wait until the call has ended, and raise what it raised; a cancel meanwhile leaves it alone."""
        await asyncio.wait([self.task])
        self.task.result()


class StreamNode(LoopUnit):
    """A streaming or async source node: one call for the whole run."""

    @marks_node
    async def work(self) -> None:
        """Call the node, emit what it gives; an end before that of the input ends what feeds it."""
        stage = self.stage
        phase = "source" if stage.traits.is_source else "stream"
        stream = InputStream(self)
        outputs: Any = None
        try:
            outputs = stage.process() if stage.traits.is_source else stage.process(stream)
            if kind_of(type(outputs)) == AWAITABLE:
                outputs = await outputs
            if stage.thread is not None:
                await self._emit_from_thread(stage, stage.thread, outputs, stream)
            else:
                await self._emit_all(stage, outputs)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.is_dead:
                raise
            self.fail(error, phase, None)
            return
        finally:
            if stage.thread is None:
                await self.close_outputs(outputs)
        if not stream.is_ended:
            close_upstream(self)
            stream.finish()

    async def _emit_from_thread(
        self, stage: Stage, thread: NodeThread, outputs: Any, stream: InputStream
    ) -> None:
        """Emit what a plain generator gives, which blocks in a thread of its own."""
        step: asyncio.Future[Any] | None = None
        try:
            while not self.is_dead:
                step = asyncio.wrap_future(thread.submit(next_output, stage, outputs))
                value = await asyncio.shield(step)
                if value is EXHAUSTED:
                    return
                if value is not None:
                    await self.emit(value)
        finally:
            stream.interrupt()
            if step is not None and not step.done():
                await asyncio.wait([step])
                step.exception()
            await asyncio.shield(asyncio.wrap_future(thread.submit(close_outputs, stage, outputs)))

    @marks_node
    async def _emit_all(self, stage: Stage, outputs: Any) -> None:
        if hasattr(outputs, "__aiter__"):
            async for value in outputs:
                if value is not None:
                    await self.emit(value)
                if self.is_dead:
                    return
        elif hasattr(outputs, "__next__") or (stage.traits.is_source and isinstance(outputs, _MANY)):
            for value in outputs:
                if value is not None:
                    await self.emit(value)
                # A plain generator on the loop gives others a turn after each output.
                await asyncio.sleep(0)
                if self.is_dead:
                    return
        elif outputs is not None:
            await self.emit(outputs)


_MANY: tuple[type, ...] = (list, tuple, set)


class InputStream(AsyncIterator[Any]):
    """The input of a streaming node, as it sees it."""

    def __init__(self, unit: LoopUnit) -> None:
        """Read the unit's queue."""
        self.is_ended = False
        self._waiting: Future[Any] | None = None
        self._is_interrupted = False
        self._unit = unit
        self._done: Callable[[], None] | None = None

    def __iter__(self) -> InputStream:
        return self

    def __next__(self) -> Any:
        """The next item, for a plain generator in a thread of its own."""
        self._waiting = asyncio.run_coroutine_threadsafe(self._next_or_exhausted(), self._unit.segment.loop)
        if self._is_interrupted:
            self._waiting.cancel()
        item = self._waiting.result()
        if item is EXHAUSTED:
            raise StopIteration
        return item

    def interrupt(self) -> None:
        """Wake a thread that waits for an item: the run is over."""
        self._is_interrupted = True
        if self._waiting is not None:
            self._waiting.cancel()

    def finish(self) -> None:
        """The item given last counts as done."""
        if self._done is not None:
            self._done()
            self._done = None

    async def _next_or_exhausted(self) -> Any:
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            return EXHAUSTED

    async def __anext__(self) -> Any:
        """The next item; the one before counts as done."""
        self.finish()
        entry = None if self.is_ended else await self._unit.inbox.get()
        if entry is None:
            self.is_ended = True
            raise StopAsyncIteration
        self._unit.stage.count += 1
        self._done = entry[1]
        return entry[0]


@marks_node
async def _next_async(stage: Stage, outputs: Any) -> Any:
    """The next output of an async generator or iterator, or ``EXHAUSTED``."""
    try:
        return await outputs.__anext__()
    except StopAsyncIteration:
        return EXHAUSTED


async def _aclose(outputs: Any) -> None:
    close = getattr(outputs, "aclose", None)
    if callable(close):
        await close()  # pyright: ignore[reportGeneralTypeIssues]
    else:
        _close(outputs)


def _close(outputs: Any) -> None:
    close = getattr(outputs, "close", None)
    if callable(close) and hasattr(outputs, "__next__"):
        close()
