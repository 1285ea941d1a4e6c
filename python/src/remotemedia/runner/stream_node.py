"""Streaming nodes, and sources on the event loop: one call for the whole run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from remotemedia.runner.chain import close_outputs
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.node_thread import NodeThread
from remotemedia.runner.open_outputs import OpenOutputs
from remotemedia.runner.outputs import AWAITABLE, MANY, kind_of
from remotemedia.runner.stage import Stage, marks_node
from remotemedia.runner.stream_input import InputStream
from remotemedia.runner.tags import TAG, Tagged, new_tag
from remotemedia.runner.thread_outputs import ThreadOutputs
from remotemedia.runner.unit import close_upstream


class StreamNode(LoopUnit):
    """A streaming or async source node: one call for the whole run.

    A streaming node with a sync ``process`` is called in a thread of its own, which also iterates what it
    gives if that is a plain generator or iterator. All else runs on the loop.
    """

    _is_passing = False
    _waiting: asyncio.Future[None] | None = None

    @marks_node
    async def work(self) -> None:
        """Call the node, emit what it gives; an end before that of the input ends what feeds it."""
        stage = self.stage
        if stage.traits.is_source and self.segment.plan.row is not None:
            await self._give_source(stage)
            return
        stream = InputStream(self)
        try:
            call = stage.process if stage.traits.is_source else partial(stage.process, stream)
            if stage.thread is None:
                outputs = call()
            else:
                outputs = await self._emit_from_thread(stage, stage.thread, call, stream)
            if kind_of(outputs) == AWAITABLE:
                outputs = await outputs
            if stage.thread is not None and _is_many(stage, outputs):
                outputs = await self._emit_from_thread(stage, stage.thread, lambda: outputs, stream)
            await self._emit_all(stage, outputs)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.is_dead:
                # It may have been done with its last item.
                self.segment.lose(self.id, stream.tag, "unknown")
                raise
            self.segment.lose(self.id, stream.tag, "failed")
            self.fail(error, "source" if stage.traits.is_source else "stream", None)
            return
        finally:
            stream.interrupt()
        if not stream.is_ended:
            close_upstream(self)
            stream.finish()

    def pass_on(self, *, is_kept: bool) -> None:
        """A source of a session that is changed gives nothing more; called from any thread."""
        if not is_kept:
            self.kill()
            return
        self._is_passing = True
        # A loop that has ended has nothing that waits.
        with contextlib.suppress(RuntimeError):
            self.segment.loop.call_soon_threadsafe(self._stop_waiting)

    @marks_node
    async def _give_source(self, stage: Stage) -> None:
        """Give what a source gives, until the session is changed; the next run goes on with it then."""
        opened: OpenOutputs | None = None
        try:
            legacy = self.segment.succession.inherit(stage.id)
            opened = legacy if isinstance(legacy, OpenOutputs) else None
            if opened is None and not self._is_passing:
                opened = await self._open_source(stage)
            while opened is not None and not (self.is_dead or self._is_passing):
                if not await self._wait_for(opened.ready(self._context)):
                    continue
                self._begin_output(stage)
                value = opened.take()
                space = None if value is None else self.emit(value)
                if space is not None:
                    await space
                # Others get a turn after each output.
                await asyncio.sleep(0)
        except StopAsyncIteration:
            opened = None
        except BaseException as error:
            if not (isinstance(error, asyncio.CancelledError) and self.is_dead):
                self.fail(error, "source", None)
        if opened is None:
            return
        if self.segment.succession.is_kept(stage.id) and not self.is_dead:
            self.segment.succession.leave(stage.id, opened)
        else:
            await self.undisturbed(opened.close())

    async def _open_source(self, stage: Stage) -> OpenOutputs:
        outputs = stage.process()
        if kind_of(outputs) == AWAITABLE:
            outputs = await outputs
        is_iterated = hasattr(outputs, "__aiter__") or _is_many(stage, outputs)
        return OpenOutputs(stage, outputs if is_iterated else (outputs,), self.segment.loop)

    async def _wait_for(self, ready: asyncio.Future[Any]) -> bool:
        """Wait for an output, unless the session is changed before; whether it is there."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self._is_passing:
            return ready.done()
        await asyncio.wait((ready, self._waiting), return_when=asyncio.FIRST_COMPLETED)
        return ready.done()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            set_done(self._waiting)

    async def _emit_from_thread(
        self, stage: Stage, thread: NodeThread, call: Callable[[], Any], stream: InputStream
    ) -> Any:
        """Call something in the node's thread and emit what it gives; what is left for the loop to emit."""
        given = ThreadOutputs(self.segment.loop)
        stream.outputs = given
        if self.segment.is_tagged:
            # In the thread that reads ``TAG`` is that of the item, with what the node has changed of it.
            given.tag_of = lambda: (stream.tag and TAG.get()) or stream.tag or new_tag()
        job = thread.submit(_give_all, stage, call, given)
        job.add_done_callback(lambda _: given.end())
        try:
            await self._emit_given(given)
        except BaseException:
            given.close()
            for value in given.take():
                if isinstance(value, Tagged):
                    self.segment.lose(self.id, value.tag)
            stream.interrupt()
            await self.undisturbed(_abandon(job))
            raise
        return await asyncio.wrap_future(job)

    async def _emit_given(self, given: ThreadOutputs) -> None:
        while await given.wait():
            self.progress += 1
            for value in given.take():
                if isinstance(value, Tagged) and (self.is_dead or self.segment.is_stale(value.tag)):
                    self.segment.lose(self.id, value.tag)
                    if not self.is_dead:
                        continue
                if self.is_dead:
                    raise asyncio.CancelledError
                if isinstance(value, Tagged):
                    TAG.set(value.tag)
                    value = value.item
                space = self.emit(value)
                if space is not None:
                    await space

    @marks_node
    async def _emit_all(self, stage: Stage, outputs: Any) -> None:
        """Emit what the node has given, on the loop."""
        if hasattr(outputs, "__aiter__"):
            try:
                async for value in outputs:
                    self._begin_output(stage)
                    if value is not None:
                        space = self.emit(value)
                        if space is not None:
                            await space
                    if self.is_dead:
                        return
            finally:
                await self.close_outputs(outputs)
        elif _is_many(stage, outputs):
            try:
                for value in outputs:
                    self._begin_output(stage)
                    if value is not None:
                        space = self.emit(value)
                        if space is not None:
                            await space
                    # A plain generator on the loop gives others a turn after each output.
                    await asyncio.sleep(0)
                    if self.is_dead:
                        return
            finally:
                await self.close_outputs(outputs)
        elif outputs is not None:
            self._begin_output(stage)
            space = self.emit(outputs)
            if space is not None:
                await space

    def _begin_output(self, stage: Stage) -> None:
        """What a source gives begins there."""
        if stage.traits.is_source and self.segment.is_tagged:
            TAG.set(new_tag())


_MANY: tuple[type, ...] = (list, tuple, set)


def _is_many(stage: Stage, outputs: Any) -> bool:
    return kind_of(outputs) == MANY or (stage.traits.is_source and isinstance(outputs, _MANY))


@marks_node
def _give_all(stage: Stage, call: Callable[[], Any], given: ThreadOutputs) -> Any:
    """Call something in the node's thread; give what an iterator gives, and give back anything else."""
    try:
        outputs = call()
    except StopIteration as error:
        # What Python makes of it in a generator: no future takes a StopIteration.
        raise RuntimeError("process raised StopIteration") from error
    if not _is_many(stage, outputs):
        return outputs
    give = given.give
    iterator: Iterator[Any] = iter(outputs)
    try:
        for value in iterator:
            if value is not None and not give(value):
                break
    finally:
        close_outputs(stage, iterator)
    return None


async def _abandon(job: Future[Any]) -> None:
    """Wait until a call in the node's thread has ended, whose outputs nobody wants.

    Raises:
        BaseException: what it raised, unless that is what has made it end.
    """
    await asyncio.wait([asyncio.wrap_future(job)])
    error = job.exception()
    if error is None:
        # An async generator that has not begun needs no close; a coroutine warns without one.
        close = getattr(job.result(), "close", None)
        if kind_of(job.result()) == AWAITABLE and callable(close):
            close()
    elif not isinstance(error, asyncio.CancelledError):
        raise error
