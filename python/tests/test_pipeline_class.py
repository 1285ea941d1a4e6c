"""Pipelines as objects: their nodes, their life cycle, and what they are written as."""

import asyncio
import json
import re
import threading

import pytest

from remotemedia import Node
from remotemedia.core.exceptions import (
    EmptyPipelineError,
    InvalidInputError,
    InvalidNodeError,
    InvalidPipelineError,
    ManifestError,
    NodeFailedError,
    PipelineError,
)
from remotemedia.core.pipeline import Pipeline
from remotemedia.nodes import CalculatorNode, PassThroughNode
from remotemedia.runtime_wrapper import _convert_dict_list_to_manifest, _convert_mixed_list_to_manifest


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


class Plain:
    """A node without the base class."""

    def __init__(self):
        self.calls = []

    def initialize(self):
        self.calls.append("initialize")

    def process(self, data):
        return data

    def cleanup(self):
        self.calls.append("cleanup")


def test_a_pipeline_takes_a_name_or_nodes_or_both():
    node = PassThroughNode()
    assert (Pipeline("p").name, len(Pipeline("p"))) == ("p", 0)
    assert list(Pipeline([node])) == Pipeline(nodes=(node,)).nodes == [node]
    assert Pipeline([node], "p", True).enable_metrics is True
    assert (Pipeline(nodes=[node], name="p").name, Pipeline().name) == ("p", "pipeline")
    assert repr(Pipeline("p")) == "Pipeline(name='p', nodes=0, not initialized)"


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (PassThroughNode(), r"one PassThroughNode. Put it into a list: \[node\]"),
        ({"version": "v1", "nodes": []}, "got dict. A manifest is run as it is"),
        (3, "got int"),
        (Pipeline("other"), r"got a Pipeline. Give list\(pipeline\)"),
    ],
)
def test_what_is_no_list_of_nodes_is_refused(nodes, message):
    with pytest.raises(InvalidPipelineError, match=message):
        Pipeline(nodes)
    with pytest.raises(InvalidPipelineError, match="Give one name only"):
        Pipeline("a", "b")


def test_wrong_items_are_named_by_position_and_type():
    with pytest.raises(TypeError) as caught:
        Pipeline(
            [PassThroughNode(), "text", Node(), PassThroughNode, {"type": "x"}, {"node_type": "PassThrough"}]
        )
    assert isinstance(caught.value, InvalidNodeError)
    assert str(caught.value).endswith(
        "but item 1 is str, item 2 is Node without process(), "
        "item 3 is class PassThroughNode, not an instance of it, item 4 is a dict without node_type."
    )
    with pytest.raises(InvalidNodeError, match="item 0 is a Pipeline, which is no node"):
        Pipeline([Pipeline("inner")])
    with pytest.raises(PipelineError, match="item 1 is NoneType"):
        Pipeline([PassThroughNode()]).add_node(None)


def test_nodes_are_added_found_and_removed_by_name():
    pipeline = Pipeline("p")
    first, plain, entry = PassThroughNode("first"), Plain(), {"id": "e", "node_type": "PassThrough"}
    assert pipeline.add_node(first).add_node(plain).add_node(entry) is pipeline
    assert [pipeline.get_node(name) for name in ("first", "Plain", "e", "none")] == [
        first,
        plain,
        entry,
        None,
    ]
    assert pipeline.node_count == len(pipeline) == 3
    assert pipeline.remove_node("Plain")
    assert not pipeline.remove_node("Plain")
    assert list(pipeline) == [first, entry]


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


def test_an_empty_pipeline_is_an_error_that_says_so():
    with pytest.raises(EmptyPipelineError, match='"p" is empty'):
        asyncio.run(Pipeline("p").initialize())


def test_a_pipeline_runs_streams_and_measures():
    pipeline = Pipeline([CalculatorNode("add", operation="add", operand=10)], enable_metrics=True)

    async def numbers():
        for number in (1, 2):
            yield number

    async def main():
        assert await pipeline.run([1, 2, 3]) == [11, 12, 13]
        assert await pipeline.run(1, use_rust=False) == 11
        metrics = pipeline.get_metrics()
        assert metrics is not None
        assert metrics["node_metrics"][0]["node_id"] == "add_0"
        async with pipeline.managed_execution():
            return [output async for output in pipeline.process(numbers())]

    assert pipeline.get_metrics() is None
    assert asyncio.run(main()) == [11, 12]
    assert pipeline.run_sync([1]) == 11
    assert pipeline.run_sync() is None


def test_the_metrics_of_a_run_that_failed_are_kept():
    pipeline = Pipeline([CalculatorNode("add", operation="add", operand=10)], enable_metrics=True)
    for run in (pipeline.run_sync, lambda items: asyncio.run(pipeline.run(items))):
        pipeline.last_metrics = None
        with pytest.raises(InvalidInputError):
            run([1, "two"])
        metrics = pipeline.get_metrics()
        assert metrics is not None
        (record,) = metrics["node_metrics"]
        assert (record["items_in"], record["items_out"], record["errors"]) == (2, 1, 1)


def test_a_node_that_raises_stop_iteration_is_named():
    class Stopping(Node):
        def process(self, data):
            raise StopIteration(data)

    pipeline = Pipeline([Stopping(name="stopping")])
    with pytest.raises(StopIteration) as itself:
        pipeline.run_sync([1])
    with pytest.raises(RuntimeError, match="no coroutine may raise") as caught:
        asyncio.run(pipeline.run([1]))
    note = 'RemoteMedia: in process() of node "stopping_0", item 0'
    assert itself.value.__notes__ == caught.value.__notes__ == [note]


def test_a_pipeline_is_written_as_a_manifest():
    plain_entry = {"id": "given", "node_type": "PassThrough", "params": {}}
    pipeline = Pipeline(
        [
            CalculatorNode("add", operation="add", operand=5),
            plain_entry,
            {"node_type": "python:a.b.Upper"},
            Plain(),
        ],
        name="calc",
    )
    manifest = json.loads(pipeline.serialize(description="adds"))
    created_at = manifest["metadata"].pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", created_at)
    assert manifest == {
        "version": "v1",
        "metadata": {"name": "calc", "description": "adds"},
        "nodes": [
            {"id": "add_0", "node_type": "CalculatorNode", "params": {"operation": "add", "operand": 5}},
            plain_entry,
            {"id": "Upper_2", "node_type": "python:a.b.Upper"},
            {"id": "Plain_3", "node_type": "Plain", "params": {}},
        ],
        "connections": [
            {"from": "add_0", "to": "given"},
            {"from": "given", "to": "Upper_2"},
            {"from": "Upper_2", "to": "Plain_3"},
        ],
    }


def test_a_setting_that_no_manifest_can_hold_is_named_by_its_place():
    pipeline = Pipeline([PassThroughNode(), PassThroughNode(ratio=float("nan"), sizes={1: 2})])
    with pytest.raises(ManifestError) as caught:
        pipeline.serialize()
    assert caught.value.path == "nodes[1].params.ratio"
    assert "nodes[1].params.ratio is nan, which" in str(caught.value)
    assert "nodes[1].params.sizes has the key 1" in str(caught.value)


def test_a_definition_makes_the_pipeline_anew():
    add = CalculatorNode("add", operation="add", operand=5, executor="multiprocess")
    definition = Pipeline([add, PassThroughNode()], name="calc").export_definition()
    assert definition["connections"][0]["from_node"] == "add_0"
    assert definition["nodes"][0]["module"] == "remotemedia.nodes.calculator"
    assert definition["dependencies"] == ["remotemedia"]
    made = asyncio.run(Pipeline.from_definition(json.loads(json.dumps(definition))))
    assert (made.name, [node.name for node in made]) == ("calc", ["add", "PassThroughNode"])
    assert made.nodes[0].process(1) == 6
    assert made.nodes[0].executor == "multiprocess"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"node_id": "a_0", "class_name": "Nope", "module": "remotemedia.nodes"},
            '"a_0": there is no class Nope',
        ),
        ({"node_id": "a_0", "class_name": "X", "module": "no_such_module"}, "no_such_module"),
        (
            {"node_type": "Calculator", "config": {"operation": "root", "operand": 1}},
            r'"nodes\[0\]" cannot be made',
        ),
        ({}, "names no class"),
    ],
)
def test_a_definition_that_makes_no_node_is_an_error_that_names_it(entry, message):
    with pytest.raises(PipelineError, match=message):
        asyncio.run(Pipeline.from_definition({"nodes": [entry]}))


def test_a_pipeline_states_its_configuration():
    pipeline = Pipeline([PassThroughNode("p", unit="m"), Plain(), {"node_type": "PassThrough"}], name="all")
    assert pipeline.get_config() == {
        "name": "all",
        "node_count": 3,
        "remote_node_count": 0,
        "nodes": [
            {"name": "p", "class": "PassThroughNode", "config": {"unit": "m"}},
            {"name": "Plain", "class": "Plain", "config": {}},
            {"node_type": "PassThrough"},
        ],
        "is_initialized": False,
    }


def test_lists_are_converted_to_manifests():
    mixed = [
        PassThroughNode("first"),
        {"node_type": "CalculatorNode", "params": {"operation": "add", "operand": 1}},
    ]
    manifest = json.loads(_convert_mixed_list_to_manifest(mixed))
    assert manifest["version"] == "v1"
    assert [node["id"] for node in manifest["nodes"]] == ["first_0", "CalculatorNode_1"]
    assert manifest["connections"] == [{"from": "first_0", "to": "CalculatorNode_1"}]
    assert json.loads(_convert_dict_list_to_manifest(mixed[1:]))["nodes"][0]["params"]["operand"] == 1
    with pytest.raises(TypeError, match="item 1 is int"):
        _convert_mixed_list_to_manifest([PassThroughNode(), 3])
