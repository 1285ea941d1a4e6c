"""How calls of async nodes of live sessions end: by timeouts, interruptions and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from async_nodes import Doing, after_an_interruption, outputs_of, same
from live import read, run, turns
from remotemedia import LiveSession, Node, Pipeline
from session_nodes import AsyncGated, Recording


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
