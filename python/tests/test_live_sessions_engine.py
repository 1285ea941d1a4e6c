"""Live sessions of pipelines with TypeScript nodes and with nodes in processes of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from driver_nodes import AsyncEcho, Counter, Echo, Pid
from live import read, run
from remotemedia import Pipeline
from remotemedia.core.exceptions import (
    EngineDiedError,
    InvalidNodeError,
    RemoteExecutionError,
    SessionEndedError,
    UnknownNodeTypeError,
)
from remotemedia.driver.engine import engine
from session_nodes import Broken, Recording, Summing
from typescript import PASS, ts


def test_a_graph_whose_end_flushes() -> None:
    async def main() -> None:
        nodes = [Echo(name="a"), {**PASS, "id": "b"}, Summing(name="c")]
        pipeline = Pipeline(nodes)
        pipeline.connections = [("a_0", "b"), ("a_0", "c_2")]
        async with pipeline.open() as session:
            await session.write(1)
            assert await anext(session) == 1
            await session.write(2)
            session.end()
            assert sorted(await read(session)) == [2, 3]

    run(main)


def test_a_manifest_with_nodes_of_both_languages() -> None:
    async def main() -> None:
        add = {"node_type": "typescript:Calculator", "params": {"operation": "add", "operand": 1}}
        async with Pipeline([add, Echo(), add]).open() as session:
            await session.write(1)
            assert await anext(session) == 3

    run(main)


class TestOpening:
    @pytest.mark.parametrize("order", ["broken last", "broken first"])
    def test_a_failing_initialize_in_typescript(self, folder: Path, order: str) -> None:
        node = Recording()

        async def main() -> None:
            nodes = [node, ts("Broken")]
            with pytest.raises(RemoteExecutionError, match="no model"):
                await Pipeline(nodes if order == "broken last" else nodes[::-1]).open()

        run(main)
        assert node.calls in ([], ["initialize", "cleanup"])

    @pytest.mark.parametrize("executor", [None, "multiprocess"])
    def test_a_failing_initialize_in_python(self, executor: str | None) -> None:
        async def main() -> None:
            with pytest.raises(OSError, match="no model"):
                await Pipeline([PASS, Broken(executor=executor)]).open()

        run(main)

    def test_a_type_that_is_not_there(self) -> None:
        async def main() -> None:
            with pytest.raises(UnknownNodeTypeError):
                await Pipeline([{"node_type": "typescript:Passthru"}]).open()

        run(main)

    def test_a_node_that_no_segment_takes(self) -> None:
        class Nowhere(Recording):
            run_on = "nowhere"

        async def main() -> None:
            pipeline = Pipeline([PASS, Nowhere()])
            with pytest.raises(InvalidNodeError, match="run_on = 'nowhere'"):
                await pipeline.open()
            with pytest.raises(InvalidNodeError, match="run_on = 'nowhere'"):
                async for _ in pipeline.process(None):
                    raise AssertionError

        run(main)


class TestFailures:
    def test_refuse_a_write_that_waits(self, folder: Path) -> None:
        async def main() -> None:
            session = await Pipeline([Echo(), ts("Failing")]).open(max_pending=1)
            with pytest.raises(SessionEndedError, match="two is too much"):
                while True:
                    await session.write(2)
            with pytest.raises(RemoteExecutionError, match="two is too much"):
                await session.wait()

        run(main)

    def test_of_the_engine_end_the_session(self) -> None:
        async def main() -> None:
            session = await Pipeline([Echo(), PASS, AsyncEcho()]).open()
            await session.write(1)
            assert await anext(session) == 1
            os.kill(engine().pid, signal.SIGKILL)
            with pytest.raises(EngineDiedError):
                await anext(session)
            with pytest.raises(SessionEndedError) as refused:
                await session.write(2)
            assert isinstance(refused.value.__cause__, EngineDiedError)

        run(main)


def test_a_node_in_a_process_keeps_its_state_and_brings_it_home() -> None:
    counter, pid = Counter(executor="multiprocess"), Pid(executor="multiprocess")

    async def main() -> None:
        async with Pipeline([counter, pid]).open(return_state=True, enable_metrics=True) as session:
            for number, total in ((1, 1), (2, 3)):
                await session.write(number)
                result, process = await anext(session)
                assert (result, process != os.getpid()) == (total, True)
            session.end()
            assert await read(session) == []
            metrics = session.metrics()
            assert metrics is not None
            assert [node["items_in"] for node in metrics["node_metrics"]] == [2, 2]

    run(main)
    assert counter.total == 3
