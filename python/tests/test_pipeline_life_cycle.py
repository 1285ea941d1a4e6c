"""Pipelines that initialize and clean up their nodes themselves."""

import asyncio
import threading

import pytest

from life_nodes import Plain
from remotemedia import Node
from remotemedia.core.exceptions import NodeFailedError, PipelineError
from remotemedia.core.pipeline import Pipeline


class Recorder(Node):
    def __init__(self, calls, fails_in="", **kwargs):
        super().__init__(**kwargs)
        self.calls = calls
        self.fails_in = fails_in

    def note(self, call):
        self.calls.append(f"{call} {self.name}")
        if call == self.fails_in:
            raise LookupError(f"no {call}")

    def initialize(self):
        self.note("initialize")

    def process(self, data):
        return data

    def cleanup(self):
        self.note("cleanup")


class AsyncRecorder(Recorder):
    async def initialize(self):
        await asyncio.sleep(0)
        self.note("initialize")

    async def process(self, data):
        return data

    async def cleanup(self):
        await asyncio.sleep(0)
        self.note("cleanup")


@pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])
def test_nodes_are_initialized_in_order_and_cleaned_up_in_reverse_once(kind):
    calls = []
    shared = kind(calls, name="b")
    pipeline = Pipeline([kind(calls, name="a"), shared, shared, {"node_type": "PassThrough"}])

    async def main():
        await pipeline.initialize()
        await pipeline.initialize()
        assert pipeline.is_initialized
        with pytest.raises(PipelineError, match="Call cleanup"):
            pipeline.add_node(Plain())
        with pytest.raises(PipelineError, match="Call cleanup"):
            pipeline.remove_node("a")
        await pipeline.cleanup()
        await pipeline.cleanup()

    asyncio.run(main())
    assert calls == ["initialize a", "initialize b", "cleanup b", "cleanup a"]
    assert not pipeline.is_initialized


def test_a_node_that_its_user_has_initialized_is_left_alone():
    calls = []
    node = Recorder(calls, name="a")
    node.initialize()

    async def main():
        async with Pipeline([node]).managed_execution():
            assert node.is_initialized

    asyncio.run(main())
    assert calls == ["initialize a"]
    assert node.is_initialized


def test_runs_leave_a_node_alone_that_its_pipeline_has_initialized():
    node = Plain()
    pipeline = Pipeline([node])

    async def main():
        async with pipeline.managed_execution() as entered:
            assert entered is pipeline
            assert await pipeline.run([1, 2]) == [1, 2]
            assert await pipeline.run(3) == 3
            assert node.calls == ["initialize"]

    asyncio.run(main())
    assert node.calls == ["initialize", "cleanup"]


def test_a_failed_node_is_not_cleaned_up_but_those_before_it_are():
    calls = []
    pipeline = Pipeline(
        [
            Recorder(calls, name="a"),
            Recorder(calls, "cleanup", name="b"),
            Recorder(calls, "initialize", name="c"),
            Recorder(calls, name="d"),
        ]
    )
    with pytest.raises(
        PipelineError, match='Node "c" failed in initialize: LookupError: no initialize'
    ) as caught:
        asyncio.run(pipeline.initialize())
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__notes__ == ['Later: Node "b" failed in cleanup: LookupError: no cleanup']
    assert calls == ["initialize a", "initialize b", "initialize c", "cleanup b", "cleanup a"]
    assert not pipeline.is_initialized


def test_an_error_in_cleanup_is_raised_after_all_are_cleaned_up_and_never_hides_another():
    calls = []
    pipeline = Pipeline([Recorder(calls, name="a"), Recorder(calls, "cleanup", name="b")])

    async def main(error=None):
        async with pipeline.managed_execution():
            if error is not None:
                raise error

    with pytest.raises(NodeFailedError, match='"b" failed in cleanup') as alone:
        asyncio.run(main())
    assert (alone.value.node_id, alone.value.phase) == ("b", "cleanup")
    assert calls[-2:] == ["cleanup b", "cleanup a"]
    with pytest.raises(OSError, match="mine") as first:
        asyncio.run(main(OSError("mine")))
    assert first.value.__notes__ == ['Later: Node "b" failed in cleanup: LookupError: no cleanup']


def test_a_blocking_initialize_leaves_the_loop_free():
    go_on = threading.Event()

    class Waiting(Plain):
        def initialize(self):
            assert go_on.wait(10)
            super().initialize()

    async def main():
        pipeline = Pipeline([Waiting()])
        async with asyncio.TaskGroup() as group:
            group.create_task(pipeline.initialize())
            await asyncio.sleep(0)
            go_on.set()
        await pipeline.cleanup()
        return pipeline.nodes[0].calls

    assert asyncio.run(main()) == ["initialize", "cleanup"]


def test_a_cancel_while_initializing_cleans_up_what_was_initialized():
    calls = []
    entered = asyncio.Event()

    class Stuck(AsyncRecorder):
        async def initialize(self):
            entered.set()
            await asyncio.Event().wait()

    async def main():
        pipeline = Pipeline([Recorder(calls, name="a"), Stuck(calls, name="b")])
        task = asyncio.create_task(pipeline.initialize())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not pipeline.is_initialized

    asyncio.run(main())
    assert calls == ["initialize a", "cleanup a"]
