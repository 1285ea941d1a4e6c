"""What async nodes of live sessions may rely on, whoever makes the first step of their calls."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from async_nodes import Doing, outputs_of, same
from live import read, run, turns
from remotemedia import Node, Pipeline


class TestTheTaskOfACall:
    def test_is_the_same_before_and_after_it_waits(self) -> None:
        async def work(_: Any) -> bool:
            task = asyncio.current_task()
            await asyncio.sleep(0)
            return task is not None and asyncio.current_task() is task

        assert outputs_of(Doing(same), Doing(work), items=[0, 1, 2]) == [True] * 3

    def test_is_not_that_of_the_node_which_gives_the_item(self) -> None:
        async def own(before: list[Any]) -> list[Any]:
            return [*before, asyncio.current_task()]

        class Giving(Node):
            async def process(self, data: list[Any]) -> AsyncIterator[list[Any]]:
                mine = asyncio.current_task()
                yield [*data, mine]
                # Goes on as itself.
                assert asyncio.current_task() is mine

        [tasks] = outputs_of(Doing(own), Giving(), Doing(own), items=[[]])
        assert None not in tasks
        assert len(set(tasks)) == 3

    def test_has_tasks_and_futures_at_its_service(self) -> None:
        async def work(data: int) -> list[Any]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(same(number)) for number in range(data)]
            more = await asyncio.gather(same(data), same("more"))
            return [*(task.result() for task in tasks), *more]

        assert outputs_of(Doing(work), items=[0, 2]) == [[0, "more"], [0, 1, 2, "more"]]

    def test_waits_for_a_future_that_others_wait_for(self) -> None:
        async def main() -> list[Any]:
            ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            began = asyncio.Event()

            async def wait() -> str:
                began.set()
                return await ready

            async def work(_: Any) -> list[str]:
                other = asyncio.create_task(wait())
                return [await ready, await other]

            async with Pipeline([Doing(same), Doing(work)]).open() as session:
                await session.write(1)
                await began.wait()
                await turns()
                ready.set_result("ready")
                session.end()
                return await read(session)

        assert run(main) == [["ready", "ready"]]


class TestContextVariables:
    @pytest.mark.parametrize("waits", [False, True])
    @pytest.mark.parametrize("concurrency", [1, 2])
    def test_do_not_leak_from_item_to_item_nor_to_other_nodes(self, waits: bool, concurrency: int) -> None:
        variable = contextvars.ContextVar("variable", default="default")

        async def work(data: Any) -> Any:
            before = variable.get()
            variable.set(f"set for {data}")
            if waits:
                await asyncio.sleep(0)
            return before, variable.get()

        async def seeing(data: Any) -> Any:
            return (*data, variable.get())

        node = Doing(work)
        node.concurrency = concurrency
        expected = [("default", f"set for {item}", "default") for item in range(3)]
        assert outputs_of(Doing(same), node, Doing(seeing), items=[0, 1, 2]) == expected

    def test_may_be_reset_by_a_generator_that_has_waited(self) -> None:
        variable = contextvars.ContextVar("variable", default="default")

        class Giving(Node):
            async def process(self, data: Any) -> AsyncIterator[Any]:
                token = variable.set(data)
                yield variable.get()
                await asyncio.sleep(0)
                variable.reset(token)
                yield variable.get()

        assert outputs_of(Giving(), items=["a", "b"]) == ["a", "default", "b", "default"]


class TestOrder:
    def test_is_kept_where_some_calls_wait_and_some_do_not(self) -> None:
        def waiting(every: int) -> Doing:
            async def work(data: int) -> int:
                for _ in range(data % every):
                    await asyncio.sleep(0)
                return data

            return Doing(work)

        async def main() -> list[Any]:
            async with Pipeline([waiting(every) for every in (1, 2, 3, 5)]).open() as session:

                async def write() -> None:
                    for item in range(1_000):
                        await session.write(item)
                        if item % 7 == 0:
                            await asyncio.sleep(0)
                    session.end()

                writing = asyncio.create_task(write())
                outputs = await read(session)
                await writing
                return outputs

        assert run(main) == list(range(1_000))

    def test_outputs_of_one_item_go_through_before_its_generator_goes_on(self) -> None:
        class Twice(Node):
            async def process(self, data: Any) -> AsyncIterator[Any]:
                yield data, 1
                yield data, 2

        assert outputs_of(Twice(), Doing(same), items=[0, 1]) == [(0, 1), (0, 2), (1, 1), (1, 2)]


class TestDepthAndTurns:
    def test_a_long_chain_does_not_overflow_the_stack(self) -> None:
        class Giving(Node):
            async def process(self, data: Any) -> AsyncIterator[Any]:
                yield data

        limit = sys.getrecursionlimit()
        nodes = [Giving() if number % 2 else Doing(same) for number in range(300)]

        async def main() -> list[Any]:
            async with Pipeline(nodes).open() as session:
                depth = len(list(frames()))
                sys.setrecursionlimit(depth + 400)
                try:
                    for item in range(10):
                        await session.write(item)
                    session.end()
                    return await read(session)
                finally:
                    sys.setrecursionlimit(limit)

        assert run(main) == list(range(10))

    def test_others_on_the_loop_get_turns_while_a_node_never_waits(self) -> None:
        ticks = 0
        seen: list[int] = []

        async def work(_: Any) -> None:
            seen.append(ticks)
            # Takes the time of the loop, as a long calculation does.
            time.sleep(0.001)

        async def main() -> None:
            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0)

            async with Pipeline([Doing(work)]).open(max_pending=500) as session:
                ticking = asyncio.create_task(tick())
                for item in range(200):
                    assert session.try_write(item)
                session.end()
                assert await read(session) == []
                ticking.cancel()

        run(main)
        assert len(seen) == 200
        assert max(seen.count(tick) for tick in seen) < 100


def frames() -> Any:
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        yield frame
        frame = frame.f_back
