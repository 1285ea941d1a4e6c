"""What async nodes of live sessions may rely on, whoever makes the first step of their calls."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from live import read, run, turns
from remotemedia import LiveSession, Node, Pipeline
from session_nodes import AsyncGated, Recording

Work = Callable[[Any], Awaitable[Any]]


class Doing(Node):
    """Does in ``process`` what a test asks for."""

    def __init__(self, work: Work, **config: Any) -> None:
        super().__init__(**config)
        self.work = work

    async def process(self, data: Any) -> Any:
        return await self.work(data)


async def same(data: Any) -> Any:
    return data


def outputs_of(*nodes: Node, items: list[Any]) -> list[Any]:
    """Write all items, one at a time as far as they give something, and read what comes out."""

    async def main() -> list[Any]:
        async with Pipeline(list(nodes)).open() as session:
            for item in items:
                await session.write(item)
                await turns()
            session.end()
            return await read(session)

    return run(main)


def after_an_interruption(node: Node, *, when: Callable[[LiveSession], Awaitable[None]]) -> list[Any]:
    """What comes out if 0 and 1 are interrupted, as ``when`` says, and 2 is not."""

    async def main() -> list[Any]:
        async with Pipeline([Doing(same), node, Doing(same)]).open() as session:
            await session.write(0)
            await session.write(1)
            await when(session)
            await session.write(2)
            session.end()
            return await read(session)

    return run(main)


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


class TestATimeoutInsideANode:
    @pytest.mark.parametrize("seconds", [0, 0.001])
    def test_ends_what_the_node_waits_for(self, seconds: float) -> None:
        async def work(data: Any) -> Any:
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.Event().wait()
            except TimeoutError:
                await asyncio.sleep(0)
                return data
            return "not reached"

        async def main() -> list[Any]:
            async with Pipeline([Doing(same), Doing(work), Doing(work)]).open() as session:
                for item in (0, 1, 2):
                    await session.write(item)
                session.end()
                return await read(session)

        assert run(main) == [0, 1, 2]

    def test_that_is_not_used_up_changes_nothing(self) -> None:
        async def work(data: Any) -> Any:
            async with asyncio.timeout(30):
                return data

        assert outputs_of(Doing(work), Doing(work), items=[0, 1, 2]) == [0, 1, 2]

    def test_does_not_hide_an_interruption(self) -> None:
        seen: list[str] = []
        began = asyncio.Event()

        async def work(data: int) -> int:
            if data < 2:
                began.set()
                try:
                    async with asyncio.timeout(30):
                        await asyncio.Event().wait()
                except asyncio.CancelledError:
                    seen.append("cancelled")
                    raise
            return data

        async def when(session: LiveSession) -> None:
            await began.wait()
            session.interrupt()

        assert after_an_interruption(Doing(work), when=when) == [2]
        assert seen == ["cancelled"]


class TestAnInterruption:
    def test_cancels_a_call_that_waits(self) -> None:
        node = AsyncGated()

        async def when(session: LiveSession) -> None:
            await node.is_inside.wait()
            await turns()
            session.interrupt()
            node.may_go_on.set()

        assert after_an_interruption(node, when=when) == [2]
        assert node.calls == ["initialize", "cancelled", "flush", "cleanup"]

    def test_cancels_a_call_in_the_turn_in_which_it_began(self) -> None:
        seen: list[Any] = []
        was_cancelled = asyncio.Event()
        sessions: list[LiveSession] = []

        async def work(data: int) -> int:
            if data < 2:
                # Comes before anything else on the loop.
                asyncio.get_running_loop().call_soon(sessions[0].interrupt)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    seen.append(data)
                    was_cancelled.set()
                    raise
            return data

        async def main() -> list[Any]:
            async with Pipeline([Doing(same), Doing(work)]).open() as session:
                sessions.append(session)
                await session.write(0)
                await was_cancelled.wait()
                await session.write(2)
                session.end()
                return await read(session)

        assert run(main) == [2]
        assert seen == [0]

    @pytest.mark.parametrize("times", [1, 2])
    def test_that_a_node_swallows_does_not_reach_the_next_item(self, times: int) -> None:
        inside = asyncio.Event()
        seen: list[int] = []
        left_over: list[int] = []

        async def work(data: int) -> int:
            if data == 0:
                for _ in range(times):
                    inside.set()
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        seen.append(data)
                await asyncio.sleep(0)
                return data
            task = asyncio.current_task()
            assert task is not None
            left_over.append(task.cancelling())
            return data

        async def when(session: LiveSession) -> None:
            for _ in range(times):
                await inside.wait()
                inside.clear()
                await turns()
                session.interrupt()

        assert after_an_interruption(Doing(work), when=when) == [2]
        assert seen == [0] * times
        assert left_over == [0]

    def test_lets_a_node_close_its_outputs_undisturbed(self) -> None:
        closed: list[int] = []
        inside = asyncio.Event()

        class Giving(Node):
            async def process(self, data: int) -> AsyncIterator[int]:
                try:
                    yield data
                    if data == 0:
                        inside.set()
                        await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)
                    closed.append(data)

        async def when(session: LiveSession) -> None:
            await inside.wait()
            session.interrupt()

        assert after_an_interruption(Giving(), when=when) == [2]
        assert closed == [0, 2]


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


class TestFailures:
    @pytest.mark.parametrize("waits", [False, True])
    def test_end_a_session_and_the_node_is_not_called_again(self, waits: bool) -> None:
        calls: list[int] = []

        async def work(data: int) -> int:
            calls.append(data)
            if waits:
                await asyncio.sleep(0)
            raise LookupError(f"no {data}")

        async def main() -> None:
            with pytest.raises(LookupError, match="no 0") as caught:
                async with Pipeline([Doing(same), Doing(work, name="failing")]).open() as session:
                    for item in range(5):
                        assert session.try_write(item)
                    session.end()
                    await read(session)
            assert isinstance(caught.value, LookupError)

        run(main)
        assert calls == [0]

    def test_of_a_node_do_not_show_in_the_one_that_gave_the_item(self) -> None:
        given: list[str] = []

        class Giving(Recording):
            async def process(self, data: Any) -> AsyncIterator[Any]:
                try:
                    yield data
                except LookupError:
                    given.append("raised into it")
                finally:
                    given.append("closed")

        async def work(data: Any) -> Any:
            raise LookupError("gone")

        with pytest.raises(LookupError, match="gone"):
            outputs_of(Giving(), Doing(work), items=[0])
        assert given == ["closed"]

    def test_a_cancel_of_the_session_reaches_a_call_that_has_just_begun(self) -> None:
        seen: list[str] = []
        began = asyncio.Event()

        async def work(_: Any) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        async def main() -> None:
            session = await Pipeline([Doing(same), Doing(work)]).open()
            await session.write(0)
            await began.wait()
            await session.cancel()

        run(main)
        assert seen == ["cancelled"]


def frames() -> Any:
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        yield frame
        frame = frame.f_back
