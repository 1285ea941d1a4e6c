"""TypeScript nodes in pipelines of a Python program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driver_nodes import AsyncEcho, Collecting, Echo
from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.core.exceptions import HostDiedError, RemoteExecutionError, ValueTransferError
from typescript import PASS, ts


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
        outputs = execute_pipeline_with_input_sync([Echo(), PASS, Echo()], values)
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


def test_a_source_of_typescript_and_no_input() -> None:
    assert asyncio.run(execute_pipeline([PASS])) == ""
