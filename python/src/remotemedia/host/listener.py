"""The listener of a host: producers of other hosts connect their channels here."""

from __future__ import annotations

import contextlib
import errno
import hmac
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeGuard

from remotemedia.core.exceptions import ProtocolError
from remotemedia.host.address import keep_from_children, listen, unlink
from remotemedia.runner.channel_input import ChannelInput
from remotemedia.runner.threads import run_in_thread
from remotemedia.wire.frames import (
    HELLO,
    REFUSED,
    WIRE_VERSION,
    FrameReader,
    await_first_frame,
    decode_payload,
    encode_frame,
    is_whole_frame,
)

_HELLO_TIMEOUT_SECONDS = 10.0
_HELLO_BYTES = 4_096
_MAX_STRANGERS = 256
_RETRY_SECONDS = 0.1
_CLOSED_ERRORS = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)

logger = logging.getLogger("remotemedia.host")


class Listener:
    """Accepts producers and hands their connections to the inputs that expect them.

    Attributes:
        address: what others dial.
    """

    def __init__(self, address: str) -> None:
        """Listen; connections are accepted in a thread."""
        self._socket, self.address = listen(address)
        self._is_closed = threading.Event()
        self._lock = threading.Lock()
        # In the order in which they came.
        self._strangers: dict[socket.socket, None] = {}
        self._expected: dict[str, tuple[str, ChannelInput]] = {}
        self._engine: tuple[str, Callable[[FrameReader], None]] | None = None
        threading.Thread(target=self._accept, name="remotemedia-listener", daemon=True).start()

    def expect(self, token: str, port: ChannelInput) -> None:
        """Let the producer of a channel in, once."""
        with self._lock:
            self._expected[port.channel] = (token, port)

    def expect_engine(self, token: str, welcome: Callable[[FrameReader], None]) -> None:
        """Let an engine in, once; for a driver, which starts one."""
        with self._lock:
            self._engine = (token, welcome)

    def forget(self, channel: str) -> None:
        """Let nobody in for a channel any more."""
        with self._lock:
            self._expected.pop(channel, None)

    def close(self) -> None:
        """Stop listening."""
        self._is_closed.set()
        # To close a socket does not wake the thread that waits for it.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        unlink(self.address)

    def _accept(self) -> None:
        while not self._is_closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if self._is_closed.is_set() or error.errno in _CLOSED_ERRORS:
                    return
                # Such as too many open files: it passes, and runs that wait for it have a cancel.
                _warn("accepted, which is tried again", error)
                self._is_closed.wait(_RETRY_SECONDS)
                continue
            self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        keep_from_children(connection)
        try:
            # Whoever is slow to say HELLO holds up nobody else.
            if _has_said_hello(connection):
                self._greet(connection)
            else:
                self._make_room()
                self._strangers[connection] = None
                run_in_thread(self._greet, connection, name="remotemedia-hello")
        except Exception as error:
            # Whatever it is, others must be let in.
            _warn("served", error)
            self._strangers.pop(connection, None)
            connection.close()

    def _make_room(self) -> None:
        """Turn away who has been silent for longest, where too many are: who belongs here speaks at once."""
        if len(self._strangers) < _MAX_STRANGERS:
            return
        # Others are taken out by their own threads at any moment.
        with contextlib.suppress(StopIteration, KeyError, OSError):
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.shutdown(socket.SHUT_RDWR)

    def _greet(self, connection: socket.socket) -> None:
        try:
            reader = await_first_frame(connection, _HELLO_BYTES, _HELLO_TIMEOUT_SECONDS)
            welcome = self._admit(reader.read())
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except ProtocolError as error:
            _refuse(connection, str(error))
            return
        except OSError:
            # It said nothing in time, or left.
            connection.close()
            return
        finally:
            self._strangers.pop(connection, None)
        welcome(reader)

    def _admit(self, frame: tuple[int, bytes | memoryview] | None) -> Callable[[FrameReader], None]:
        if frame is None or frame[0] != HELLO:
            raise ProtocolError("the first frame must be HELLO")
        hello: Any = decode_payload(frame[1])
        if not is_map(hello):
            raise ProtocolError("HELLO must be a map")
        if hello.get("version") != WIRE_VERSION:
            raise ProtocolError(
                f"this host speaks version {WIRE_VERSION} of the wire, not {hello.get('version')!r}"
            )
        with self._lock:
            role, channel = hello.get("role"), hello.get("channel")
            if role == "engine" and self._engine is not None:
                token, welcome = self._engine
                if _is_right(hello, token):
                    self._engine = None
                    return welcome
            elif role == "producer" and isinstance(channel, str) and channel in self._expected:
                token, port = self._expected[channel]
                if _is_right(hello, token):
                    del self._expected[channel]
                    return port.attach
        raise ProtocolError("no such channel, or a wrong token")


def _warn(what: str, error: Exception) -> None:
    # Nothing that a program has put into its logging may end the listener.
    with contextlib.suppress(Exception):
        logger.warning("a connection could not be %s: %s", what, error)


def _is_right(hello: dict[str, Any], token: str) -> bool:
    return hmac.compare_digest(str(hello.get("token")).encode(errors="replace"), token.encode())


def _has_said_hello(connection: socket.socket) -> bool:
    """Whether the first frame is there already: producers send it at once."""
    try:
        return is_whole_frame(connection.recv(_HELLO_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        # Nothing is there yet, or this system cannot look without waiting.
        return False


def is_map(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded payload is a map."""
    return isinstance(value, dict)


def hello(token: str, role: str, channel: str | None = None) -> bytes:
    """The first frame of a connection that this host dials."""
    fields: dict[str, Any] = {"version": WIRE_VERSION, "token": token, "role": role}
    if channel is not None:
        fields["channel"] = channel
    return encode_frame(HELLO, {**fields, "pid": os.getpid(), "language": "python"})


def _refuse(connection: socket.socket, message: str) -> None:
    # One that has gone needs no answer.
    with contextlib.suppress(OSError):
        connection.sendall(encode_frame(REFUSED, {"message": message}))
    connection.close()
