"""The engine of a Python program: kept, shared by runs, and replaced when it was killed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from driver_nodes import AsyncEcho, Collecting, Echo
from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline_sync,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.core.exceptions import EngineDiedError
from remotemedia.driver.engine import engine, running_engine
from typescript import PASS, ts


class TestEngine:
    def test_it_is_kept(self) -> None:
        execute_pipeline_sync([PASS])
        pid = engine().pid
        execute_pipeline_sync([PASS])
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
            return await asyncio.gather(*(Pipeline([Echo(), PASS]).run([number]) for number in range(300)))

        assert asyncio.run(main()) == list(range(300))

    def test_without_it_use_rust_false_says_what_it_would_need(self) -> None:
        running = running_engine()
        pipeline = Pipeline([Echo(executor="multiprocess")])
        with pytest.raises(ValueError, match="use_rust=False"):
            asyncio.run(pipeline.run([1], use_rust=False))
        assert asyncio.run(Pipeline([Echo()]).run([1, 2], use_rust=False)) == [1, 2]
        assert running_engine() is running


def test_the_log_shows_detection_placement_life_cycle_and_transfers(caplog: pytest.LogCaptureFixture) -> None:
    nodes = [
        Echo(name="here"),
        PASS,
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
