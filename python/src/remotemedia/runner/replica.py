"""One of several copies of a node: its items come with numbers, and what it gives says whose it is."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any, Final

from remotemedia.runner.outputs import AWAITABLE, MANY, MANY_ASYNC, Traits, kind_of
from remotemedia.wire.failures import Failure

NO_TICKET: Final = -1
"""The number of what belongs to no item."""

Message = list[Any]
"""``[ticket, kind]`` or ``[ticket, kind, value]``, see ``schema/wire.md``."""


class Replica:
    """Stands in a segment for a node that is one of several copies."""

    def __init__(self, node: Any, describe: Callable[[BaseException], Failure]) -> None:
        """Stand for ``node``; ``describe`` says of an exception what crosses."""
        traits = Traits(node)
        self._node = node
        self._describe = describe
        self._takes_context = traits.takes_context
        self.run_on = traits.run_on
        # As the node's own: where its code runs is found out by looking at these.
        self.process: Any = self._process_async if traits.is_async else self._process
        for method in ("initialize", "cleanup"):
            if callable(getattr(node, method, None)):
                setattr(self, method, getattr(node, method))
        if traits.has_flush:
            self.flush = self._flush_async if _is_async(node.flush) else self._flush

    def _process(self, numbered: list[Any], ctx: Any) -> Any:
        ticket: int = numbered[0]
        calls: list[Message] = []
        try:
            result = self._call(numbered, ctx, calls)
        except Exception as error:
            return _in_order(calls, self._failed(ticket, error))
        kind = kind_of(result)
        if kind == AWAITABLE:
            return self._awaited(ticket, result, calls)
        if kind == MANY:
            return self._drained(ticket, result, calls)
        if kind == MANY_ASYNC:
            return self._drained_async(ticket, result, calls)
        return _in_order(calls, _last(ticket, result))

    async def _process_async(self, numbered: list[Any], ctx: Any) -> AsyncGenerator[Message]:
        ticket: int = numbered[0]
        calls: list[Message] = []
        try:
            result = self._call(numbered, ctx, calls)
            if kind_of(result) == AWAITABLE:
                result = await result
        except Exception as error:
            result = self._failed(ticket, error)
            for message in [*calls, result]:
                yield message
            return
        kind = kind_of(result)
        if kind == MANY:
            for message in self._drained(ticket, result, calls):
                yield message
        elif kind == MANY_ASYNC:
            async for message in self._drained_async(ticket, result, calls):
                yield message
        else:
            for message in [*calls, _last(ticket, result)]:
                yield message

    def _call(self, numbered: list[Any], ctx: Any, calls: list[Message]) -> Any:
        ticket, item, *times = numbered
        if not self._takes_context:
            return self._node.process(item)
        timestamp_us = times[0] if times else None
        return self._node.process(item, ctx=ReplicaContext(ticket, timestamp_us, ctx, calls))

    async def _awaited(self, ticket: int, result: Any, calls: list[Message]) -> Any:
        try:
            value = await result
        except Exception as error:
            return _in_order(calls, self._failed(ticket, error))
        kind = kind_of(value)
        if kind == MANY:
            return self._drained(ticket, value, calls)
        if kind == MANY_ASYNC:
            return self._drained_async(ticket, value, calls)
        return _in_order(calls, _last(ticket, value))

    def _drained(self, ticket: int, outputs: Any, calls: list[Message]) -> Generator[Message]:
        try:
            for value in outputs:
                yield from _taken(calls)
                if value is not None:
                    yield [ticket, "output", value]
            yield from _taken(calls)
            yield [ticket, "done"]
        except Exception as error:
            yield self._failed(ticket, error)
        finally:
            close = getattr(outputs, "close", None)
            if callable(close):
                close()

    async def _drained_async(
        self, ticket: int, outputs: Any, calls: list[Message]
    ) -> AsyncGenerator[Message]:
        try:
            async for value in outputs:
                for message in _taken(calls):
                    yield message
                if value is not None:
                    yield [ticket, "output", value]
            for message in _taken(calls):
                yield message
            yield [ticket, "done"]
        except Exception as error:
            yield self._failed(ticket, error)
        finally:
            close = getattr(outputs, "aclose", None)
            if callable(close):
                await _awaitable(close)

    def _failed(self, ticket: int, error: Exception) -> Message:
        return [ticket, "failed", self._describe(error)]

    # What a flush fails with is the failure of the segment.

    def _flush(self) -> Any:
        result = self._node.flush()
        return self._flushed_async(result) if kind_of(result) in (AWAITABLE, MANY_ASYNC) else _flushed(result)

    async def _flush_async(self) -> AsyncGenerator[Message]:
        async for message in self._flushed_async(self._node.flush()):
            yield message

    async def _flushed_async(self, result: Any) -> AsyncGenerator[Message]:
        if kind_of(result) == AWAITABLE:
            result = await result
        if kind_of(result) == MANY_ASYNC:
            async for value in result:
                if value is not None:
                    yield [NO_TICKET, "output", value]
            return
        for message in _flushed(result):
            yield message


class ReplicaContext:
    """The argument ``ctx`` of a node in a replica: what it says of its item goes to the session."""

    def __init__(self, ticket: int, timestamp_us: float | None, context: Any, calls: list[Message]) -> None:
        """Note in ``calls`` what is said of the item with this number; all else is as in ``context``."""
        self._ticket = ticket
        self._timestamp_us = timestamp_us
        self._context = context
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def interrupt(self) -> None:
        """Interrupt the session."""
        self._calls.append([self._ticket, "interrupt"])

    def survive(self) -> None:
        """Let the item survive interruptions."""
        self._calls.append([self._ticket, "survive"])

    @property
    def timestamp_us(self) -> float | None:
        """When the item of this call is to be shown or heard, in µs; or None."""
        return self._timestamp_us

    @timestamp_us.setter
    def timestamp_us(self, timestamp_us: float | None) -> None:
        self._timestamp_us = timestamp_us
        self._calls.append([self._ticket, "timestamp", timestamp_us])


def _last(ticket: int, value: Any) -> Message:
    return [ticket, "done"] if value is None else [ticket, "last", value]


def _in_order(calls: list[Message], message: Message) -> Any:
    """What the node has said before it gave this goes before it."""
    return iter([*calls, message]) if calls else message


def _taken(calls: list[Message]) -> Iterator[Message]:
    while calls:
        yield calls.pop(0)


def _flushed(result: Any) -> Iterator[Message]:
    values = result if kind_of(result) == MANY else (result,)
    for value in values:
        if value is not None:
            yield [NO_TICKET, "output", value]


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


async def _awaitable(close: Callable[[], Any]) -> None:
    await close()
