# pyright: strict
"""What a user who has pyright check strictly may write."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import remotemedia
from remotemedia import Node, Pipeline, execute_pipeline, execute_pipeline_with_input
from remotemedia.nodes import CalculatorNode, PassThroughNode


class Scale(Node):
    """A node with a constructor, a life cycle and types of its own."""

    def __init__(self, factor: float, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.factor = factor
        self.seen = 0

    def initialize(self) -> None:
        super().initialize()
        self.seen = 0

    def process(self, data: float) -> float:
        self.seen += 1
        return data * self.factor

    def cleanup(self) -> None:
        super().cleanup()


class Words(Node):
    """A generator, whose parameter has a name of its own."""

    def process(self, text: str) -> Iterator[str]:
        yield from text.split()


class Later(Node):
    """An async node, with an async life cycle."""

    async def initialize(self) -> None:
        await asyncio.sleep(0)

    async def cleanup(self) -> None:
        await asyncio.sleep(0)

    async def process(self, data: object) -> object:
        await asyncio.sleep(0)
        return data


async def numbers() -> AsyncIterator[float]:
    yield 1
    yield 2


async def main() -> None:
    scale = Scale(2.0, name="scale")
    assert_type(scale, Scale)
    assert_type(scale.factor, float)
    results: list[float] = await execute_pipeline_with_input([scale, PassThroughNode(name="pass")], [1, 2])
    one: Any = await execute_pipeline([CalculatorNode(name="add", operation="add", operand=1)])
    pipeline = Pipeline("strict").add_node(Scale(3.0)).add_node(Later())
    assert_type(pipeline, Pipeline)
    async with pipeline.managed_execution():
        tripled: list[Any] = [item async for item in pipeline.process(numbers())]
    words: Any = await Pipeline([Words()]).run("a b")
    version: str = remotemedia.__version__
    is_there: bool = remotemedia.is_rust_runtime_available()
    print(results, one, tripled, words, bool(version), is_there, scale.seen)


if __name__ == "__main__":
    asyncio.run(main())
