"""Limits of what waits for a node, or at the input of a session, and urgent items."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live import run, turns
from remotemedia import LiveSession, Node, Pipeline, QueueLimits, execute_pipeline_with_input_sync
from remotemedia.core.exceptions import ConfigurationError
from remotemedia.core.settings import settings_of
from remotemedia.runner import backlog
from remotemedia.testing import ScriptStep, run_script

OLDEST = QueueLimits(2, when_full="drop-oldest")
NEWEST = QueueLimits(2, when_full="drop-newest")


class Through(Node):
    """Tells when so many items have come through; by then they are where they wait."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def process(self, item: Any) -> Any:
        self.count += 1
        return item


class ThroughLater(Through):
    async def process(self, item: Any) -> Any:
        return super().process(item)


class Held(Node):
    """Works on one item after the other, each until it is let go."""

    def __init__(self, input_queue: Any = None) -> None:
        super().__init__()
        self.input_queue = input_queue
        self.permits = threading.Semaphore(0)
        self.is_inside = threading.Event()

    def process(self, item: Any) -> Any:
        self.is_inside.set()
        assert self.permits.acquire(timeout=30)
        return item

    def let_go(self) -> None:
        self.permits.release()


class HeldLater(Held):
    async def process(self, item: Any) -> Any:
        return await asyncio.to_thread(super().process, item)


class HeldStream(Held):
    is_streaming = True

    async def process(self, items: Any) -> Any:
        async for item in items:
            yield await asyncio.to_thread(Held.process, self, item)


class HeldThread(Held):
    is_streaming = True

    def process(self, items: Any) -> Any:
        for item in items:
            yield super().process(item)


KINDS = [Held, HeldLater, HeldStream, HeldThread]


class Opened:
    """A session of two nodes, the second of which is at work on the item 1."""

    def __init__(self, session: LiveSession, through: Through, held: Held) -> None:
        self.session, self.through, self.held = session, through, held

    async def write(self, *items: Any, **how: Any) -> None:
        """Write items, and wait until they are where they wait."""
        expected = self.through.count + len(items)
        for item in items:
            await self.session.write(item, **how)
        while self.through.count < expected:
            await asyncio.sleep(0)
        await turns()

    async def rest(self) -> list[Any]:
        self.session.end()
        outputs: list[Any] = []
        self.held.let_go()
        async for output in self.session:
            outputs.append(output)
            self.held.let_go()
        return outputs

    def dropped(self) -> int:
        return (self.session.metrics() or {})["node_metrics"][-1]["items_dropped"]


def with_session(kind: type[Held], limits: Any, body: Callable[[Opened], Any]) -> Any:
    """What a test gives that gets a session whose node is at work."""

    async def main() -> Any:
        # A sync node has the thread of its segment while it works: what waits for it comes from the loop.
        through, held = ThroughLater(), kind(limits)
        pipeline = Pipeline([through, held], enable_metrics=True)
        async with pipeline.open() as session:
            await session.write(1)
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            return await body(Opened(session, through, held))

    return run(main)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("limits", "left"), [(OLDEST, [1, 4, 5]), (NEWEST, [1, 2, 3]), ("latest", [1, 5])])
def test_an_item_that_finds_the_queue_full(kind: type[Held], limits: Any, left: list[int]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(2, 3, 4, 5)
        assert opened.dropped() == 5 - len(left)
        assert await opened.rest() == left

    with_session(kind, limits, body)


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_makes_room_for_its_bytes(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(*(bytes([number]) * 800 for number in range(4)))
        assert opened.dropped() == 2
        outputs = await opened.rest()
        assert [output[0] for output in outputs[1:]] == [2, 3]

    with_session(kind, {"max_bytes": 2_000, "when_full": "drop-oldest"}, body)


@pytest.mark.parametrize("kind", KINDS)
def test_urgent_items_go_before_all_that_waits_and_are_not_dropped(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(2, 3)
        await opened.write("stop", "now", urgent=True)
        await opened.write(4)
        assert opened.dropped() == 1
        assert await opened.rest() == [1, "stop", "now", 2, 3]

    with_session(kind, NEWEST, body)


@pytest.mark.parametrize("kind", KINDS)
def test_urgent_items_go_first_where_nothing_is_stated(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(2, 3)
        await opened.write("stop", "now", urgent=True)
        assert await opened.rest() == [1, "stop", "now", 2, 3]

    with_session(kind, None, body)


def test_an_urgent_item_does_not_wait_for_room_at_the_input() -> None:
    async def main() -> list[Any]:
        held = Held()
        async with Pipeline([held]).open(max_pending=2) as session:
            await session.write(0)
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            number = 0
            while session.try_write(number := number + 1):
                await turns()
            assert session.try_write("stop", urgent=True)
            session.end()
            for _ in range(number + 1):
                held.let_go()
            return [output async for output in session]

    assert run(main)[:3] == [0, "stop", 1]


def test_scripts_write_urgent_items_and_times() -> None:
    class Slow(Node):
        async def process(self, item: Any, ctx: Any) -> Any:
            await asyncio.sleep(1)
            return [item, ctx.timestamp_us]

    script: list[ScriptStep] = [
        {"at_ms": 0, "write": "a", "timestamp_us": 5},
        {"at_ms": 10, "write": "b"},
        {"at_ms": 20, "write": "now", "urgent": True},
    ]
    assert run_script(Slow(), script).values == [["a", 5], ["now", None], ["b", None]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stale_makes_room(kind: type[Held]) -> None:
    async def body(opened: Opened) -> None:
        await opened.write(2, 3)
        opened.session.interrupt()
        await opened.write(4, 5)
        assert opened.dropped() == 0
        opened.held.let_go()
        assert await opened.rest() == [4, 5]

    with_session(kind, NEWEST, body)


class Gate(Node):
    """In another process: waits at the first item until the test reads a pipe, and passes on the rest."""

    input_queue = "latest"

    def __init__(self, pipe: Path) -> None:
        super().__init__()
        self.pipe = pipe
        self.is_open = False

    async def process(self, item: Any, ctx: Any) -> Any:
        if not self.is_open:
            self.is_open = True
            await asyncio.to_thread(self.pipe.read_text)
        return [item, ctx.timestamp_us]


class TellLast(Node):
    """Tells by a pipe when the last item has come by."""

    def __init__(self, pipe: Path) -> None:
        super().__init__()
        self.pipe = pipe

    def process(self, item: Any) -> Any:
        if item == "last":
            self.pipe.write_text("it has come")
        return item


def test_another_process_drops_and_lets_urgent_items_go_first(tmp_path: Path) -> None:
    gate, told = tmp_path / "gate", tmp_path / "told"
    os.mkfifo(gate)
    os.mkfifo(told)

    async def main() -> None:
        nodes = [TellLast(told), Gate(gate)]
        for node in nodes:
            node.executor = "multiprocess"
        async with Pipeline(nodes, enable_metrics=True).open() as session:
            for number in range(20):
                await session.write(number, timestamp_us=number)
            await session.write("now", urgent=True)
            await session.write("last")
            await asyncio.to_thread(told.read_text)
            await asyncio.to_thread(gate.write_text, "go on")
            session.end()
            outputs = [output async for output in session]
            await session.wait()
            assert outputs[-1] == ["last", None]
            assert ["now", None] in outputs
            assert outputs[0] in (["now", None], *([number, number] for number in range(20)))
            record = (session.metrics() or {})["node_metrics"][1]
            assert record["items_dropped"] == 22 - len(outputs) > 0

    run(main)


class Slow(Node):
    async def process(self, item: Any) -> Any:
        await asyncio.sleep(0)
        return item


class SlowStream(Node):
    is_streaming = True

    def process(self, items: Any) -> Any:
        yield from items


@pytest.mark.parametrize("first", [Through, ThroughLater])
@pytest.mark.parametrize("kind", [Through, Slow, SlowStream])
def test_those_before_it_wait_and_nothing_is_dropped(kind: type[Node], first: type[Node]) -> None:
    node = kind()
    node.input_queue = QueueLimits(2)
    pipeline = Pipeline([first(), node, Through()], enable_metrics=True)
    assert pipeline.run_sync(list(range(300))) == list(range(300))
    record = (pipeline.get_metrics() or {})["node_metrics"][1]
    assert (record["items_in"], record["items_dropped"], record["max_queue_depth"]) == (300, 0, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_waited_too_long_is_dropped(kind: type[Held], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(backlog, "now_s", lambda: now[0])

    async def body(opened: Opened) -> None:
        await opened.write(2, 3)
        now[0] = 0.101
        assert await opened.rest() == [1]
        assert opened.dropped() == 2

    with_session(kind, QueueLimits(max_age_ms=100), body)


def test_a_sync_node_has_a_queue_behind_sync_nodes_as_well() -> None:
    first, last = Through(), Through()
    last.input_queue = "latest"
    pipeline = Pipeline([first, last], enable_metrics=True)
    outputs = pipeline.run_sync(list(range(100)))
    given = outputs if isinstance(outputs, list) else [outputs]
    record = (pipeline.get_metrics() or {})["node_metrics"][1]
    assert given[-1] == 99
    assert first.count == 100
    assert record["items_dropped"] == 100 - len(given) > 0


def test_a_failure_behind_a_queue_ends_the_run() -> None:
    class Refuse(Node):
        input_queue = QueueLimits(1)

        def process(self, item: Any) -> Any:
            if item == 7:
                raise ValueError("seven")
            return item

    with pytest.raises(ValueError, match="seven"):
        execute_pipeline_with_input_sync([Through(), Refuse(), Slow()], list(range(100)))


@pytest.mark.parametrize("kind", [Held, HeldLater])
def test_the_input_of_a_session_may_have_limits_of_its_own(kind: type[Held]) -> None:
    async def main() -> None:
        held = kind(QueueLimits(1))
        async with Pipeline([held]).open(input_queue="latest") as session:
            await session.write(0)
            assert await asyncio.to_thread(held.is_inside.wait, 30)
            for item in range(1, 10):
                await session.write(item)
                await turns()
            assert session.try_write(10)
            session.end()
            outputs: list[Any] = []
            held.let_go()
            async for output in session:
                outputs.append(output)
                held.let_go()
            assert outputs[-1] == 10
            assert session.dropped == 11 - len(outputs) > 0

    run(main)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_items": 0}, "input_queue.max_items must be a whole number of at least 1, got 0."),
        (
            "newest",
            "input_queue must be a dict, a QueueLimits or one of block, drop-oldest, drop-newest, latest",
        ),
        ({"items": 3}, 'input_queue has no "items"; there are max_items, max_bytes, max_age_ms, when_full.'),
        (QueueLimits(max_age_ms=0), "input_queue.max_age_ms must be a number from 1, got 0."),
        ({"max_bytes": 1.5}, "input_queue.max_bytes must be a whole number of at least 1, got 1.5."),
    ],
)
def test_wrong_limits_are_refused(limits: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Pipeline([Held()]).open(input_queue=limits)
    assert message in str(refused.value)
    with pytest.raises(ConfigurationError, match=r'^Node "a": ') as refused:
        settings_of(Held(limits), "a")
    assert message in str(refused.value)
