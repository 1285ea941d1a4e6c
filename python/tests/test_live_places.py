"""What live sessions do wherever their nodes are: in this program, in the engine, in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from driver_nodes import Echo
from live import KINDS, fill, life_of, read, run, threads_and_descriptors, turns
from remotemedia import Pipeline
from remotemedia.core.exceptions import InvalidInputError, RemoteExecutionError, SessionEndedError
from session_nodes import AsyncRecording, AsyncTidy, Counting, FailingAt, Gated, Recording
from typescript import PASS, ts

Make = Callable[[], list[Any]]

# p: a node of this program; t: one of TypeScript; m: one in a process of its own.
PLACES: dict[str, Make] = {
    **{kind.__name__: partial(lambda kind: [kind(), Recording(), kind()], kind) for kind in KINDS},
    "ptp": lambda: [Recording(), PASS, AsyncRecording()],
    "t": lambda: [PASS],
    "tp": lambda: [PASS, Recording()],
    "pt": lambda: [AsyncRecording(), PASS],
    "m": lambda: [Echo(executor="multiprocess")],
    "pmtp": lambda: [Recording(), Echo(executor="multiprocess"), PASS, Recording()],
}
IN_ALL_PLACES = pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)


def here(nodes: list[Any]) -> list[Recording]:
    """The nodes that run in this program."""
    return [node for node in nodes if isinstance(node, Recording) and node.executor is None]


@IN_ALL_PLACES
def test_items_go_through_as_they_come(make: Make) -> None:
    async def main() -> None:
        nodes = make()
        async with Pipeline(nodes).open() as session:
            assert [node.calls for node in here(nodes)] == [["initialize"]] * len(here(nodes))
            for item in (1, "two", 3, 4, 5):
                await session.write(item)
                assert await anext(session) == item
            session.end()
            assert await read(session) == []
            await session.wait()
        assert [node.calls for node in here(nodes)] == [life_of(node) for node in here(nodes)]

    run(main)


@IN_ALL_PLACES
def test_many_items_stay_in_order(make: Make) -> None:
    async def main() -> None:
        async with Pipeline(make()).open(max_pending=2) as session:
            reader = asyncio.create_task(read(session))
            for number in range(1_000):
                await session.write(number)
            session.end()
            assert await reader == list(range(1_000))

    run(main)


@pytest.mark.parametrize("place", ["here", "before the engine", "typescript"])
def test_a_source_takes_no_input(folder: Path, place: str) -> None:
    source = Counting()

    async def main() -> None:
        nodes = {
            "here": [source, Recording()],
            "before the engine": [source, PASS],
            "typescript": [ts("Source"), Echo()],
        }
        async with Pipeline(nodes[place], "camera").open() as session:
            assert [await anext(session) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(InvalidInputError, match='"camera" begins with source nodes only'):
                await session.write(1)
            with pytest.raises(InvalidInputError):
                session.try_write(1)

    run(main)
    assert source.calls == ([] if place == "typescript" else ["initialize", "cleanup"])


class TestRoom:
    @pytest.mark.parametrize("behind", [AsyncRecording, lambda: PASS], ids=["here", "typescript"])
    @pytest.mark.parametrize("pending", [1, 2, 5, 64])
    def test_as_many_items_wait_as_may(self, pending: int, behind: Callable[[], Any]) -> None:
        node = Gated()

        async def main() -> None:
            async with Pipeline([node, behind()]).open(max_pending=pending) as session:
                await fill(session, node, pending)
                await turns()
                assert not session.try_write("too much")
                writes = [asyncio.create_task(session.write(pending + number)) for number in (1, 2)]
                await turns()
                assert not any(write.done() for write in writes)
                node.may_go_on.set()
                await asyncio.gather(*writes)
                session.end()
                assert await read(session) == list(range(pending + 3))

        run(main)

    @pytest.mark.parametrize("behind", [[], [PASS]], ids=["here", "typescript"])
    def test_end_lets_those_in_that_wait(self, behind: list[Any]) -> None:
        node = Gated()

        async def main() -> None:
            async with Pipeline([node, *behind]).open(max_pending=1) as session:
                await fill(session, node, 1)
                writes = [asyncio.create_task(session.write(number)) for number in (2, 3)]
                await turns()
                session.end()
                with pytest.raises(SessionEndedError):
                    await session.write(4)
                node.may_go_on.set()
                assert await read(session) == [0, 1, 2, 3]
                await asyncio.gather(*writes)

        run(main)


@pytest.mark.parametrize("between", [[], [PASS]], ids=["here", "typescript"])
def test_an_opening_that_is_cancelled_cleans_up(between: list[Any]) -> None:
    node = Recording()

    async def main() -> None:
        is_inside = asyncio.Event()

        class Loading(Recording):
            async def initialize(self) -> None:  # type: ignore[override]
                is_inside.set()
                await asyncio.Event().wait()

        async def open_it() -> None:
            await Pipeline([node, *between, Loading()]).open()

        opening = asyncio.create_task(open_it())
        await is_inside.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    run(main)
    assert node.calls == ["initialize", "cleanup"]


FAILING: dict[str, Make] = {
    "first": lambda: [FailingAt(2, name="picky"), Recording()],
    "behind another": lambda: [AsyncRecording(), FailingAt(2, name="picky"), Recording()],
    "behind typescript": lambda: [PASS, FailingAt(2, name="picky")],
    "away": lambda: [Echo(), FailingAt(2, name="picky", executor="multiprocess"), Echo()],
    "typescript": lambda: [Echo(), ts("Failing")],
}


@pytest.mark.parametrize("place", FAILING)
def test_failures_come_after_the_outputs_before_them(folder: Path, place: str) -> None:
    node = "Failing_1" if place == "typescript" else f"picky_{int(place != 'first')}"
    error, words = (
        (RemoteExecutionError, "two is too much") if place == "typescript" else (LookupError, "no 2")
    )

    async def main() -> None:
        nodes = FAILING[place]()
        session = await Pipeline(nodes, "agent").open()
        for number in range(3):
            await session.write(number)
        assert [await anext(session), await anext(session)] == [0, 1]
        with pytest.raises(error, match=words) as caught:
            await anext(session)
        assert f'in process() of node "{node}", item 2' in caught.value.__notes__[0]
        with pytest.raises(StopAsyncIteration):
            await anext(session)
        with pytest.raises(SessionEndedError) as refused:
            await session.write(3)
        assert refused.value.__cause__ is caught.value
        assert str(refused.value) == (
            'The session of pipeline "agent" takes no more items: it ended: '
            f"{type(caught.value).__name__}: {caught.value}. Open another one."
        )
        with pytest.raises(error):
            await session.wait()
        assert [node.calls for node in here(nodes)] == [["initialize", "cleanup"]] * len(here(nodes))

    run(main)


class TestEnding:
    @IN_ALL_PLACES
    def test_leaving_the_block_drops_what_nobody_reads(self, make: Make) -> None:
        async def main() -> None:
            nodes = make()
            async with Pipeline(nodes).open(max_pending=1_000) as session:
                for number in range(1_000):
                    await session.write(number)
                assert await anext(session) == 0
            assert [node.calls for node in here(nodes)] == [life_of(node) for node in here(nodes)]

        run(main)

    @IN_ALL_PLACES
    def test_an_exception_in_the_block_cancels(self, make: Make) -> None:
        async def main() -> None:
            nodes = make()
            with pytest.raises(KeyError, match="mine"):
                async with Pipeline(nodes).open() as session:
                    await session.write(1)
                    await anext(session)
                    raise KeyError("mine")
            assert "over" in repr(session)
            assert [node.calls for node in here(nodes)] == [["initialize", "cleanup"]] * len(here(nodes))

        run(main)

    @pytest.mark.parametrize("between", [[], [PASS]], ids=["here", "typescript"])
    @pytest.mark.parametrize("kind", [Recording, AsyncRecording, AsyncTidy])
    def test_a_session_that_is_left_open_ends_with_the_loop(
        self, kind: type[Recording], between: list[Any]
    ) -> None:
        nodes = [kind(), kind()]

        async def main() -> None:
            session = await Pipeline([nodes[0], *between, nodes[1]]).open()
            await session.write(1)
            assert await anext(session) == 1

        asyncio.run(main())
        assert [node.calls for node in nodes] == [["initialize", "cleanup"]] * 2


class TestCancel:
    @IN_ALL_PLACES
    def test_ends_readers_and_refuses_writers(self, make: Make) -> None:
        async def main() -> None:
            session = await Pipeline(make()).open()
            reader = asyncio.create_task(read(session))
            await turns()
            await session.cancel()
            assert await reader == []
            for call in (session.write(1), session.wait()):
                with pytest.raises(SessionEndedError, match="it was cancelled"):
                    await call

        run(main)

    @pytest.mark.parametrize("before", [[], [PASS]], ids=["here", "typescript"])
    def test_lets_a_sync_process_end_and_drops_what_waits(self, before: list[Any]) -> None:
        node = Gated()

        async def main() -> None:
            async with Pipeline([*before, node]).open() as session:
                await fill(session, node, 10)
                cancelling = asyncio.create_task(session.cancel())
                await turns()
                assert not cancelling.done()
                node.may_go_on.set()
                await cancelling

        run(main)
        assert (node.seen, node.calls) == ([0], ["initialize", "cleanup"])


class TestManySessions:
    @pytest.mark.parametrize("between", [[], [PASS]], ids=["here", "typescript"])
    def test_share_their_nodes(self, between: list[Any]) -> None:
        nodes = [Recording(), AsyncRecording()]

        async def talk(number: int, barrier: asyncio.Barrier) -> None:
            async with Pipeline([nodes[0], *between, nodes[1]]).open() as session:
                await barrier.wait()
                for turn in range(10):
                    await session.write([number, turn])
                    assert await anext(session) == [number, turn]
                await barrier.wait()

        async def main() -> None:
            barrier = asyncio.Barrier(20)
            await asyncio.gather(*(talk(number, barrier) for number in range(20)))

        run(main)
        for node in nodes:
            assert (node.calls.count("initialize"), node.calls.count("cleanup")) == (1, 1)

    @pytest.mark.parametrize(
        ("between", "count"), [(Recording, 300), (lambda: PASS, 60)], ids=["here", "typescript"]
    )
    def test_one_after_the_other_leave_nothing_behind(self, between: Callable[[], Any], count: int) -> None:
        async def talk(number: int) -> None:
            async with Pipeline([Recording(), between(), AsyncRecording()]).open() as session:
                await session.write(number)
                if number % 3:
                    assert await anext(session) == number
                if number % 5 == 0:
                    await session.cancel()

        async def main() -> None:
            for number in range(15):
                await talk(number)
            threads, descriptors = threads_and_descriptors()
            for number in range(count):
                await talk(number)
            threads_then, descriptors_then = threads_and_descriptors()
            # A thread more may be kept for the next one, where those before were still at work.
            assert threads_then - threads < count / 10
            assert descriptors_then - descriptors < count / 10

        run(main)
