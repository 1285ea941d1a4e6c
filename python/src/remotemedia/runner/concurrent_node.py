"""Nodes with an async ``process`` that work on several items at once."""

from __future__ import annotations

import asyncio
import contextvars
from functools import partial
from typing import TYPE_CHECKING, Any

from remotemedia.runner.async_node import AsyncNode
from remotemedia.runner.call_in_turn import CallInTurn
from remotemedia.runner.stage import Stage
from remotemedia.runner.tags import TAG

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


class ConcurrentNode(AsyncNode):
    """A node with an async ``process`` and a ``concurrency`` above one: each call is a task of its own.

    Attributes:
        turn_index: for which item the call is whose outputs leave.
    """

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the unit; the segment connects it."""
        super().__init__(segment, stage)
        self._calls: set[CallInTurn] = set()
        self.turn_index = 0

    def emission_failed(self, error: BaseException) -> None:
        """An output could not be sent."""
        self.segment.lose(self.id, TAG.get(), "failed")
        self.fail(error, "process", self.turn_index)

    def calls(self) -> list[tuple[asyncio.Task[Any], int]]:
        """The tasks of its calls."""
        if not self._calls:
            return super().calls()
        return [(call.task, call.index) for call in self._calls]

    def _interrupt_calls(self) -> None:
        for call in self._calls:
            if self.segment.is_stale(call.tag) and not call.task.done():
                self.cancel_task(call.task)

    async def _take_all(self) -> None:
        """Run up to ``concurrency`` calls at once; outputs leave in the order of the items, if they shall."""
        calls: asyncio.Queue[CallInTurn | None] = asyncio.Queue()
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
            while True:
                await slots.acquire()
                entry = None if self.is_dead else await self._next_entry()
                if entry is None:
                    break
                index = self._count()
                call = CallInTurn(self, index, entry[1], TAG.get() if is_tagged else None)
                made = self._take_item(call.give, entry[0], index)
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
            for call in self._calls:
                if not call.is_through:
                    self.segment.lose(self.id, call.tag)
            await asyncio.gather(*left, return_exceptions=True)

    async def _finish(self, call: CallInTurn) -> None:
        """Let a call emit, now that it is its turn, and wait until it has ended."""
        try:
            if not call.has_turn.done():
                self.turn_index = call.index
                await call.take_turn()
            await call.result()
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.is_dead:
                if not call.is_through:
                    self.segment.lose(self.id, call.tag)
                raise
            if self._is_failure(call.tag):
                self.fail(error, "process", call.index)
                return
        finally:
            self._calls.discard(call)
        if call.done is not None:
            call.done()


def _put_late(calls: asyncio.Queue[CallInTurn | None], call: CallInTurn, _task: asyncio.Task[None]) -> None:
    calls.put_nowait(call)
