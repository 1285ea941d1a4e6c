"""Manifests and graphs, with nodes of both languages, that a Python program runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from driver_nodes import Collecting, Echo
from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline_sync,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
    load_pipeline,
)
from remotemedia.core.exceptions import GraphError, ManifestError, UnknownNodeTypeError
from remotemedia.nodes import PassThroughNode
from typescript import PASS, ts


class TestManifests:
    def test_dict_json_and_yaml(self, folder: Path) -> None:
        manifest = {
            "version": "v1",
            "metadata": {"name": "m", "created_at": "2026-01-01T00:00:00Z"},
            "nodes": [
                {"id": "a", "node_type": "./more.py#Twice", "params": {}},
                {"id": "b", "node_type": "python:more.Twice", "params": {}},
            ],
            "connections": [{"from": "a", "to": "b"}],
        }
        import json

        yaml = "version: v1\nmetadata: {name: m}\nnodes:\n  - {id: a, node_type: ./more.py#Twice}\n"
        assert execute_pipeline_with_input_sync(manifest, [1, 2]) == [4, 8]
        assert execute_pipeline_with_input_sync(json.dumps(manifest), [1]) == 4
        assert execute_pipeline_with_input_sync(yaml, [1]) == 2

    def test_of_a_pipeline(self) -> None:
        text = Pipeline([PassThroughNode(name="a"), PassThroughNode(name="b")], name="p").serialize()
        assert execute_pipeline_with_input_sync(text, [1, 2]) == [1, 2]

    def test_instances_in_a_graph(self) -> None:
        first, left, right = Collecting(), Collecting(), Collecting()
        manifest = {
            "version": "v1",
            "metadata": {"name": "fork"},
            "nodes": [
                {"id": "first", "instance": first},
                {"id": "left", "instance": left},
                {"id": "right", "instance": right},
            ],
            "connections": [{"from": "first", "to": "left"}, {"from": "first", "to": "right"}],
        }
        item = object()
        for _ in range(2):
            outputs = asyncio.run(execute_pipeline_with_input(manifest, [item]))
            assert outputs == [item, item]
        # A fan-out gives every branch the same object.
        assert left.seen == right.seen == [item, item]

    def test_a_graph_over_both_languages(self, folder: Path) -> None:
        left = Collecting()
        manifest = {
            "version": "v1",
            "metadata": {"name": "diamond"},
            "nodes": [
                {"id": "first", "instance": Echo()},
                {"id": "left", "instance": left},
                {"id": "right", **ts("Upper")},
                {"id": "last", "instance": Echo()},
            ],
            "connections": [
                {"from": "first", "to": "left"},
                {"from": "first", "to": "right"},
                {"from": "left", "to": "last"},
                {"from": "right", "to": "last"},
            ],
        }
        outputs = execute_pipeline_with_input_sync(manifest, ["a", "b"])
        assert sorted(outputs) == ["A", "B", "a", "b"]
        assert [output for output in outputs if output.islower()] == ["a", "b"]

    def test_a_file(self, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        file = folder / "pipeline.yaml"
        file.write_text(
            "version: v1\nmetadata: {name: from-file}\nnodes:\n"
            "  - {id: twice, node_type: ./more.py#Twice}\n  - {id: up, node_type: ./nodes.mjs#Upper}\n"
        )
        os.chdir(tmp_path_factory.mktemp("elsewhere"))
        pipeline = load_pipeline(file)
        assert pipeline.name == "from-file"
        for _ in range(2):
            assert pipeline.run_sync(["a", "b"]) == ["AA", "BB"]

    @pytest.mark.parametrize(
        ("manifest", "kind", "words"),
        [
            ('{"version": "v1",\n "nodes": [}', ManifestError, r"line 2, column"),
            ({"version": "v2", "nodes": []}, ManifestError, "version"),
            ({"version": "v1", "metadata": {"name": "x"}, "nodes": []}, ValueError, "empty|nodes"),
            ([{"node_type": "Calculatr"}], UnknownNodeTypeError, 'did you mean "Calculator"'),
            ([{"node_type": "./nodes.mjs#Uper"}], ManifestError, 'did you mean "Upper"'),
            ([{"node_type": "python:no_such_module.Node"}], ManifestError, "no_such_module"),
            ([{"node_type": "./more.py#Twise"}], ManifestError, "Twice"),
            ([{"node_type": "./more.py#Twice", "params": {"a": 1}}], ManifestError, r"nodes\[0\].params"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, folder: Path, manifest: Any, kind: type[Exception], words: str
    ) -> None:
        with pytest.raises(kind, match=words):
            execute_pipeline_sync(manifest)

    def test_a_cycle(self) -> None:
        nodes = [{"id": "a", "instance": Echo()}, {"id": "b", "instance": Echo()}]
        connections = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
        manifest = {
            "version": "v1",
            "metadata": {"name": "x"},
            "nodes": nodes,
            "connections": connections,
        }
        with pytest.raises(GraphError, match='"a" → "b" → "a"'):
            execute_pipeline_sync(manifest)


def test_a_manifests_nodes_are_made_once_also_in_a_blocking_call(folder: Path) -> None:
    (folder / "made.py").write_text(
        "made = 0\n"
        "class Made:\n"
        "    def __init__(self):\n        global made; made += 1\n"
        "    def initialize(self): pass\n"
        "    def process(self, data): return made\n"
    )
    nodes = [{"node_type": "./made.py#Made"}, PASS]
    assert execute_pipeline_with_input_sync(nodes, [0]) == [1]


def test_a_graph_of_live_objects_is_opened_as_a_session():
    class Add(Node):
        def __init__(self, operand: int) -> None:
            super().__init__()
            self.operand = operand

        def process(self, item: int) -> int:
            return item + self.operand

    class Pairs(Node):
        fan_in = "zip"

        def process(self, pair: list[int]) -> list[int]:
            return pair

    async def main() -> list[Any]:
        ids = {"begin": Add(0), "one": Add(1), "ten": Add(10), "pairs": Pairs()}
        pipeline = load_pipeline(
            {
                "version": "v1",
                "metadata": {"name": "pairs"},
                "nodes": [{"id": node_id, "instance": node} for node_id, node in ids.items()],
                "connections": [
                    {"from": "begin", "to": "one"},
                    {"from": "begin", "to": "ten"},
                    {"from": "one", "to": "pairs"},
                    {"from": "ten", "to": "pairs", "queue": {"max_items": 4}},
                ],
            }
        )
        ids["one"].operand = 2
        async with pipeline.open() as session:
            await session.write(1)
            await session.write(2)
            session.end()
            return [output async for output in session]

    assert asyncio.run(main()) == [[3, 11], [4, 12]]
