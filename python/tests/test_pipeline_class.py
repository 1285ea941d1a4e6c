"""Pipelines as objects: their nodes, their runs, and what they state about themselves."""

import asyncio

import pytest

from life_nodes import Plain
from remotemedia import Node
from remotemedia.core.exceptions import (
    EmptyPipelineError,
    InvalidInputError,
    InvalidNodeError,
    InvalidPipelineError,
    PipelineError,
)
from remotemedia.core.pipeline import Pipeline
from remotemedia.nodes import CalculatorNode, PassThroughNode


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
