"""Nodes that something goes wrong with."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, NoReturn, Required, TypedDict

from remotemedia.core.exceptions import InvalidArgumentError, InvalidNodeError
from remotemedia.core.validation import name_of, node_problem
from remotemedia.runner.outputs import AWAITABLE, MANY_ASYNC, Traits, kind_of


class Fault(TypedDict, total=False):
    """Something that goes wrong at an item of a node.

    ``at`` is which call of ``process`` goes wrong, counted from 0 over all runs of the node: with one run,
    the position of the item in the node's input. Of a streaming node it is the item that it reads, of a
    source the one that it gives. ``delay_ms`` is how long the item waits before the node gets it, ``error``
    what is raised in place of the call, and ``crash`` ends the process in which the node runs, at once.
    """

    at: Required[int]
    delay_ms: float
    error: BaseException
    crash: bool


def faulty(node: Any, *faults: Fault) -> FaultyNode:
    """A node that does what the given one does, except at chosen items: there it is late, raises or crashes.

    Errors name it as they would name the node, and it runs where the node would.

    Args:
        node: any node; it is used as it is.
        *faults: what goes wrong, each a dict as ``Fault`` describes it.

    Raises:
        InvalidNodeError: it is no node.
        InvalidArgumentError: a fault is none.

    Example:
        >>> from remotemedia import Node
        >>> from remotemedia.testing import every, run_script
        >>> class Upper(Node):
        ...     def process(self, text):
        ...         return text.upper()
        >>> node = faulty(Upper(), {"at": 1, "error": OSError("no microphone")})
        >>> result = run_script(node, every(20, ["a", "b"]), return_failure=True)
        >>> result.values, result.failure
        (['A'], OSError('no microphone'))
    """
    problem = node_problem(node)
    if problem is not None:
        raise InvalidNodeError(f"faulty takes a node instance, got {problem}.")
    for fault in faults:
        _check(fault)
    return FaultyNode(node, faults)


class FaultyNode:
    """A node that something goes wrong with; ``faulty`` makes it.

    Attributes:
        node: the node that does the work.
        faults: what goes wrong.
        calls: how many calls there have been; a copy in another process counts for itself.
        name: that of the node, or of its class.
    """

    def __init__(self, node: Any, faults: tuple[Fault, ...]) -> None:
        """Stand for the node."""
        self.node = node
        self.faults = faults
        self.calls = 0
        self.name = name_of(node)
        # Where it must not crash.
        self._home = os.getpid()

    @property
    def process(self) -> Callable[..., Any]:
        """What is called for an item, or, of a streaming node or a source, for the run."""
        traits = Traits(self.node)
        if traits.is_source:
            return self._source_async if traits.is_async else self._source
        if traits.is_streaming:
            return self._stream_async if traits.is_async else self._stream
        return self._process_async if traits.is_async else self._process

    def __getattr__(self, name: str) -> Any:
        """What the node says of itself; its ``initialize``, ``flush`` and ``cleanup``."""
        if name == "node":
            raise AttributeError(name)
        return getattr(self.node, name)

    def _process(self, item: Any, ctx: Any) -> Any:
        self._suffer(ctx)
        return self._call(ctx, item)

    async def _process_async(self, item: Any, ctx: Any) -> Any:
        await self._suffer_async(ctx)
        given = self._call(ctx, item)
        return await given if kind_of(given) == AWAITABLE else given

    def _stream(self, stream: Any, ctx: Any) -> Any:
        return self._call(ctx, _SufferingStream(self, stream, ctx))

    async def _stream_async(self, stream: Any, ctx: Any) -> AsyncGenerator[Any, None]:
        given = self._call(ctx, _SufferingStream(self, stream, ctx))
        async for item in _all(given):
            yield item

    def _source(self, ctx: Any) -> Generator[Any, None, None]:
        for item in self._call(ctx):
            self._suffer(ctx)
            yield item

    async def _source_async(self, ctx: Any) -> AsyncGenerator[Any, None]:
        async for item in _all(self._call(ctx)):
            await self._suffer_async(ctx)
            yield item

    def _call(self, ctx: Any, *item: Any) -> Any:
        node = self.node
        return node.process(*item, ctx=ctx) if Traits(node).takes_context else node.process(*item)

    def _suffer(self, ctx: Any) -> None:
        faults, delay_ms = self._due()
        if delay_ms > 0:
            time.sleep(delay_ms / 1_000)
        self._fail(faults, ctx)

    async def _suffer_async(self, ctx: Any) -> None:
        faults, delay_ms = self._due()
        if delay_ms > 0:
            await asyncio.sleep(delay_ms / 1_000)
        self._fail(faults, ctx)

    def _due(self) -> tuple[list[Fault], float]:
        """Count a call; what goes wrong in it, and how late it is."""
        index = self.calls
        self.calls += 1
        faults = [fault for fault in self.faults if fault["at"] == index]
        return faults, sum(fault.get("delay_ms", 0) for fault in faults)

    def _fail(self, faults: list[Fault], ctx: Any) -> None:
        for fault in faults:
            if fault.get("crash"):
                self._crash(ctx.node_id)
            if "error" in fault:
                raise fault["error"]

    def _crash(self, node_id: str) -> NoReturn:
        if os.getpid() == self._home:
            raise InvalidArgumentError(
                f'Node "{node_id}" is to crash and runs in the program itself, which would end with it. '
                'Give it executor="multiprocess".'
            )
        if hasattr(signal, "SIGKILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)


class _SufferingStream:
    """The input of a streaming node, in which something goes wrong."""

    def __init__(self, node: FaultyNode, stream: Any, ctx: Any) -> None:
        self._node = node
        self._stream = stream
        self._ctx = ctx

    def __iter__(self) -> _SufferingStream:
        return self

    def __next__(self) -> Any:
        item = next(self._stream)
        self._node._suffer(self._ctx)  # pyright: ignore[reportPrivateUsage]
        return item

    def __aiter__(self) -> _SufferingStream:
        return self

    async def __anext__(self) -> Any:
        item = await anext(self._stream)
        await self._node._suffer_async(self._ctx)  # pyright: ignore[reportPrivateUsage]
        return item


async def _all(given: Any) -> AsyncGenerator[Any, None]:
    """The outputs of a streaming node or a source."""
    if kind_of(given) == AWAITABLE:
        given = await given
    if kind_of(given) == MANY_ASYNC or hasattr(given, "__aiter__"):
        async for item in given:
            yield item
    elif given is not None:
        for item in given:
            yield item


def _check(fault: Fault) -> None:
    at: Any = fault.get("at")
    delay_ms: Any = fault.get("delay_ms", 0)
    problem: str | None = None
    if not isinstance(at, int) or isinstance(at, bool) or at < 0:
        problem = f"at must be the position of an item, from 0, got {at!r}"
    elif not isinstance(delay_ms, (int, float)) or not delay_ms >= 0:
        problem = f"delay_ms must be a number from 0, got {delay_ms!r}"
    elif delay_ms == 0 and not fault.get("crash") and "error" not in fault:
        problem = f"at item {at} nothing goes wrong: give error, delay_ms or crash"
    if problem is not None:
        raise InvalidArgumentError(f"A fault: {problem}.")
