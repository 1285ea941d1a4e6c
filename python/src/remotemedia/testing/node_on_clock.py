"""Sync nodes under a virtual clock: their calls are made in a thread of which the clock knows."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Final

from remotemedia.core.validation import name_of
from remotemedia.runner.node_thread import NodeThread
from remotemedia.runner.outputs import AWAITABLE, MANY, MANY_ASYNC, Traits, kind_of
from remotemedia.testing.clock import SLEEPERS, VirtualLoop

_END: Final = object()


class ClockedThread:
    """The thread of one node: no time passes while it works, but while it sleeps or waits for the loop."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        """Prepare; the thread starts with the first call."""
        self._loop = loop
        self._thread = NodeThread(f"remotemedia-{name}")
        self._sleeping: set[threading.Event] = set()

    async def call(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call something in the thread. A cancel meanwhile counts once the call has returned."""
        context = contextvars.copy_context()
        over = self._loop.create_future()

        def work() -> Any:
            SLEEPERS.sleeper = self
            return function(*args, **named)

        def finish() -> None:
            self._loop.at_work -= 1
            over.set_result(None)

        self._loop.at_work += 1
        job = self._thread.submit(context.run, work)
        job.add_done_callback(lambda _job: self._loop.call_soon_threadsafe(finish))
        cancelled: asyncio.CancelledError | None = None
        while not over.done():
            try:
                await asyncio.shield(over)
            except asyncio.CancelledError as error:
                cancelled = error
        # What the node has said of its item, such as that it survives, holds here as well.
        for variable, value in context.items():
            if variable.get(_END) is not value:
                variable.set(value)
        if cancelled is not None:
            raise cancelled
        return job.result()

    def sleep(self, seconds: float) -> None:
        """Wait in the thread until so much time has passed."""
        woken = threading.Event()
        self._sleeping.add(woken)
        self._loop.call_soon_threadsafe(self._park, seconds, woken)
        woken.wait()
        self._sleeping.discard(woken)

    def wait_for(self, make: Callable[[], Awaitable[Any]]) -> Any:
        """Wait in the thread for something on the loop."""
        woken = threading.Event()
        tasks: list[asyncio.Future[Any]] = []

        def start() -> None:
            self._loop.at_work -= 1
            tasks.append(asyncio.ensure_future(make()))
            tasks[0].add_done_callback(lambda _task: self._wake(woken))

        self._loop.call_soon_threadsafe(start, context=contextvars.copy_context())
        woken.wait()
        return tasks[0].result()

    def close(self) -> None:
        """Let the thread end, also where it sleeps."""
        for woken in list(self._sleeping):
            woken.set()
        self._thread.end()

    def _park(self, seconds: float, woken: threading.Event) -> None:
        self._loop.at_work -= 1
        self._loop.call_later(seconds, self._wake, woken)

    def _wake(self, woken: threading.Event) -> None:
        self._loop.at_work += 1
        woken.set()


class NodeOnClock:
    """An async node that makes the calls of a sync one in the thread of the clock.

    Attributes:
        node: the sync node.
        name: that of the node, or of its class.
    """

    def __init__(self, node: Any, thread: ClockedThread) -> None:
        """Stand for the node."""
        traits = Traits(node)
        self.node = node
        self.name = name_of(node)
        self._thread = thread
        self._takes_context = traits.takes_context
        if traits.is_source:
            self.process: Callable[..., Any] = self._source
        else:
            self.process = self._stream if traits.is_streaming else self._process
        if traits.has_flush:
            self.flush = self._flush

    def __getattr__(self, name: str) -> Any:
        """What the node says of itself."""
        if name == "node":
            raise AttributeError(name)
        return getattr(self.node, name)

    async def initialize(self) -> None:
        """Initialize the node."""
        await self._settled(self.node.initialize)

    async def cleanup(self) -> None:
        """Clean the node up."""
        if callable(getattr(self.node, "cleanup", None)):
            await self._settled(self.node.cleanup)

    async def _process(self, item: Any, ctx: Any) -> Any:
        return self._as_given(await self._settled(self.node.process, item, **self._context(ctx)))

    async def _flush(self) -> Any:
        return self._as_given(await self._settled(self.node.flush))

    async def _source(self, ctx: Any) -> AsyncGenerator[Any, None]:
        given: Any = await self._settled(self.node.process, **self._context(ctx))
        # A source may also give all of its items at once.
        is_batch = type(given) in (list, tuple, set)
        async for value in self._each(iter(given) if is_batch else given):
            yield value

    async def _stream(self, stream: AsyncIterator[Any], ctx: Any) -> AsyncGenerator[Any, None]:
        items = _Items(stream, self._thread)
        given = await self._settled(self.node.process, items, **self._context(ctx))
        async for value in self._each(given):
            yield value

    def _context(self, ctx: Any) -> dict[str, Any]:
        return {"ctx": ctx} if self._takes_context else {}

    async def _settled(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        result = await self._thread.call(function, *args, **named)
        return await result if kind_of(result) == AWAITABLE else result

    def _as_given(self, result: Any) -> Any:
        """What a plain generator gives is made in the thread as well."""
        return self._each(result) if kind_of(result) == MANY else result

    async def _each(self, given: Any) -> AsyncGenerator[Any, None]:
        kind = kind_of(given)
        if kind == MANY_ASYNC:
            async for value in given:
                yield value
        elif kind != MANY:
            yield given
        else:
            try:
                while (value := await self._thread.call(next, given, _END)) is not _END:
                    yield value
            finally:
                close = getattr(given, "close", None)
                if callable(close):
                    await self._thread.call(close)


class _Items:
    """The input of a streaming node: with ``for`` in its thread, with ``async for`` on the loop."""

    def __init__(self, stream: AsyncIterator[Any], thread: ClockedThread) -> None:
        self._stream = stream
        self._thread = thread

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> Any:
        item = self._thread.wait_for(self._next)
        if item is _END:
            raise StopIteration
        return item

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._stream

    async def _next(self) -> Any:
        return await anext(self._stream, _END)
