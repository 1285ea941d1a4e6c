"""Frames: a length, a kind and one MessagePack value (``schema/wire.md``, Frames)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from struct import Struct
from typing import Any, TypeGuard

from remotemedia.core.exceptions import ProtocolError
from remotemedia.wire.reading import UndecodableError, decode
from remotemedia.wire.values import encode, encode_items_into

HELLO, REFUSED = 0x01, 0x02
ITEMS, END, CREDIT, STOP, SLAB, RETURN, FORGET, TAGS, WHO_KEEPS, KEPT = range(0x10, 0x1A)
REQUEST, RESPONSE, EVENT = 0x20, 0x21, 0x22

WIRE_VERSION = 1
MAX_PAYLOAD_BYTES = 1 << 30
HEADER_BYTES = 5

_header = Struct("<IB")
_RECEIVE_BYTES = 1 << 16
"""Little enough for malloc to serve it from its heap, where more would be mapped and unmapped each time."""
_SHORTEST_TIMEOUT_SECONDS = 0.001


def encode_frame(kind: int, payload: Any) -> bytes:
    """Encode a frame.

    Raises:
        ValueTransferError: the payload cannot cross.
    """
    return frame_of(kind, encode(payload))


def frame_of(kind: int, body: bytes) -> bytes:
    """A frame around a payload that has been encoded already."""
    return _header.pack(len(body), kind) + body


def frames_in(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """The whole frames that these bytes begin with: kind and payload of each.

    Raises:
        ProtocolError: a frame is too long.
    """
    view, at = memoryview(data), 0
    while len(view) - at >= HEADER_BYTES:
        length, kind = _header.unpack_from(view, at)
        if length > MAX_PAYLOAD_BYTES:
            raise ProtocolError(f"a frame of {length} bytes is longer than the 1 GiB that the wire allows")
        end = at + HEADER_BYTES + length
        if end > len(view):
            return
        yield kind, view[at + HEADER_BYTES : end]
        at = end


def encode_items_frame(items: list[Any], buffer: bytearray) -> None:
    """Encode items, which ``lower`` has prepared, as one ITEMS frame that fills ``buffer``.

    Raises:
        ValueTransferError: an item cannot cross.
    """
    if len(buffer) < HEADER_BYTES:
        buffer.extend(bytes(HEADER_BYTES))
    encode_items_into(items, buffer, HEADER_BYTES)
    _header.pack_into(buffer, 0, len(buffer) - HEADER_BYTES, ITEMS)


def is_credit(payload: object) -> TypeGuard[tuple[int, int]]:
    """Whether this is the payload of a CREDIT."""
    if not isinstance(payload, list) or len(payload) != 2:  # pyright: ignore[reportUnknownArgumentType]
        return False
    return all(type(each) is int and each >= 0 for each in payload)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def is_whole_frame(data: bytes) -> bool:
    """Whether these bytes begin with a whole frame."""
    return len(data) >= HEADER_BYTES and len(data) - HEADER_BYTES >= _header.unpack_from(data)[0]


def await_first_frame(sock: socket.socket, max_payload_bytes: int, timeout_seconds: float) -> FrameReader:
    """Wait for the first frame of a connection that nobody has vouched for.

    Args:
        sock: a blocking socket; it is given back without a timeout.
        max_payload_bytes: how long the frame may be.
        timeout_seconds: how long the whole frame may take.

    Returns:
        A reader that has the frame, and what has come behind it.

    Raises:
        ProtocolError: the frame is too long, or the stream ends before it does.
        OSError: the connection broke, or the frame did not come in time.
    """
    deadline = time.monotonic() + timeout_seconds
    data = b""
    while not is_whole_frame(data):
        if len(data) >= HEADER_BYTES and (length := _header.unpack_from(data)[0]) > max_payload_bytes:
            raise ProtocolError(f"a first frame of {length} bytes is longer than {max_payload_bytes}")
        sock.settimeout(max(deadline - time.monotonic(), _SHORTEST_TIMEOUT_SECONDS))
        received = sock.recv(HEADER_BYTES + max_payload_bytes)
        if not received:
            raise ProtocolError("the connection ended before its first frame")
        data += received
    sock.settimeout(None)
    return FrameReader(sock, data)


class FrameReader:
    """Reads frames from a blocking socket.

    Attributes:
        socket: where it reads from.
    """

    def __init__(self, sock: socket.socket, data: bytes = b"") -> None:
        """Read from ``sock``, where nobody else may; ``data`` has been read before."""
        self.socket = sock
        self._data = data
        self._at = 0

    def has_frame(self) -> bool:
        """Whether a whole frame is there already."""
        have = len(self._data) - self._at
        return have >= HEADER_BYTES and have - HEADER_BYTES >= self._length()

    def read(self) -> tuple[int, bytes | memoryview] | None:
        """Wait for the next frame: its kind and payload, or None at the end of the stream.

        Raises:
            ProtocolError: the stream ends inside a frame, or a frame is too long.
            OSError: the connection broke.
        """
        if len(self._data) == self._at:
            self._data, self._at = self.socket.recv(_RECEIVE_BYTES), 0
            if not self._data:
                return None
        while len(self._data) - self._at < HEADER_BYTES:
            self._data, self._at = self._data[self._at :] + self._more(), 0
        length, kind = _header.unpack_from(self._data, self._at)
        if length > MAX_PAYLOAD_BYTES:
            raise ProtocolError(f"a frame of {length} bytes is longer than the limit of {MAX_PAYLOAD_BYTES}")
        start = self._at + HEADER_BYTES
        end = start + length
        if end <= len(self._data):
            data = self._data
            if end == len(data):
                self._data, self._at = b"", 0
            else:
                self._at = end
            return kind, memoryview(data)[start:end]
        return kind, self._read_long(length)

    def _length(self) -> int:
        return _header.unpack_from(self._data, self._at)[0]

    def _more(self) -> bytes:
        data = self.socket.recv(_RECEIVE_BYTES)
        if not data:
            raise ProtocolError("the connection ended inside a frame")
        return data

    def _read_long(self, length: int) -> memoryview:
        payload = memoryview(bytearray(length))
        have = len(self._data) - self._at - HEADER_BYTES
        payload[:have] = self._data[self._at + HEADER_BYTES :]
        self._data, self._at = b"", 0
        while have < length:
            received = self.socket.recv_into(payload[have:])
            if received == 0:
                raise ProtocolError("the connection ended inside a frame")
            have += received
        return payload


def decode_payload(payload: bytes | memoryview) -> Any:
    """Decode a frame's payload.

    Raises:
        ProtocolError: it is not exactly one value.
    """
    return decode(payload)


__all__ = [
    "CREDIT",
    "END",
    "EVENT",
    "FORGET",
    "HEADER_BYTES",
    "HELLO",
    "ITEMS",
    "KEPT",
    "MAX_PAYLOAD_BYTES",
    "REFUSED",
    "REQUEST",
    "RESPONSE",
    "RETURN",
    "SLAB",
    "STOP",
    "TAGS",
    "WHO_KEEPS",
    "WIRE_VERSION",
    "FrameReader",
    "UndecodableError",
    "await_first_frame",
    "decode_payload",
    "encode_frame",
    "encode_items_frame",
    "is_credit",
]
