"""Pipelines of a program's own live objects: they run here, as they are, without an engine."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driver_nodes import AsyncEcho, Echo, Noting
from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.driver.engine import running_engine


@pytest.mark.parametrize("echo", [Echo, AsyncEcho])
def test_the_very_same_items_come_out(echo: type[Node]) -> None:
    class Anything:
        pass

    items = [Anything(), {"a": Anything()}, [1], lambda: 1, object(), threading.Lock()]
    outputs = asyncio.run(execute_pipeline_with_input([echo(), echo()], items))
    assert len(outputs) == len(items)
    assert all(given is item for given, item in zip(outputs, items, strict=True))


def test_no_engine_is_started_for_objects_of_this_program() -> None:
    before = running_engine()
    assert execute_pipeline_with_input_sync([Echo()], [1, 2]) == [1, 2]
    assert running_engine() is before


def test_state_from_before_is_used_and_state_from_the_run_is_visible() -> None:
    node = Noting()
    node.calls.append("mine")
    assert asyncio.run(execute_pipeline_with_input([node], [1, 2])) == [1, 2]
    assert node.calls == ["mine", "initialize", "process", "process", "flush", "cleanup"]


def test_a_sync_node_runs_in_one_thread_which_is_not_the_callers() -> None:
    node = Noting()
    asyncio.run(execute_pipeline_with_input([node], [1, 2]))
    assert len(node.threads) == 1
    assert threading.get_ident() not in node.threads


def test_a_blocking_call_runs_sync_nodes_in_the_calling_thread() -> None:
    node = Noting()
    assert execute_pipeline_with_input_sync([node, AsyncEcho()], [1, 2]) == [1, 2]
    assert node.threads == {threading.get_ident()}


def test_a_node_can_ask_for_the_callers_thread() -> None:
    node = Noting()
    node.run_on = "caller"  # type: ignore[attr-defined]
    assert asyncio.run(execute_pipeline_with_input([Echo(), node, Echo()], [1, 2])) == [1, 2]
    assert node.threads == {threading.get_ident()}


def test_async_nodes_run_on_the_callers_loop() -> None:
    class OnLoop(Node):
        async def process(self, data: Any) -> Any:
            return asyncio.get_running_loop()

    async def main() -> None:
        (loop,) = await execute_pipeline_with_input([OnLoop()], [1])
        assert loop is asyncio.get_running_loop()

    asyncio.run(main())


def test_a_sync_node_does_not_block_the_callers_loop() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Blocking(Node):
        def process(self, data: Any) -> Any:
            entered.set()
            assert leave.wait(30)
            return data

    async def main() -> list[int]:
        run = asyncio.create_task(execute_pipeline_with_input([Blocking()], [1]))
        while not entered.is_set():
            await asyncio.sleep(0)
        # The loop goes on although the node has not returned.
        assert not run.done()
        leave.set()
        return await run

    assert asyncio.run(main()) == [1]


def test_context_variables_of_the_caller_are_there_and_changes_stay_inside() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    class Sync(Node):
        def process(self, data: Any) -> Any:
            seen = variable.get()
            variable.set("changed")
            return seen

    class Async(Node):
        async def process(self, data: Any) -> Any:
            return f"{data} {variable.get()}"

    variable.set("mine")
    assert execute_pipeline_with_input_sync([Sync(), Async()], [1]) == ["mine mine"]
    assert variable.get() == "mine"


def test_an_async_iterable_and_a_generator_are_many_inputs() -> None:
    async def items() -> AsyncIterator[int | None]:
        for item in (1, None, 3):
            yield item

    class Shown(Node):
        def process(self, data: Any) -> str:
            return repr(data)

    async def main() -> tuple[Any, Any]:
        return (
            await execute_pipeline_with_input([Shown()], items()),
            await execute_pipeline_with_input([Shown()], (item for item in (1, 2))),
        )

    assert asyncio.run(main()) == (["1", "None", "3"], ["1", "2"])


class TestResults:
    def test_shapes(self) -> None:
        class Drop(Node):
            def process(self, data: Any) -> None:
                return None

        async def main() -> None:
            assert await execute_pipeline([Echo()]) == ""
            assert await execute_pipeline([Drop()]) is None
            assert await execute_pipeline_with_input([Drop()], [1]) == []
            assert await execute_pipeline_with_input([Echo()], [1]) == [1]
            assert await execute_pipeline_with_input([Echo()], []) == []
            pipeline = Pipeline([Echo()])
            assert await pipeline.run([1, 2]) == [1, 2]
            assert await pipeline.run([1]) == 1
            assert await pipeline.run(1) == 1
            assert await pipeline.run((1, 2)) == (1, 2)
            assert await pipeline.run(iter([1, 2])) == [1, 2]
            assert await Pipeline([Drop()]).run(1) == []
            assert await Pipeline([Drop()]).run() is None

        asyncio.run(main())

    def test_metrics(self) -> None:
        nodes = [Echo(name="a"), Echo(name="b")]
        result = execute_pipeline_with_input_sync(nodes, range(3), enable_metrics=True)
        assert result["outputs"] == [0, 1, 2]
        assert result["metrics"]["total_duration_us"] > 0
        records = result["metrics"]["node_metrics"]
        assert [(record["node_id"], record["items_in"], record["items_out"]) for record in records] == [
            ("a_0", 3, 3),
            ("b_1", 3, 3),
        ]

    def test_metrics_of_a_pipeline(self) -> None:
        pipeline = Pipeline([Echo()], enable_metrics=True)
        assert pipeline.get_metrics() is None
        assert pipeline.run_sync([1, 2]) == [1, 2]
        metrics = pipeline.get_metrics()
        assert metrics is not None
        assert metrics["node_metrics"][0]["items_in"] == 2


def test_many_runs_at_once_from_threads_with_loops_of_their_own() -> None:
    def work(number: int, results: list[Any]) -> None:
        async def main() -> Any:
            return await asyncio.gather(
                *(execute_pipeline_with_input([Echo(), AsyncEcho()], [number, each]) for each in range(5))
            )

        results.append(asyncio.run(main()))

    results: list[Any] = []
    threads = [threading.Thread(target=work, args=(number, results)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [[[number, each] for each in range(5)] for number in range(4)]


def test_several_loops_in_a_row() -> None:
    node = Noting()
    for number in range(3):
        assert asyncio.run(execute_pipeline_with_input([AsyncEcho(), node], [number])) == [number]
    assert node.calls.count("initialize") == 3


def test_two_runs_never_are_inside_one_node_at_once() -> None:
    class Careful(Node):
        inside = 0

        def process(self, data: Any) -> Any:
            self.inside += 1
            assert self.inside == 1
            time.sleep(0)
            self.inside -= 1
            return data

    shared = Careful()

    async def main() -> None:
        await asyncio.gather(*(execute_pipeline_with_input([Echo(), shared], range(200)) for _ in range(4)))

    asyncio.run(main())
