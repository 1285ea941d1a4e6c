"""What pipelines are written as, and made anew from: manifests and definitions."""

import asyncio
import json
import re

import pytest

from life_nodes import Plain
from remotemedia.core.exceptions import ManifestError, PipelineError
from remotemedia.core.pipeline import Pipeline
from remotemedia.nodes import CalculatorNode, PassThroughNode
from remotemedia.runtime_wrapper import _convert_dict_list_to_manifest, _convert_mixed_list_to_manifest


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
