"""What a host's segments outlive: a runner that fails, and a cancel or close in the wrong moment."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from typing import Any

import pytest

from engine import SECONDS
from remotemedia.host import segment_table
from remotemedia.host.connection import ControlConnection
from remotemedia.host.described import Ends
from remotemedia.host.segment_table import SegmentTable, give_up
from remotemedia.host.segments import HostSegment, SegmentHost
from remotemedia.runner import MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from remotemedia.runner.channel_input import ChannelInput
from remotemedia.runner.thread import ThreadSide
from remotemedia.wire.frames import FrameReader
from runner_nodes import AsyncAtOnce
from running import LOOP


class TestAnInputThatIsCancelled:
    def test_before_the_run_ends_it(self) -> None:
        port = ChannelInput("a-channel", (64, 1 << 20))
        place = Place("node", AsyncAtOnce())
        outputs: list[Any] = []
        plan = SegmentPlan([place], None, [(port, ["node"])], [(MemoryOutput(outputs.append), "node")])
        segment = Segment(plan, LOOP)
        near, far = socket.socketpair()
        with far:
            port.attach(FrameReader(near))
            segment.open()
            port.abort()
            segment.run()
            assert segment.close() == []
        assert (outputs, segment.failures) == ([], [])

    def test_is_not_waited_for_once_it_is_closed(self) -> None:
        near, far = socket.socketpair()
        near.close()
        far.close()
        readable: Any = type("Readable", (), {"socket": near})
        side = ThreadSide()
        side.open_wake()
        assert side.wait([readable], lambda: True) == []
        side.close()


class Events:
    """What a host's segments tell the engine."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()

    def emit(self, name: str, params: Any) -> None:
        self.told.put((name, params))

    def done(self) -> Any:
        while True:
            name, params = self.told.get(timeout=SECONDS)
            if name == "done":
                return params


class Answer:
    """One answer, which must come, and once."""

    def __init__(self) -> None:
        self._given: queue.Queue[tuple[Any, Any]] = queue.Queue()

    def __call__(self, result: Any, failed: Any) -> None:
        self._given.put((result, failed))

    def get(self) -> Any:
        result, failed = self._given.get(timeout=SECONDS)
        assert failed is None
        assert self._given.empty()
        return result


class Blocking:
    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def process(self, item: Any) -> Any:
        self.entered.set()
        assert self.leave.wait(SECONDS)
        return item


def host_segment(events: Events, node: Any, listener: Any = None) -> HostSegment:
    """An open and started segment of one node between the ends of a pipeline."""
    ends = Ends(lambda: MemoryInput([1]), lambda: MemoryOutput(lambda _: None))
    segment = HostSegment(
        {
            "segment": "s",
            "nodes": [{"id": "node", "object": 1}],
            "edges": [["(input)", "node"], ["node", "(output)"]],
            "inputs": [],
            "outputs": [],
        },
        lambda _: node,
        SegmentHost(listener, events.emit, LOOP, ends=ends),
    )
    opened, started = Answer(), Answer()
    segment.begin(opened)
    opened.get()
    segment.start(started)
    started.get()
    return segment


class TestSegmentsOfAHost:
    def test_a_runner_that_fails_is_reported_and_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_segment: Segment) -> None:
            raise ValueError("file descriptor cannot be a negative integer (-1)")

        monkeypatch.setattr(Segment, "run", fail)
        events, closed = Events(), Answer()
        segment = host_segment(events, AsyncAtOnce())
        (failure,) = events.done()["failures"]
        assert failure["message"] == "file descriptor cannot be a negative integer (-1)"
        segment.close(closed)
        assert closed.get()["failures"] == []
        assert segment.is_closed.is_set()

    def test_a_close_before_its_node_is_found_stuck_is_answered_and_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        timeout_is_over = threading.Event()

        def wait_done(_segment: Segment, _timeout: float) -> bool:
            assert timeout_is_over.wait(SECONDS)
            return False

        monkeypatch.setattr(Segment, "wait_done", wait_done)
        node, events, closed, later = Blocking(), Events(), Answer(), Answer()
        segment = host_segment(events, node)
        assert node.entered.wait(SECONDS)
        segment.cancel()
        segment.close(closed)
        timeout_is_over.set()
        assert events.done()["stuck"] == ["node"]
        (failure,) = closed.get()["failures"]
        assert (failure["nodeId"], failure["phase"], failure["code"]) == (
            "node",
            "cleanup",
            "RM_CANCEL_TIMEOUT",
        )
        node.leave.set()
        assert segment.is_closed.wait(SECONDS)
        segment.close(later)
        later.get()
        assert closed._given.empty()

    def test_all_that_are_given_up_share_one_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 0.0
        waited: list[float] = []

        class Stuck:
            is_closed: Any

            def __init__(self) -> None:
                self.is_closed = self
                self.calls: list[str] = []

            def cancel(self) -> None:
                self.calls.append("cancel")

            def close(self, _respond: Any) -> None:
                self.calls.append("close")

            def wait(self, timeout: float) -> None:
                nonlocal now
                waited.append(timeout)
                now += timeout

        monkeypatch.setattr(segment_table.time, "monotonic", lambda: now)
        segments: Any = [Stuck() for _ in range(3)]
        give_up(segments, 5)
        assert waited == [5, 0, 0]
        assert [segment.calls for segment in segments] == [["cancel", "close"]] * 3

    def test_one_without_a_thread_can_be_opened_again(self) -> None:
        class Threadless:
            name = "s"
            tries = itertools.count()

            def begin(self, respond: Any) -> None:
                if next(self.tries) == 0:
                    raise RuntimeError("can't start new thread")
                respond({}, None)

        answers: list[Any] = []
        make: Any = lambda _params: Threadless()  # noqa: E731
        table = SegmentTable(make)
        for _ in range(2):
            table.handle(
                "open", {}, lambda result, failed: answers.append(result if failed is None else failed)
            )
        assert str(answers[0]) == "can't start new thread"
        assert answers[1] == {}


def test_a_request_that_cannot_cross_leaves_nothing_that_waits() -> None:
    near, far = socket.socketpair()
    with near, far:
        connection = ControlConnection(FrameReader(near), lambda *_: None)
        with pytest.raises(TypeError, match="lock"):
            connection.request("run", {"lock": threading.Lock()}).result(SECONDS)
        assert not connection._pending
