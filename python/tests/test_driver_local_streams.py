"""Runs without an engine that are read as a stream, or cancelled, leave their nodes in good order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driver_nodes import AsyncEcho, Echo, Failing, Noting
from remotemedia import Node, Pipeline, execute_pipeline_with_input
from remotemedia.core.exceptions import CancelTimeoutError
from remotemedia.driver.local import LocalRun


class TestCancel:
    def test_wait_for_cleans_up_and_lets_the_running_call_end(self) -> None:
        entered, leave = threading.Event(), threading.Event()

        class Blocking(Noting):
            def process(self, data: Any) -> Any:
                entered.set()
                assert leave.wait(30)
                return super().process(data)

        node = Blocking()

        async def main() -> None:
            run = asyncio.create_task(execute_pipeline_with_input([node], range(10)))
            while not entered.is_set():
                await asyncio.sleep(0)
            run.cancel()
            await asyncio.sleep(0)
            leave.set()
            with pytest.raises(asyncio.CancelledError):
                await run

        asyncio.run(main())
        assert node.calls == ["initialize", "process", "cleanup"]

    def test_async_work_is_cancelled(self) -> None:
        calls: list[str] = []
        inside = asyncio.Event()

        class Waiting(Node):
            async def process(self, data: Any) -> Any:
                inside.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    calls.append("cancelled")
                    raise

            def cleanup(self) -> None:
                calls.append("cleanup")

        async def main() -> None:
            run = asyncio.create_task(execute_pipeline_with_input([Waiting()], [1]))
            await inside.wait()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run

        asyncio.run(main())
        assert calls == ["cancelled", "cleanup"]

    def test_a_node_that_does_not_return_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalRun, "cancel_timeout", 0.05)
        entered, leave = threading.Event(), threading.Event()

        class Stuck(Node):
            def process(self, data: Any) -> Any:
                entered.set()
                leave.wait(30)

        async def main() -> None:
            run = asyncio.create_task(execute_pipeline_with_input([Stuck(name="stuck")], [1]))
            while not entered.is_set():
                await asyncio.sleep(0)
            run.cancel()
            with pytest.raises(CancelTimeoutError, match='node "stuck_0" did not return'):
                await run
            leave.set()

        asyncio.run(main())


class TestStream:
    def test_outputs_come_while_the_input_goes_on(self) -> None:
        async def main() -> None:
            given: asyncio.Queue[int | None] = asyncio.Queue()

            async def items() -> AsyncIterator[int]:
                while (item := await given.get()) is not None:
                    yield item

            pipeline = Pipeline([Echo(), AsyncEcho()])
            async with pipeline.managed_execution():
                outputs = pipeline.process(items())
                for number in range(3):
                    given.put_nowait(number)
                    assert await anext(outputs) == number
                given.put_nowait(None)
                assert [item async for item in outputs] == []

        asyncio.run(main())

    @pytest.mark.parametrize("echo", [Echo, AsyncEcho])
    def test_leaving_early_cancels_and_cleans_up(self, echo: type[Node]) -> None:
        closed = asyncio.Event()
        node = Noting()

        async def endless() -> AsyncIterator[int]:
            try:
                number = 0
                while True:
                    yield number
                    number += 1
                    await asyncio.sleep(0)
            finally:
                closed.set()

        async def main() -> None:
            outputs = Pipeline([node, echo()]).process(endless())
            assert await anext(outputs) == 0
            await outputs.aclose()
            assert closed.is_set()

        asyncio.run(main())
        assert node.calls[-1] == "cleanup"

    def test_a_failure_comes_after_the_outputs_before_it(self) -> None:
        async def items() -> AsyncIterator[int]:
            for number in range(5):
                yield number

        async def main() -> list[int]:
            outputs: list[int] = []
            with pytest.raises(ValueError, match="at two"):
                async for item in Pipeline([Failing(ValueError("at two"), at=2)]).process(items()):
                    outputs.append(item)
            return outputs

        assert asyncio.run(main()) == [0, 1]

    def test_a_failing_initialize_ends_the_stream(self) -> None:
        class Broken(Echo):
            def initialize(self) -> None:
                raise OSError("no model")

        async def items() -> AsyncIterator[int]:
            yield 1

        async def main() -> None:
            with pytest.raises(OSError, match="no model"):
                async for _ in Pipeline([Broken()]).process(items()):
                    raise AssertionError

        asyncio.run(main())

    def test_a_slow_reader_holds_up_the_input(self) -> None:
        given = 0

        async def endless() -> AsyncIterator[int]:
            nonlocal given
            while True:
                given += 1
                yield given

        async def main() -> None:
            outputs = Pipeline([Echo()]).process(endless())
            for _ in range(3):
                await anext(outputs)
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert given < 5_000
            await outputs.aclose()

        asyncio.run(main())
