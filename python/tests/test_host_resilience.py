"""What a host outlives: strangers, no free descriptors, a runner that fails, a close in the wrong moment."""

from __future__ import annotations

import errno
import itertools
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remotemedia.core.exceptions import ProtocolError
from remotemedia.host import listener as listener_module
from remotemedia.host import segment_table
from remotemedia.host.address import dial, listen
from remotemedia.host.connection import ControlConnection
from remotemedia.host.described import Ends
from remotemedia.host.listener import Listener, hello
from remotemedia.host.segment_table import SegmentTable, give_up
from remotemedia.host.segments import HostSegment, SegmentHost
from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from remotemedia.runner.channel_input import ChannelInput
from remotemedia.runner.thread import ThreadSide
from remotemedia.wire import frames
from remotemedia.wire.frames import (
    HELLO,
    REFUSED,
    FrameReader,
    await_first_frame,
    decode_payload,
    encode_frame,
)

SECONDS = 20
LOOP = LoopThread()
CHANNEL, TOKEN = "a-channel", "a-token"


class Port:
    """Takes the place of an input that waits for its producer."""

    channel = CHANNEL

    def __init__(self) -> None:
        self.readers: queue.Queue[FrameReader] = queue.Queue()
        self.attach = self.readers.put


class Scarce(socket.socket):
    """A listening socket that fails a few times before it accepts."""

    errors: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            raise OSError(self.errors.pop(), "not now")
        return super().accept()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[[], Listener]]:
    opened: list[Listener] = []

    def open_one() -> Listener:
        opened.append(Listener(f"unix:{tmp_path}/{len(opened)}"))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def says_hello(listener: Listener) -> None:
    """Check that a producer is let in."""
    port: Any = Port()
    listener.expect(TOKEN, port)
    with dial(listener.address) as connection:
        connection.sendall(hello(TOKEN, "producer", CHANNEL))
        reader = port.readers.get(timeout=SECONDS)
        assert not reader.has_frame()
        assert reader.socket.gettimeout() is None
        reader.socket.close()


class TestListener:
    @pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ECONNABORTED])
    def test_goes_on_after_an_error_that_passes(
        self, number: int, listening: Callable[[], Listener], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def listen_scarcely(address: str) -> tuple[socket.socket, str]:
            opened, dialable = listen(address)
            scarce = Scarce(fileno=opened.detach())
            scarce.errors = [number, number]
            return scarce, dialable

        monkeypatch.setattr(listener_module, "_RETRY_SECONDS", 0.001)
        monkeypatch.setattr(listener_module, "listen", listen_scarcely)
        says_hello(listening())

    def test_goes_on_where_no_thread_is_left_for_a_connection(
        self, listening: Callable[[], Listener], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_args: Any, **_named: Any) -> None:
            raise OSError(errno.EMFILE, "too many open files")

        listener = listening()
        monkeypatch.setattr(listener_module, "run_in_thread", refuse)
        with dial(listener.address) as silent:
            silent.settimeout(SECONDS)
            assert silent.recv(1) == b""
        monkeypatch.undo()
        says_hello(listener)

    def test_goes_on_whatever_logging_does(
        self, listening: Callable[[], Listener], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_args: Any, **_named: Any) -> None:
            raise RuntimeError("a filter that fails")

        listener = listening()
        monkeypatch.setattr(listener_module, "run_in_thread", fail)
        monkeypatch.setattr(listener_module.logger, "warning", fail)
        with dial(listener.address) as silent:
            silent.settimeout(SECONDS)
            assert silent.recv(1) == b""
        monkeypatch.undo()
        says_hello(listener)

    def test_its_thread_ends_when_it_is_closed(self, listening: Callable[[], Listener]) -> None:
        before = set(threading.enumerate())
        listener = listening()
        (thread,) = set(threading.enumerate()) - before
        listener.close()
        thread.join(SECONDS)
        assert not thread.is_alive()

    def test_refuses_a_long_first_frame_before_it_has_come(self, listening: Callable[[], Listener]) -> None:
        listener = listening()
        with dial(listener.address) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(struct.pack("<IB", 1 << 30, HELLO))
            frame = FrameReader(connection).read()
        assert frame is not None
        assert frame[0] == REFUSED
        assert f"a first frame of {1 << 30} bytes" in decode_payload(frame[1])["message"]
        says_hello(listener)

    def test_turns_away_who_is_silent_for_longest_where_too_many_are(
        self, listening: Callable[[], Listener], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listener_module, "_MAX_STRANGERS", 2)
        listener = listening()
        silent = [dial(listener.address) for _ in range(3)]
        silent[0].settimeout(SECONDS)
        frame = FrameReader(silent[0]).read()
        assert frame is None or frame[0] == REFUSED
        for connection in silent[1:]:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
        says_hello(listener)
        for connection in silent:
            connection.close()


class TestTheFirstFrame:
    def test_has_one_deadline_for_all_its_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 0.0

        class Dripping:
            def __init__(self) -> None:
                self.timeouts: list[float | None] = []

            def settimeout(self, seconds: float | None) -> None:
                self.timeouts.append(seconds)

            def recv(self, _count: int) -> bytes:
                nonlocal now
                now += 4
                if now > 10:
                    raise TimeoutError
                return b"\x01"

        monkeypatch.setattr(frames.time, "monotonic", lambda: now)
        connection: Any = Dripping()
        with pytest.raises(TimeoutError):
            await_first_frame(connection, 4_096, 10)
        assert connection.timeouts == [10, 6, 2]

    def test_comes_with_what_is_behind_it(self) -> None:
        near, far = socket.socketpair()
        with near, far:
            far.sendall(encode_frame(HELLO, "hello") + encode_frame(REFUSED, "more"))
            far.shutdown(socket.SHUT_WR)
            reader = await_first_frame(near, 4_096, SECONDS)
            found = [(kind, decode_payload(payload)) for kind, payload in iter(reader.read, None)]
            assert found == [(HELLO, "hello"), (REFUSED, "more")]
            assert near.gettimeout() is None

    def test_that_ends_too_early(self) -> None:
        near, far = socket.socketpair()
        with near:
            far.sendall(encode_frame(HELLO, "hello")[:-1])
            far.close()
            with pytest.raises(ProtocolError, match="ended before its first frame"):
                await_first_frame(near, 4_096, SECONDS)


class Same:
    async def process(self, item: Any) -> Any:
        return item


class TestAnInputThatIsCancelled:
    def test_before_the_run_ends_it(self) -> None:
        port = ChannelInput(CHANNEL, (64, 1 << 20))
        place = Place("node", Same())
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
        segment = host_segment(events, Same())
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
