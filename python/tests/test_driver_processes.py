"""Nodes of a Python program that run in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from driver_nodes import Collecting, Counter, Echo, Pid
from remotemedia import Node, execute_pipeline_with_input, execute_pipeline_with_input_sync
from remotemedia.core.exceptions import HostDiedError, InvalidNodeError
from remotemedia.core.node_serialization import SerializationError


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
