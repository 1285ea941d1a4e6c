"""A host's listener outlives strangers, silent connections, and having no descriptor or thread left."""

from __future__ import annotations

import errno
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import SECONDS
from remotemedia.core.exceptions import ProtocolError
from remotemedia.host import listener as listener_module
from remotemedia.host.address import dial, listen
from remotemedia.host.listener import Listener, hello
from remotemedia.wire import frames
from remotemedia.wire.frames import (
    HELLO,
    REFUSED,
    FrameReader,
    await_first_frame,
    decode_payload,
    encode_frame,
)

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
