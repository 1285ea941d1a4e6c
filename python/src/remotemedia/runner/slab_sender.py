"""What the producer's end of a channel has in shared memory: slabs announced, and slices out."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeGuard

from remotemedia.core.exceptions import ProtocolError
from remotemedia.slabs.arena import Arena
from remotemedia.slabs.slab import Slab
from remotemedia.wire.frames import FORGET, SLAB, encode_frame
from remotemedia.wire.slices import Slice, SliceWriter


class Parcel:
    """An item with slices, on its way into a frame.

    Attributes:
        lowered: what the frame's encoder takes.
        slices: those in it.
    """

    __slots__ = ("lowered", "slices")

    def __init__(self, lowered: Any, slices: list[Slice]) -> None:
        """Keep both."""
        self.lowered = lowered
        self.slices = slices


class SlabSender:
    """One channel's part in shared memory.

    Attributes:
        arena: where blocks come from.
        node_id: the first node that the channel feeds.
        writer: places the bytes of items.
        forgotten: slabs that the consumer is to be told to let go of.
    """

    def __init__(self, arena: Arena, node_id: str) -> None:
        """Send nothing yet."""
        self.arena = arena
        self.node_id = node_id
        self.writer = SliceWriter(arena)
        self.forgotten: deque[int] = deque()
        self._announced: dict[int, Slab] = {}
        # Slices that the consumer has, by slab and offset, each with the number of its item.
        self._out: dict[tuple[int, int], list[tuple[Slice, int]]] = {}
        self._lock = threading.Lock()
        self._credited = 0
        # One writer each: who gives the outputs, and who sends.
        self._packed = self._unpacked = 0
        self._wake: Callable[[], None] | None = None
        arena.add_keeper(self)

    @property
    def has_parcels(self) -> bool:
        """Whether any item with slices is waiting to be sent."""
        return self._packed != self._unpacked

    def on_forgotten(self, wake: Callable[[], None]) -> None:
        """Call ``wake``, from any thread, when there is something to be told although nothing is sent."""
        self._wake = wake

    def pack(self, lowered: Any) -> tuple[Any, int]:
        """An item that has been lowered with its slices, and their bytes."""
        slices = self.writer.take()
        if not slices:
            return lowered, 0
        self._packed += 1
        return Parcel(lowered, slices), sum(each.bytes for each in slices)

    def unpack(self, items: list[Any]) -> list[Any]:
        """What the frame's encoder takes for items that may be parcels."""
        return [item.lowered if type(item) is Parcel else item for item in items]

    def send(self, items: list[Any], sent_items: int) -> tuple[bytes, int]:
        """From here on the consumer has the slices of a frame's items.

        Args:
            items: they or their parcels.
            sent_items: how many items have been sent before.

        Returns:
            The frames that have to go before theirs, and the bytes of the slices.
        """
        frames, size = self.forget_frame(), 0
        for number, item in enumerate(items, sent_items + 1):
            if type(item) is not Parcel:
                continue
            self._unpacked += 1
            with self._lock:
                for each in item.slices:
                    size += each.bytes
                    self._out.setdefault((each.slab.number, each.offset), []).append((each, number))
            for each in item.slices:
                if each.slab.number not in self._announced:
                    frames += self._announce(each.slab)
        return frames, size

    def forget_frame(self) -> bytes:
        """The frame that tells of slabs that are no longer used."""
        numbers: list[int] = []
        while self.forgotten:
            number = self.forgotten.popleft()
            # An item that waits may refer to it still: then it is announced again.
            if self._announced.pop(number, None) is not None:
                numbers.append(number)
        return encode_frame(FORGET, numbers) if numbers else b""

    def slab_forgotten(self, slab: Slab) -> None:
        """No later slice will lie in the slab."""
        self.forgotten.append(slab.number)
        if self._wake is not None:
            self._wake()

    def credited(self, items: int) -> None:
        """The consumer is done with so many items in all."""
        self._credited = items

    def returned(self, pairs: object) -> None:
        """The consumer needs these slices no more.

        Raises:
            ProtocolError: it does not have one of them.
        """
        if not _is_pairs(pairs):
            raise ProtocolError("a RETURN must be pairs of numbers")
        back: list[Slice] = []
        with self._lock:
            for at in range(0, len(pairs), 2):
                key = (pairs[at], pairs[at + 1])
                entries = self._out.get(key)
                if entries is None:
                    raise ProtocolError(f"a RETURN of slab {key[0]} at {key[1]}, which is not leased")
                back.append(entries.pop()[0])
                if not entries:
                    del self._out[key]

    def kept(self) -> tuple[int, int]:
        """How many slices the consumer still has of items that it is done with, and their bytes."""
        with self._lock:
            sizes = [
                each.bytes
                for entries in self._out.values()
                for each, number in entries
                if number <= self._credited
            ]
        return len(sizes), sum(sizes)

    def drop(self) -> None:
        """The channel has ended: what has not come back may be read for as long as the consumer lives."""
        with self._lock:
            out, self._out = self._out, {}
        for entries in out.values():
            for each, _ in entries:
                each.hold.abandon()
        self._announced.clear()
        self.arena.trim()

    def _announce(self, slab: Slab) -> bytes:
        self._announced[slab.number] = slab
        slab.watch(self)
        if slab.is_forgotten:
            # Meanwhile; it is open still, as the slice refers to it.
            self.forgotten.append(slab.number)
        described = {"slab": slab.number, "pid": os.getpid(), "fd": slab.fd, "bytes": slab.bytes}
        return encode_frame(SLAB, described)


def _is_pairs(pairs: object) -> TypeGuard[list[int]]:
    return isinstance(pairs, list) and len(pairs) % 2 == 0 and all(type(each) is int for each in pairs)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
