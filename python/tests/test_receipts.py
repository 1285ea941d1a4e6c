"""What a node tells of its items where its host may be started again."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from remotemedia.host.receipts import ReceiptedNode
from remotemedia.runner.outputs import Traits


class One:
    """Gives one output."""

    run_on = "caller"

    def process(self, item: Any) -> Any:
        return item

    def flush(self) -> Any:
        return "rest"


class Nothing:
    """Drops what it is given."""

    def process(self, _item: Any) -> None:
        return None


class Two:
    """Gives two outputs."""

    def process(self, item: Any) -> Iterator[Any]:
        yield item
        yield None
        yield item + 1


class Later:
    """Gives one output later."""

    async def process(self, item: Any, ctx: Any) -> Any:
        await asyncio.sleep(0)
        return [item, ctx]

    async def flush(self) -> Any:
        return "rest"


class TwoLater:
    """Gives two outputs later."""

    async def process(self, item: Any) -> AsyncIterator[Any]:
        yield item
        await asyncio.sleep(0)
        yield item + 1


class Promising:
    """Gives an awaitable, from a plain function."""

    def process(self, item: Any, *, ctx: Any) -> Any:
        return Later().process(item, ctx)


async def _given(result: Any) -> Any:
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, AsyncIterator):
        return [output async for output in result]
    return list(result) if isinstance(result, Iterator) else result


@pytest.mark.parametrize(
    ("make", "context", "expected"),
    [
        (One, {}, [7, 4]),
        (Nothing, {}, 4),
        (Two, {}, [[7], [8], 4]),
        (Later, {"ctx": "context"}, [[7, "context"], 4]),
        (TwoLater, {}, [[7], [8], 4]),
        (Promising, {"ctx": "context"}, [[7, "context"], 4]),
    ],
)
def test_the_number_of_an_item_follows_its_outputs(
    make: Callable[[], Any], context: dict[str, Any], expected: Any
) -> None:
    node = ReceiptedNode(make())
    assert asyncio.run(_given(node.process([4, 7], **context))) == expected


@pytest.mark.parametrize("make", [One, Later])
def test_what_flush_gives_has_no_number(make: Callable[[], Any]) -> None:
    assert asyncio.run(_given(ReceiptedNode(make()).flush())) == ["rest"]


@pytest.mark.parametrize("make", [One, Nothing, Two, Later, TwoLater, Promising])
def test_it_is_run_as_the_node_itself_is(make: Callable[[], Any]) -> None:
    own, receipted = Traits(make()), Traits(ReceiptedNode(make()))
    kept = ("is_async", "takes_context", "has_flush", "has_initialize", "run_on", "is_streaming")
    assert [getattr(receipted, name) for name in kept] == [getattr(own, name) for name in kept]


def test_a_generator_that_is_left_closes_the_one_of_the_node() -> None:
    closed: list[bool] = []

    class Open:
        """Notes that it was closed."""

        def process(self, item: Any) -> Iterator[Any]:
            try:
                yield item
                yield item
            finally:
                closed.append(True)

    outputs = ReceiptedNode(Open()).process([0, 1])
    assert next(outputs) == [1]
    outputs.close()
    assert closed == [True]
