"""A channel's shared memory in one process: what the producer places, the consumer finds."""

from __future__ import annotations

from typing import Any

from remotemedia.runner.slab_sender import SlabSender
from remotemedia.slabs.arena import Arena
from remotemedia.slabs.giving import Giving
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


__all__ = ["MIB", "Line"]
