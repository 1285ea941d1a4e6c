"""Pipelines that need the engine: TypeScript nodes, manifests, graphs, processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from driver_nodes import AsyncEcho, Collecting, Counter, Echo, Pid
from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline,
    execute_pipeline_sync,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
    load_pipeline,
)
from remotemedia.core.exceptions import (
    EngineDiedError,
    GraphError,
    HostDiedError,
    InvalidNodeError,
    ManifestError,
    RemoteExecutionError,
    UnknownNodeTypeError,
    ValueTransferError,
)
from remotemedia.core.node_serialization import SerializationError
from remotemedia.driver.engine import engine, running_engine
from remotemedia.nodes import PassThroughNode

UPPER = """
export class Upper {
  constructor({ suffix = '' } = {}) { this.suffix = suffix; }
  initialize() {}
  process(text) { return text.toUpperCase() + this.suffix; }
}
export class Failing {
  initialize() {}
  process(item) { if (item === 2) throw new RangeError('two is too much'); return item; }
}
export class Many {
  initialize() {}
  *process(item) { for (let i = 0; i < item; i++) yield i; }
}
export class Printing {
  initialize() {}
  process(item) { console.log('saw', item); return item; }
}
export class Prompting {
  initialize() {}
  process(item) { process.stdout.write(`${item}? `); return item; }
}
export class Exiting {
  initialize() {}
  process() { process.exit(3); }
}
export class Forever {
  initialize() {}
  process(item, { signal }) {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nodes.mjs").write_text(UPPER)
    (tmp_path / "more.py").write_text(
        "class Twice:\n    def initialize(self): pass\n    def process(self, data): return data * 2\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ts(name: str, **params: Any) -> dict[str, Any]:
    return {"node_type": f"./nodes.mjs#{name}", "params": params}


class TestTypeScriptNodes:
    def test_by_module_path_between_live_objects(self, folder: Path) -> None:
        first, last = Collecting(), Collecting()
        outputs = execute_pipeline_with_input_sync([first, ts("Upper", suffix="!"), last], ["a", "b"])
        assert outputs == ["A!", "B!"]
        assert (first.seen, last.seen) == (["a", "b"], ["A!", "B!"])

    @pytest.mark.parametrize("order", ["te", "et", "tt", "t", "ete", "tet", "ate", "aeta"])
    def test_in_any_order(self, folder: Path, order: str) -> None:
        kinds: dict[str, Any] = {"t": lambda: ts("Upper"), "e": Echo, "a": AsyncEcho}
        nodes = [kinds[kind]() for kind in order]
        outputs = asyncio.run(execute_pipeline_with_input(nodes, ["a", "b", "c"]))
        assert outputs == ["A", "B", "C"]

    def test_a_class_of_the_package_where_the_project_has_not_installed_it(self, folder: Path) -> None:
        (folder / "base.mjs").write_text("export { Node } from 'remotemedia';")
        (folder / "own.mjs").write_text(
            "import { Node } from './base.mjs';\n"
            "export class Own extends Node { process(item) { return `${this.name} ${item}`; } }"
        )
        node = {"node_type": "./own.mjs#Own", "params": {"name": "mine"}}
        assert execute_pipeline_with_input_sync([node], [1]) == ["mine 1"]

    def test_by_registered_type(self) -> None:
        node = {"node_type": "typescript:Calculator", "params": {"operation": "add", "operand": 2}}
        assert execute_pipeline_with_input_sync([node], [1, 2]) == [3, 4]

    def test_a_type_of_both_languages_runs_here(self) -> None:
        values = [object()]
        assert execute_pipeline_with_input_sync([{"node_type": "PassThrough"}], values) == values

    def test_many_outputs_and_none(self, folder: Path) -> None:
        assert execute_pipeline_with_input_sync([ts("Many"), Echo()], [2, 0, 3]) == [0, 1, 0, 1, 2]

    def test_values_arrive_as_they_left(self) -> None:
        values = [1, 2.5, "ü", b"\0", True, [1, [2]], {"a": (1, 2)}, 2**70, 1j, np.arange(6.0).reshape(2, 3)]
        through = {"node_type": "typescript:PassThrough"}
        outputs = execute_pipeline_with_input_sync([Echo(), through, Echo()], values)
        assert [type(output) for output in outputs] == [type(value) for value in values]
        assert outputs[:-1] == values[:-1]
        assert np.array_equal(outputs[-1], values[-1])

    def test_a_failure_there_names_node_and_item(self, folder: Path) -> None:
        with pytest.raises(RemoteExecutionError, match="RangeError: two is too much") as caught:
            execute_pipeline_with_input_sync([Echo(), {**ts("Failing"), "id": "picky"}], [1, 2, 3])
        assert caught.value.__notes__ == ['RemoteMedia: in process() of node "picky", item 1']
        assert caught.value.remote_traceback is not None
        assert "nodes.mjs" in caught.value.remote_traceback

    def test_a_failure_here_is_the_exception_itself(self, folder: Path) -> None:
        error = LookupError("gone")

        class Failing(Node):
            def process(self, data: Any) -> Any:
                raise error

        with pytest.raises(LookupError) as caught:
            execute_pipeline_with_input_sync([ts("Upper"), Failing(name="node")], ["a"])
        assert caught.value is error
        assert error.__notes__ == ['RemoteMedia: in process() of node "node_1", item 0']

    def test_an_item_that_cannot_cross(self, folder: Path) -> None:
        with pytest.raises(ValueTransferError, match=r"at \.a\[1\]") as caught:
            execute_pipeline_with_input_sync([Echo(name="e"), ts("Upper")], [{"a": [1, threading.Lock()]}])
        assert caught.value.__notes__[0].endswith('of node "e_0", item 0')

    def test_an_input_that_cannot_cross(self, folder: Path) -> None:
        with pytest.raises(ValueTransferError, match=r"Lock|lock") as caught:
            execute_pipeline_with_input_sync([ts("Upper")], ["a", threading.Lock()])
        assert caught.value.__notes__ == ["RemoteMedia: in the input of the pipeline, item 1"]

    def test_what_it_prints_is_passed_on(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        execute_pipeline_with_input_sync([{**ts("Printing"), "id": "printer"}], [1, 2])
        assert capsys.readouterr().out == "[printer] saw 1\n[printer] saw 2\n"

    def test_a_last_line_without_its_end_is_passed_on_with_the_run(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        execute_pipeline_with_input_sync([{**ts("Prompting"), "id": "prompt"}], ["a", "b"])
        assert capsys.readouterr().out == "[prompt] a? b? \n"

    def test_metrics_of_both_languages(self, folder: Path) -> None:
        result = execute_pipeline_with_input_sync([Echo(name="e"), ts("Upper")], ["a", "b"], True)
        records = result["metrics"]["node_metrics"]
        assert [(record["node_id"], record["items_in"]) for record in records] == [("e_0", 2), ("Upper_1", 2)]
        assert result["metrics"]["total_duration_us"] > 0

    def test_streaming(self, folder: Path) -> None:
        async def main() -> list[str]:
            asked: asyncio.Queue[str | None] = asyncio.Queue()

            async def items() -> AsyncIterator[str]:
                while (item := await asked.get()) is not None:
                    yield item

            outputs: list[str] = []
            pipeline = Pipeline([Echo(), ts("Upper"), Echo()])
            asked.put_nowait("a")
            async for output in pipeline.process(items()):
                # Each answer comes before the next question.
                outputs.append(output)
                asked.put_nowait(None if len(outputs) == 3 else "b")
            return outputs

        assert asyncio.run(main()) == ["A", "B", "B"]

    def test_leaving_a_stream_early(self, folder: Path) -> None:
        async def endless() -> AsyncIterator[str]:
            while True:
                yield "a"

        node = Collecting()

        async def main() -> None:
            outputs = Pipeline([node, ts("Upper")]).process(endless())
            assert await anext(outputs) == "A"
            await outputs.aclose()

        asyncio.run(main())
        assert not node.is_initialized

    def test_cancel(self, folder: Path) -> None:
        async def main() -> None:
            reached = asyncio.Event()

            class Reached(Node):
                async def process(self, data: Any) -> Any:
                    reached.set()
                    return data

            run = asyncio.create_task(execute_pipeline_with_input([Reached(), ts("Forever")], [1]))
            await reached.wait()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            # The worker is free again.
            assert await execute_pipeline_with_input([ts("Upper")], ["a"]) == ["A"]

        asyncio.run(main())

    def test_a_node_that_ends_its_worker(self, folder: Path) -> None:
        with pytest.raises(HostDiedError, match="exit code 3"):
            execute_pipeline_with_input_sync([Echo(), ts("Exiting")], [1])
        assert execute_pipeline_with_input_sync([ts("Upper")], ["a"]) == ["A"]


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


class TestProcesses:
    def test_an_instance_runs_in_a_process_of_its_own(self) -> None:
        here, there = Pid(), Pid(executor="multiprocess")
        ((answer, other), mine) = execute_pipeline_with_input_sync([there, here], [1])[0]
        assert (answer, mine) == (1, os.getpid())
        assert other != mine

    def test_closures_and_classes_of_functions_cross(self) -> None:
        factor = 3

        class Local(Node):
            def __init__(self, **config: Any) -> None:
                super().__init__(**config)
                self.apply = lambda value: value * factor
                self.itself = self

            def process(self, data: Any) -> Any:
                return self.itself.apply(data)

        node = Local(executor="multiprocess")
        assert asyncio.run(execute_pipeline_with_input([Echo(), node, Echo()], [1, 2])) == [3, 6]

    def test_its_fields_stay_and_it_may_run_again(self) -> None:
        node = Counter(executor="multiprocess")
        node.total = 10
        for _ in range(2):
            assert execute_pipeline_with_input_sync([node], [1, 2]) == [11, 13]
        assert node.total == 10

    def test_state_comes_home_on_request(self) -> None:
        node = Counter(executor="multiprocess")
        assert execute_pipeline_with_input_sync([node], [1, 2], return_state=True) == [1, 3]
        assert node.total == 3

    def test_a_file_that_is_opened_in_initialize(self, tmp_path: Path) -> None:
        class Writing(Node):
            def __init__(self, path: str, **config: Any) -> None:
                super().__init__(**config)
                self.path = path
                self.file: Any = None

            def initialize(self) -> None:
                super().initialize()
                self.file = open(self.path, "a")  # noqa: PTH123, SIM115

            def process(self, data: Any) -> Any:
                self.file.write(f"{data}\n")
                return data

            def cleanup(self) -> None:
                super().cleanup()
                if self.file:
                    self.file.close()
                    self.file = None

        path = tmp_path / "out.txt"
        node = Writing(str(path), executor="multiprocess")
        asyncio.run(execute_pipeline_with_input([node], [1, 2]))
        assert path.read_text() == "1\n2\n"

    @pytest.mark.parametrize("is_async", [False, True])
    def test_async_nodes_are_cleaned_up_before_they_leave(self, is_async: bool) -> None:
        class Connected(Node):
            connection: Any = None

            async def process(self, data: Any) -> Any:
                return data, self.connection

            def cleanup(self) -> Any:
                return self.cleanup_later() if is_async else self.close()

            async def cleanup_later(self) -> None:
                await asyncio.sleep(0)
                self.close()

            def close(self) -> None:
                self.connection = "closed"

        node = Connected(executor="multiprocess")
        with open(os.devnull) as node.connection:  # noqa: PTH123
            assert asyncio.run(execute_pipeline_with_input([node], [1])) == [(1, "closed")]

    def test_what_cannot_cross_is_refused_before_anything_runs(self, tmp_path: Path) -> None:
        node, before = Echo(name="bad", executor="multiprocess"), Collecting()
        with (tmp_path / "f").open("w") as file:
            node.file_handle = file  # type: ignore[attr-defined]
            with pytest.raises(SerializationError) as caught:
                execute_pipeline_with_input_sync([before, node], [1])
        assert (caught.value.node_name, caught.value.attribute) == ("bad", "file_handle")
        assert caught.value.suggestion
        assert str(caught.value).startswith("Cannot serialize Node 'bad': attribute 'file_handle' is not")
        assert before.seen == []

    def test_failures_there_arrive_whole(self) -> None:
        class Failing(Node):
            def process(self, data: Any) -> Any:
                raise KeyError("missing")

        with pytest.raises(KeyError, match="missing") as caught:
            execute_pipeline_with_input_sync([Failing(name="f", executor="multiprocess")], [1])
        assert caught.value.__notes__ == ['RemoteMedia: in process() of node "f_0", item 0']
        assert "in process" in str(caught.value.__cause__)

    def test_a_process_that_dies(self) -> None:
        class Dying(Node):
            def process(self, data: Any) -> Any:
                os.kill(os.getpid(), signal.SIGKILL)

        with pytest.raises(HostDiedError, match="SIGKILL"):
            execute_pipeline_with_input_sync([Echo(), Dying(executor="multiprocess")], [1])

    def test_a_class_of_a_module_that_no_file_holds(self) -> None:
        module = ModuleType("only_here")
        source = """
            from remotemedia import Node
            class Here(Node):
                def process(self, data):
                    return data + 1
        """
        exec(textwrap.dedent(source), vars(module))
        sys.modules["only_here"] = module
        try:
            node = module.Here(executor="multiprocess")
            assert execute_pipeline_with_input_sync([node], [1]) == [2]
        finally:
            del sys.modules["only_here"]

    def test_one_object_at_two_places(self) -> None:
        node = Echo(executor="multiprocess")
        with pytest.raises(InvalidNodeError, match="two processes at once"):
            execute_pipeline_with_input_sync([node, node], [1])

    def test_in_a_manifest(self) -> None:
        node = Pid()
        manifest = {
            "version": "v1",
            "metadata": {"name": "m"},
            "nodes": [{"id": "a", "instance": node, "executor": "multiprocess"}],
        }
        (_, pid) = execute_pipeline_with_input_sync(manifest, [1])
        assert pid != os.getpid()

    def test_arrays_of_every_kind_arrive_unchanged(self) -> None:
        values = [np.arange(4).astype(kind).reshape(2, 2) for kind in ("i1", "u8", "f2", "f4", "c8", "?")]
        outputs = execute_pipeline_with_input_sync([Echo(executor="multiprocess")], values)
        for value, output in zip(values, outputs, strict=True):
            assert output.dtype == value.dtype
            assert np.array_equal(output, value)


class TestEngine:
    def test_it_is_kept(self) -> None:
        execute_pipeline_sync([{"node_type": "typescript:PassThrough"}])
        pid = engine().pid
        execute_pipeline_sync([{"node_type": "typescript:PassThrough"}])
        assert engine().pid == pid

    def test_killed_in_the_middle_of_a_run(self, folder: Path) -> None:
        async def main() -> None:
            node = Collecting()

            class Killing(Node):
                def process(self, data: Any) -> Any:
                    os.kill(engine().pid, signal.SIGKILL)
                    return data

            with pytest.raises(EngineDiedError, match=r"ended with SIGKILL.*next run") as caught:
                await execute_pipeline_with_input([node, Killing(), ts("Forever")], [1])
            assert caught.value.signal == "SIGKILL"
            assert not node.is_initialized
            assert await execute_pipeline_with_input([ts("Upper")], ["a"]) == ["A"]

        asyncio.run(main())

    def test_many_runs_at_once(self, folder: Path) -> None:
        async def main() -> list[Any]:
            return await asyncio.gather(
                *(
                    execute_pipeline_with_input([Echo(), ts("Upper"), AsyncEcho()], [f"a{number}"] * 20)
                    for number in range(10)
                )
            )

        assert asyncio.run(main()) == [[f"A{number}"] * 20 for number in range(10)]

    def test_hundreds_of_runs_that_begin_at_once(self) -> None:
        async def main() -> list[Any]:
            through = {"node_type": "typescript:PassThrough"}
            return await asyncio.gather(*(Pipeline([Echo(), through]).run([number]) for number in range(300)))

        assert asyncio.run(main()) == list(range(300))

    def test_without_it_use_rust_false_says_what_it_would_need(self) -> None:
        running = running_engine()
        pipeline = Pipeline([Echo(executor="multiprocess")])
        with pytest.raises(ValueError, match="use_rust=False"):
            asyncio.run(pipeline.run([1], use_rust=False))
        assert asyncio.run(Pipeline([Echo()]).run([1, 2], use_rust=False)) == [1, 2]
        assert running_engine() is running


def test_a_source_of_typescript_and_no_input() -> None:
    assert asyncio.run(execute_pipeline([{"node_type": "typescript:PassThrough"}])) == ""


def test_a_manifests_nodes_are_made_once_also_in_a_blocking_call(folder: Path) -> None:
    (folder / "made.py").write_text(
        "made = 0\n"
        "class Made:\n"
        "    def __init__(self):\n        global made; made += 1\n"
        "    def initialize(self): pass\n"
        "    def process(self, data): return made\n"
    )
    nodes = [{"node_type": "./made.py#Made"}, {"node_type": "typescript:PassThrough"}]
    assert execute_pipeline_with_input_sync(nodes, [0]) == [1]


def test_the_log_shows_detection_placement_life_cycle_and_transfers(caplog: pytest.LogCaptureFixture) -> None:
    nodes = [
        Echo(name="here"),
        {"node_type": "typescript:PassThrough"},
        Echo(name="away", executor="process"),
    ]
    with caplog.at_level("DEBUG", "remotemedia"):
        execute_pipeline_with_input_sync(nodes, [1])
    said = "\n".join(caplog.messages)
    for words in (
        "given a list",
        "node here_0 runs in this program",
        "node PassThrough_1 is made by the engine",
        "node away_2 goes to a process of its own",
        "node away_2 is sent to its process",
        "initialize node here_0",
        "cleanup of node here_0",
    ):
        assert words in said
