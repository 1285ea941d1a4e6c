"""A channel's shared memory in one process: what the producer places, the consumer finds."""

from __future__ import annotations

from typing import Any

import numpy as np

from remotemedia.runner.slab_sender import SlabSender
from remotemedia.slabs.arena import LEAST_BYTES, Arena
from remotemedia.slabs.arrays import held_slice
from remotemedia.slabs.giving import Giving
from remotemedia.slabs.slab import Block
from remotemedia.slabs.table import Returns, SlabTable
from remotemedia.wire.frames import (
    FORGET,
    HEADER_BYTES,
    RETURN,
    SLAB,
    decode_payload,
    encode_frame,
    encode_items_frame,
)
from remotemedia.wire.items import ForeignItems, PythonItems
from remotemedia.wire.slices import SliceReader

MIB = 1 << 20
RECORD = np.dtype({"names": ["a", "b"], "formats": ["u1", "<f8"], "offsets": [0, 8], "itemsize": 24})


class Line:
    """Both ends of a channel without its socket.

    Attributes:
        returned: slices that have been given back, as RETURN lists them.
        inline: how many bytes the frames of items have had.
    """

    def __init__(
        self,
        arena: Arena | None = None,
        *,
        is_python: bool = True,
        is_shared: bool = False,
        most_kept_bytes: int | None = None,
        node_id: str = "keeper",
    ) -> None:
        make = PythonItems if is_python else ForeignItems
        self.sender = SlabSender(arena or Arena(), node_id)
        self.sender.writer.giving = Giving(is_shared=is_shared)
        self.writer = make(self.sender.writer)
        self.returns = Returns(self.give_back, 0)
        self.table = SlabTable(self.returns, most_kept_bytes=most_kept_bytes)
        self.reader = make()
        self.reader.read_slices(SliceReader(self.table))
        self.returned: list[int] = []
        self.inline = 0
        self.sent = 0

    def lower(self, item: Any) -> Any:
        """What waits to be sent."""
        return self.sender.pack(self.writer.lower(item)[0])[0]

    def deliver(self, *waiting: Any) -> list[Any]:
        """Send a frame of what waits; gives the items that arrive."""
        frames, _ = self.sender.send(list(waiting), self.sent)
        self.take_frames(frames)
        buffer = bytearray()
        encode_items_frame(self.sender.unpack(list(waiting)), buffer)
        self.sent += len(waiting)
        self.inline = len(buffer)
        return self.reader.decode(bytes(buffer[HEADER_BYTES:]))

    def send(self, item: Any) -> Any:
        """Send one item."""
        (value,) = self.deliver(self.lower(item))
        return value

    def take_frames(self, data: bytes) -> None:
        """Tell the consumer of slabs."""
        while data:
            length, kind = int.from_bytes(data[:4], "little"), data[4]
            payload = decode_payload(data[HEADER_BYTES : HEADER_BYTES + length])
            {SLAB: self.table.announce, FORGET: self.table.forget}[kind](payload)
            data = data[HEADER_BYTES + length :]

    def give_back(self) -> None:
        """What the consumer sends when something is let go of."""
        pairs = self.returns.take()
        self.returned += pairs
        frame = encode_frame(RETURN, pairs)
        self.sender.returned(decode_payload(frame[HEADER_BYTES:]))

    def close(self) -> None:
        """The connection ends; what the consumer has stays with it."""
        self.returns.is_closed = True
        self.sender.drop()

    def credit(self) -> None:
        """The consumer is done with all that was sent."""
        self.sender.credited(self.sent)


def allocate(arena: Arena, size: int) -> Block:
    block = arena.allocate(size)
    assert block is not None
    return block


def filled(dtype: Any, count: int = LEAST_BYTES) -> np.ndarray:
    dtype = np.dtype(dtype)
    raw = np.arange(count * dtype.itemsize, dtype=np.uint32).astype(np.uint8)
    return (raw & 1 if dtype.char == "?" else raw).view(dtype)


def assert_equal(left: np.ndarray, right: np.ndarray) -> None:
    assert type(left) is np.ndarray
    assert (left.dtype, left.shape) == (right.dtype, right.shape)
    assert left.flags.f_contiguous == right.flags.f_contiguous or not right.flags.forc
    assert left.tobytes() == right.tobytes()


def is_in_place(array: np.ndarray) -> bool:
    return held_slice(array if array.flags.c_contiguous else array.T) is not None


__all__ = ["MIB", "RECORD", "Line", "allocate", "assert_equal", "filled", "is_in_place"]
