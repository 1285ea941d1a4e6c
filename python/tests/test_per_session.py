"""Nodes of one session, nodes of all, and what each knows of its session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remotemedia import Node, NodeContext, Pipeline, execute_pipeline_with_input_sync, per_session
from remotemedia.core.exceptions import InvalidArgumentError, InvalidNodeError
from remotemedia.nodes import PassThroughNode

ENTRY = {"node_type": "typescript:PassThrough"}


class Counting(Node):
    """Counts its items, and how often it was initialized."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.count = 0
        self.initialized = 0

    def initialize(self) -> None:
        super().initialize()
        self.initialized += 1

    def process(self, data: Any) -> Any:
        self.count += 1
        return data, self.count


class Remembering(Node):
    """Keeps the items of each session apart."""

    def process(self, data: Any, ctx: NodeContext) -> Any:
        state = self.get_session_state()
        assert state is not None
        assert ctx.session_id == self.get_session_id() == state.session_id
        state.set("items", [*state.get("items", []), data])
        return list(state.get("items"))


class RememberingLater(Remembering):
    async def process(self, data: Any, ctx: NodeContext) -> Any:
        await asyncio.sleep(0)
        return super().process(data, ctx)


async def two_sessions(pipeline: Pipeline) -> tuple[list[Any], list[Any]]:
    """Three items each, in turns."""
    outputs: tuple[list[Any], list[Any]] = ([], [])
    async with pipeline.open(session_id="ann") as ann, pipeline.open(session_id="ben") as ben:
        for number in range(3):
            for session, given in zip((ann, ben), outputs, strict=True):
                await session.write(number)
                given.append(await anext(session))
    return outputs


@pytest.mark.parametrize("rest", [[], [ENTRY], [PassThroughNode(executor="multiprocess")]])
def test_each_session_has_a_node_of_its_own(rest: list[Any]) -> None:
    made: list[Counting] = []

    def make() -> Counting:
        made.append(Counting())
        return made[-1]

    ann, ben = asyncio.run(two_sessions(Pipeline([per_session(make), *rest])))
    assert ann == ben == [(0, 1), (1, 2), (2, 3)]
    assert [(node.count, node.initialized) for node in made] == [(3, 1), (3, 1)]


def test_each_run_has_one_as_well() -> None:
    pipeline = [per_session(Counting)]
    for _ in range(2):
        assert execute_pipeline_with_input_sync(pipeline, [5, 6]) == [(5, 1), (6, 2)]


def test_a_live_object_is_shared() -> None:
    node = Counting()
    ann, ben = asyncio.run(two_sessions(Pipeline([node])))
    assert sorted(count for _, count in ann + ben) == [1, 2, 3, 4, 5, 6]
    assert node.initialized == 1


@pytest.mark.parametrize("kind", [Remembering, RememberingLater])
@pytest.mark.parametrize("rest", [[], [ENTRY]])
def test_a_shared_node_keeps_the_state_of_each_session(kind: type[Node], rest: list[Any]) -> None:
    ann, ben = asyncio.run(two_sessions(Pipeline([kind(), *rest])))
    assert ann == ben == [[0], [0, 1], [0, 1, 2]]


def test_the_id_is_the_same_in_other_processes() -> None:
    class Telling(Node):
        def process(self, data: Any, ctx: NodeContext) -> Any:
            return ctx.session_id, data

    async def main() -> None:
        async with Pipeline([Telling(), Telling(executor="multiprocess")]).open() as session:
            await session.write(1)
            assert await anext(session) == (session.session_id, (session.session_id, 1))

    asyncio.run(main())


def test_a_run_has_no_session() -> None:
    class Telling(Node):
        def process(self, data: Any, ctx: NodeContext) -> Any:
            return [ctx.session_id, self.get_session_id(), self.get_session_state()]

    assert execute_pipeline_with_input_sync([Telling()], [1]) == [[None, None, None]]


@pytest.mark.parametrize("wrong", [None, 3, Counting()])
def test_what_makes_no_node_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="per_session takes what makes a node"):
        per_session(wrong)


def test_what_is_made_has_to_be_a_node() -> None:
    with pytest.raises(InvalidNodeError, match="item 1 is int"):
        execute_pipeline_with_input_sync([Counting(), per_session(lambda: 3)], [1])
