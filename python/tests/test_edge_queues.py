"""Queues of single connections, beside that of the node which takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live import run
from remotemedia import Node, Pipeline, QueueLimits, execute_pipeline_with_input_sync, load_pipeline
from remotemedia.core.exceptions import ManifestError
from remotemedia.core.queue_settings import queue_of
from remotemedia.core.setting_checks import Check
from test_input_queues import KINDS, Held, HeldLater, Opened, Through, ThroughLater


class Only(Node):
    """Takes items of one type."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind = kind

    async def process(self, item: Any) -> Any:
        return item if isinstance(item, self.kind) else None


def manifest_of(held: Node, queue: Any, through: Node | None = None) -> dict[str, Any]:
    nodes = {
        "through": through or ThroughLater(),
        "numbers": Only(int),
        "texts": Only(str),
        "held": held,
    }
    return {
        "version": "v1",
        "nodes": [{"id": node_id, "instance": node} for node_id, node in nodes.items()],
        "connections": [
            {"from": "through", "to": "numbers"},
            {"from": "through", "to": "texts"},
            {"from": "numbers", "to": "held", "queue": queue},
            {"from": "texts", "to": "held"},
        ],
    }


def pipeline_of(manifest: dict[str, Any]) -> Pipeline:
    pipeline = Pipeline(name="edges", enable_metrics=True)
    pipeline.nodes = manifest["nodes"]
    pipeline.connections = [(edge["from"], edge["to"]) for edge in manifest["connections"]]
    limits = queue_of(manifest["connections"][2]["queue"], Check(""))
    pipeline.queues = {} if limits is None else {("numbers", "held"): limits}
    return pipeline


def with_session(held: Held, queue: Any, body: Callable[[Opened], Any]) -> Any:
    """What a test gives that gets a session whose last node is at work on the text ``a``; numbers come to it
    by an edge with a queue."""

    async def main() -> Any:
        through = ThroughLater()
        async with pipeline_of(manifest_of(held, queue, through)).open() as session:
            await session.write("a")
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            return await body(Opened(session, through, held))

    return run(main)


@pytest.mark.parametrize("kind", KINDS)
def test_drops_what_comes_by_it_alone_and_the_rest_keeps_its_order(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(1, "b", 2, 3, "c", 4, "d", 5)
        assert opened.dropped() == 4
        assert await opened.rest() == ["a", "b", "c", "d", 5]

    with_session(kind(), "latest", body)


@pytest.mark.parametrize("kind", KINDS)
def test_loses_nothing_where_it_blocks_and_all_else_is_dropped(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(1, "b", "c", 2, "d")
        assert await opened.rest() == ["a", 1, 2, "d"]
        assert opened.dropped() == 2

    with_session(kind("latest"), {"max_items": 3}, body)


@pytest.mark.parametrize("kind", KINDS)
def test_urgent_items_overtake_those_of_other_edges(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write("b", 1)
        await opened.write(2, urgent=True)
        await opened.write("c")
        assert await opened.rest() == ["a", 2, "b", 1, "c"]

    with_session(kind(), "latest", body)


@pytest.mark.parametrize("kind", KINDS)
def test_forgets_what_was_interrupted_and_makes_room(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(1, 2)
        opened.session.interrupt()
        await opened.write(3)
        # What was interrupted has to return before the next one begins.
        opened.held.let_go()
        assert await opened.rest() == [3]
        assert opened.dropped() == 0

    with_session(kind(), {"max_items": 2}, body)


@pytest.mark.parametrize("kind", [Held, HeldLater])
def test_stands_before_what_brings_inputs_together(kind: type[Held]) -> None:
    async def main() -> tuple[list[Any], int]:
        held, through = kind(), ThroughLater()
        held.fan_in = "latest"
        async with pipeline_of(manifest_of(held, "latest", through)).open() as session:
            opened = Opened(session, through, held)
            await opened.write("a", 1)
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            await opened.write(*range(2, 10))
            return await opened.rest(), opened.dropped()

    outputs, dropped = run(main)
    assert outputs[0] == [1, "a"]
    assert outputs[-1] == [9, "a"]
    # One is worked on, one waits as a list, and the newest waits to become one.
    assert len(outputs) == 3
    assert dropped == 6


def test_all_goes_through_queues_that_block_in_the_segments_thread() -> None:
    class Sync(Node):
        def process(self, item: Any) -> Any:
            return item

    nodes = {"a": Sync(), "b": Sync(), "c": Sync(), "d": Sync()}
    manifest = {
        "version": "v1",
        "nodes": [{"id": node_id, "instance": node} for node_id, node in nodes.items()],
        "connections": [
            {"from": "a", "to": "b"},
            {"from": "a", "to": "c"},
            {"from": "b", "to": "d", "queue": {"max_items": 1}},
            {"from": "c", "to": "d", "queue": {"max_items": 2}},
        ],
    }
    outputs = execute_pipeline_with_input_sync(manifest, list(range(500)))
    assert sorted(outputs) == sorted([*range(500), *range(500)])


def test_a_manifest_that_states_a_wrong_one_is_refused_with_its_place() -> None:
    manifest = manifest_of(Through(), {"max_items": 0})
    with pytest.raises(ManifestError, match=r"connections\[2\]\.queue"):
        execute_pipeline_with_input_sync(manifest, [1])


def test_is_loaded_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        """
version: v1
nodes:
  - {id: a, node_type: PassThrough}
  - {id: b, node_type: PassThrough}
connections:
  - {from: a, to: b, queue: {max_items: 2, when_full: block}}
""",
        encoding="utf-8",
    )
    pipeline = load_pipeline(file)
    assert pipeline.queues["a", "b"].max_items == 2
    assert pipeline.run_sync([1, 2, 3]) == [1, 2, 3]


def test_stays_in_front_of_the_node_that_takes_when_others_are_inserted_or_removed() -> None:
    async def main() -> list[Any]:
        held, through = HeldLater(), ThroughLater()
        pipeline = Pipeline(name="chain", enable_metrics=True)
        pipeline.nodes = [{"id": "through", "instance": through}, {"id": "held", "instance": held}]
        pipeline.connections = [("through", "held")]
        pipeline.queues = {("through", "held"): QueueLimits(1, when_full="drop-oldest")}
        async with pipeline.open() as session:
            opened = Opened(session, through, held)
            new = await session.insert(Only(int), before="held")
            await opened.write(1)
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            await opened.write(2, 3, 4)
            assert opened.dropped() == 2
            held.let_go()
            held.let_go()
            outputs = [await anext(session), await anext(session)]
            held.is_inside.clear()
            await session.remove(new)
            await opened.write(5)
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            await opened.write(6, 7, 8)
            return [*outputs, *await opened.rest()]

    assert run(main) == [1, 4, 5, 8]


class Hang(Node):
    """Gives what it gets; at 0 it then waits until it is interrupted."""

    async def process(self, item: Any) -> Any:
        yield item
        if item == 0:
            await asyncio.Event().wait()


def test_drops_in_the_process_of_the_node_that_takes() -> None:
    async def main() -> list[Any]:
        pipeline = Pipeline(name="away", enable_metrics=True)
        pipeline.nodes = [
            {"id": "here", "instance": Through()},
            {"id": "hang", "instance": Hang(), "executor": "multiprocess"},
        ]
        pipeline.connections = [("here", "hang")]
        pipeline.queues = {("here", "hang"): QueueLimits(1, when_full="drop-oldest")}
        async with pipeline.open() as session:
            await session.write(0)
            outputs = [await anext(session)]
            # Far more than any window or hand-off on the way holds: nobody has to wait.
            for item in range(1, 2_000):
                await session.write(item, survives=True)
            session.interrupt()
            session.end()
            outputs += [output async for output in session]
            dropped = (session.metrics() or {})["node_metrics"][-1]["items_dropped"]
            assert len(outputs) + dropped == 2_000
            assert dropped > 0
            return outputs

    outputs = run(main)
    assert outputs == sorted(outputs)
    assert outputs[-1] == 1_999
