"""Streaming nodes, and sources on the event loop: one call for the whole run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any

from remotemedia.runner.chain import EXHAUSTED, close_outputs, next_output
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.node_thread import NodeThread
from remotemedia.runner.outputs import AWAITABLE, kind_of
from remotemedia.runner.stage import Stage, marks_node
from remotemedia.runner.unit import close_upstream


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
            if kind_of(outputs) == AWAITABLE:
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
        self._unit.stage.entered += 1
        self._done = entry[1]
        return entry[0]
