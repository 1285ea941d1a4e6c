"""Live sessions of pipelines with TypeScript nodes and with nodes in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from driver_nodes import AsyncEcho, Counter, Echo, Pid
from live import fill, read, run, turns
from remotemedia import Pipeline
from remotemedia.core.exceptions import (
    EngineDiedError,
    InvalidInputError,
    InvalidNodeError,
    RemoteExecutionError,
    SessionEndedError,
    UnknownNodeTypeError,
)
from remotemedia.driver.engine import engine
from session_nodes import AsyncRecording, AsyncTidy, Broken, Counting, FailingAt, Gated, Recording, Summing

PASS = {"node_type": "typescript:PassThrough"}

MODULE = """
export class Failing {
  initialize() {}
  process(item) { if (item === 2) throw new RangeError('two is too much'); return item; }
}
export class Broken {
  initialize() { throw new Error('no model'); }
  process(item) { return item; }
}
export class Source {
  *source() { for (let i = 0; ; i++) yield i; }
  initialize() {}
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nodes.mjs").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ts(name: str) -> dict[str, Any]:
    return {"node_type": f"./nodes.mjs#{name}"}


PLACES = pytest.mark.parametrize(
    "make",
    [
        lambda: [Recording(), PASS, AsyncRecording()],
        lambda: [PASS],
        lambda: [PASS, Recording()],
        lambda: [AsyncRecording(), PASS],
        lambda: [Echo(executor="multiprocess")],
        lambda: [Recording(), Echo(executor="multiprocess"), PASS, Recording()],
    ],
    ids=["ptp", "t", "tp", "pt", "m", "pmtp"],
)


@PLACES
def test_items_go_through_as_they_come(make: Any) -> None:
    async def main() -> None:
        nodes = make()
        here = [node for node in nodes if isinstance(node, Recording)]
        async with Pipeline(nodes).open() as session:
            assert [node.calls for node in here] == [["initialize"]] * len(here)
            for number in range(5):
                await session.write(number)
                assert await anext(session) == number
            session.end()
            assert await read(session) == []
            await session.wait()
        assert [node.calls for node in here] == [["initialize", "flush", "cleanup"]] * len(here)

    run(main)


@PLACES
def test_many_items_in_order_from_a_task_of_their_own(make: Any) -> None:
    async def main() -> None:
        async with Pipeline(make()).open(max_pending=2) as session:
            reader = asyncio.create_task(read(session))
            for number in range(500):
                await session.write(number)
            session.end()
            assert await reader == list(range(500))

    run(main)


@PLACES
def test_leaving_the_block_drops_what_nobody_reads(make: Any) -> None:
    async def main() -> None:
        async with Pipeline(make()).open(max_pending=1_000) as session:
            for number in range(1_000):
                await session.write(number)
            assert await anext(session) == 0

    run(main)


@PLACES
def test_cancel_ends_readers_and_refuses_writers(make: Any) -> None:
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


@PLACES
def test_an_exception_in_the_block_cancels(make: Any) -> None:
    async def main() -> None:
        with pytest.raises(KeyError, match="mine"):
            async with Pipeline(make()).open() as session:
                await session.write(1)
                await anext(session)
                raise KeyError("mine")

    run(main)


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

    def test_being_cancelled_meanwhile(self) -> None:
        node = Recording()

        async def main() -> None:
            is_inside = asyncio.Event()

            class Loading(Recording):
                async def initialize(self) -> None:  # type: ignore[override]
                    is_inside.set()
                    await asyncio.Event().wait()

            async def open_it() -> None:
                await Pipeline([node, PASS, Loading()]).open()

            opening = asyncio.create_task(open_it())
            await is_inside.wait()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

        run(main)
        assert node.calls == ["initialize", "cleanup"]


class TestFailures:
    @pytest.mark.parametrize(
        ("place", "kind"),
        [("typescript", RemoteExecutionError), ("here", LookupError), ("away", LookupError)],
    )
    def test_come_after_the_outputs_before_them(
        self, folder: Path, place: str, kind: type[Exception]
    ) -> None:
        failing: dict[str, list[Any]] = {
            "typescript": [Echo(), ts("Failing")],
            "here": [PASS, FailingAt(2)],
            "away": [Echo(), FailingAt(2, executor="multiprocess"), Echo()],
        }

        async def main() -> None:
            session = await Pipeline(failing[place]).open()
            for number in range(3):
                await session.write(number)
            assert [await anext(session), await anext(session)] == [0, 1]
            with pytest.raises(kind, match=r"two is too much|no 2") as caught:
                await anext(session)
            with pytest.raises(SessionEndedError, match="it ended: ") as refused:
                await session.write(3)
            assert refused.value.__cause__ is caught.value

        run(main)

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


def test_a_session_that_is_left_open_ends_with_the_loop() -> None:
    nodes = [AsyncTidy(), AsyncTidy()]

    async def main() -> None:
        session = await Pipeline([nodes[0], PASS, nodes[1]]).open()
        await session.write(1)
        assert await anext(session) == 1

    asyncio.run(main())
    assert [node.calls for node in nodes] == [["initialize", "cleanup"]] * 2


def test_room_is_that_of_the_first_node_here() -> None:
    node = Gated()

    async def main() -> None:
        async with Pipeline([node, PASS]).open(max_pending=3) as session:
            await fill(session, node, 3)
            assert not session.try_write("too much")
            write = asyncio.create_task(session.write(4))
            await turns()
            assert not write.done()
            session.end()
            node.may_go_on.set()
            await write
            assert await read(session) == [0, 1, 2, 3, 4]

    run(main)


def test_cancel_while_a_node_is_at_work() -> None:
    node = Gated()

    async def main() -> None:
        async with Pipeline([PASS, node]).open() as session:
            await session.write(0)
            assert await asyncio.to_thread(node.is_inside.wait, 30)
            cancelling = asyncio.create_task(session.cancel())
            await turns()
            assert not cancelling.done()
            node.may_go_on.set()
            await cancelling

    run(main)
    assert (node.seen, node.calls) == ([0], ["initialize", "cleanup"])


@pytest.mark.parametrize("place", ["here", "typescript"])
def test_a_source_is_open_and_takes_no_input(folder: Path, place: str) -> None:
    async def main() -> None:
        nodes = [Counting(), PASS] if place == "here" else [ts("Source"), Echo()]
        async with Pipeline(nodes, "camera").open() as session:
            assert [await anext(session) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(InvalidInputError, match='"camera" begins with source nodes only'):
                await session.write(1)

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


def test_many_at_once_share_a_node() -> None:
    node = Recording()

    async def talk(number: int, barrier: asyncio.Barrier) -> None:
        async with Pipeline([node, PASS]).open() as session:
            await barrier.wait()
            for turn in range(5):
                await session.write([number, turn])
                assert await anext(session) == [number, turn]
            await barrier.wait()

    async def main() -> None:
        barrier = asyncio.Barrier(10)
        await asyncio.gather(*(talk(number, barrier) for number in range(10)))

    run(main)
    assert (node.calls.count("initialize"), node.calls.count("cleanup")) == (1, 1)


def test_one_after_the_other_leave_nothing_behind() -> None:
    descriptors = Path("/proc/self/fd")

    def counts() -> tuple[int, int]:
        return threading.active_count(), len(list(descriptors.iterdir())) if descriptors.is_dir() else 0

    async def talk(number: int) -> None:
        async with Pipeline([Recording(), PASS, AsyncRecording()]).open() as session:
            await session.write(number)
            if number % 3:
                assert await anext(session) == number
            if number % 5 == 0:
                await session.cancel()

    async def main() -> None:
        for number in range(15):
            await talk(number)
        before = counts()
        for number in range(60):
            await talk(number)
        assert counts() == before

    run(main)
