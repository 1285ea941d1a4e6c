"""Several calls of a node at once whose outputs are given as they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from live import run
from remotemedia import DeadLetter, FailurePolicy, Node, Pipeline, execute_pipeline_with_input_sync
from remotemedia.core.settings import NodeSettings
from remotemedia.runner import MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from running import LOOP, complete


def test_outputs_come_as_they_are_ready() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        class Waiting(Node):
            concurrency = 2
            unordered = True

            async def process(self, item: Any) -> Any:
                if item == 0:
                    await gate.wait()
                return item

        async with Pipeline([Waiting()]).open() as session:
            for item in range(4):
                await session.write(item)
            outputs = [await anext(session) for _ in range(3)]
            assert outputs == [1, 2, 3]
            gate.set()
            assert await anext(session) == 0

    run(main)


def test_a_failure_ends_calls_that_would_never_end() -> None:
    class Uneven(Node):
        concurrency = 3
        unordered = True

        async def process(self, item: Any) -> Any:
            await asyncio.sleep(0)
            if item == 2:
                raise ZeroDivisionError
            await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError) as caught:
        execute_pipeline_with_input_sync([Uneven()], [0, 1, 2])
    assert caught.value.__notes__ == ['RemoteMedia: in process() of node "Uneven_0", item 2']


def test_an_output_that_cannot_be_sent_names_its_item() -> None:
    class Turning:
        async def process(self, item: Any) -> Any:
            for _ in range(3 - item):
                await asyncio.sleep(0)
            return item

    def take(item: Any) -> None:
        if item == 1:
            raise TypeError("cannot be sent")

    settings = NodeSettings(concurrency=3, unordered=True, failure_policy=FailurePolicy("skip"))
    plan = SegmentPlan(
        [Place("a", Turning(), settings)],
        [],
        [(MemoryInput([0, 1, 2]), ["a"])],
        [(MemoryOutput(take), "a")],
    )
    segment = Segment(plan, LOOP)
    letters = list[DeadLetter]()
    segment.on_dead_letter = letters.append
    complete(segment)
    assert [(failure.item_index, type(failure.error)) for failure in segment.failures] == [(1, TypeError)]
    assert letters == []
