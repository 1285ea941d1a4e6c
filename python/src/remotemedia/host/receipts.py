"""Nodes whose host may be started again: they tell of which items all outputs have gone out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from remotemedia.runner.outputs import AWAITABLE, MANY, MANY_ASYNC, Traits, kind_of


class ReceiptedNode:
    """A node that does what another one does, with numbered items and outputs in lists.

    An item comes as ``[number, item]``. Its only output goes as ``[output, number]``; of several each goes as
    ``[output]``, and the number alone follows, as it does where there is none.
    """

    def __init__(self, node: Any) -> None:
        """Wrap a node.

        Args:
            node: has ``process``, and is neither a streaming nor a source node.
        """
        self._node = node
        traits = Traits(node)
        self.process = _process(node, traits)
        if traits.has_flush:
            self.flush = _flush(node, traits)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the node has."""
        return getattr(self._node, name)


def _process(node: Any, traits: Traits) -> Callable[..., Any]:
    """``process`` of the same kind, with a context where the node takes one."""
    call = node.process
    if traits.is_async:

        async def wait(numbered: list[Any]) -> Any:
            return await _settled(call(numbered[1]), numbered[0])

        async def wait_with_context(numbered: list[Any], ctx: Any) -> Any:
            return await _settled(call(numbered[1], ctx=ctx), numbered[0])

        return wait_with_context if traits.takes_context else wait

    def run(numbered: list[Any]) -> Any:
        return _receipted(call(numbered[1]), numbered[0])

    def run_with_context(numbered: list[Any], ctx: Any) -> Any:
        return _receipted(call(numbered[1], ctx=ctx), numbered[0])

    return run_with_context if traits.takes_context else run


def _flush(node: Any, traits: Traits) -> Callable[[], Any]:
    """``flush`` of the same kind; what it gives belongs to no item."""
    if not traits.is_async:
        return lambda: _receipted(node.flush(), None)

    async def flush() -> Any:
        return await _settled(node.flush(), None)

    return flush


async def _settled(output: Any, number: int | None) -> Any:
    if kind_of(output) == AWAITABLE:
        output = await output
    return _receipted(output, number)


def _receipted(output: Any, number: int | None) -> Any:
    kind = kind_of(output)
    if kind == AWAITABLE:
        return _awaited(output, number)
    if kind == MANY:
        return _all(output, number)
    if kind == MANY_ASYNC:
        return _all_async(output, number)
    if output is None:
        return number
    return [output] if number is None else [output, number]


async def _awaited(output: Awaitable[Any], number: int | None) -> Any:
    return _receipted(await output, number)


def _all(outputs: Iterator[Any], number: int | None) -> Iterator[Any]:
    try:
        for output in outputs:
            if output is not None:
                yield [output]
    finally:
        close = getattr(outputs, "close", None)
        if close is not None:
            close()
    if number is not None:
        yield number


async def _all_async(outputs: Any, number: int | None) -> AsyncIterator[Any]:
    try:
        async for output in outputs:
            if output is not None:
                yield [output]
    finally:
        close = getattr(outputs, "aclose", None)
        if close is not None:
            await close()
    if number is not None:
        yield number
