"""What the producer's end of a channel has in shared memory: slabs announced, and slices out."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import ProtocolError
from remotemedia.core.forking import runs_in_forked_child
from remotemedia.runner.keeping import Keeper, blame, is_pairs, read_statement
from remotemedia.slabs.arena import Arena
from remotemedia.slabs.slab import Block, Slab
from remotemedia.wire.frames import FORGET, SLAB, WHO_KEEPS, encode_frame
from remotemedia.wire.slices import Slice, SliceWriter

if TYPE_CHECKING:
    from remotemedia.slabs.arrays import Hold


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
        node_id: the first node that the channel feeds; None where it feeds the end of the pipeline alone.
        run: what the channels have in common that are blamed together.
        has_news: whether the consumer has said who keeps what since that was looked at.
        writer: places the bytes of items.
        forgotten: slabs that the consumer is to be told to let go of.
    """

    def __init__(self, arena: Arena, node_id: str | None) -> None:
        """Send nothing yet."""
        self.arena = arena
        self.node_id = node_id
        self.run: object = self
        self.has_news = False
        self.writer = SliceWriter(arena, self.no_room)
        self.forgotten: deque[int] = deque()
        self._announced: dict[int, Slab] = {}
        # Slices that the consumer has, by slab and offset.
        self._out: dict[tuple[int, int], list[Slice]] = {}
        self._waiting: set[Parcel] = set()
        self._lock = threading.Lock()
        self._credited = 0
        self._wake: Callable[[], None] | None = None
        # How many bytes may lack room before the consumer is asked again.
        self._patience = 0
        self._askers: list[Callable[[], None]] = []
        self._is_asking = self._is_question_due = self._has_ended = False
        with _adding:
            _senders.add(self)

    @property
    def has_parcels(self) -> bool:
        """Whether any item with slices is waiting to be sent."""
        return bool(self._waiting)

    def on_forgotten(self, wake: Callable[[], None]) -> None:
        """Call ``wake``, from any thread, when there is something to be told although nothing is sent."""
        self._wake = wake

    def pack(self, lowered: Any) -> tuple[Any, int]:
        """An item that has been lowered with its slices, and their bytes."""
        slices = self.writer.take()
        if not slices:
            return lowered, 0
        parcel = Parcel(lowered, slices)
        self._waiting.add(parcel)
        return parcel, sum(each.bytes for each in slices)

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
            with self._lock:
                for each in item.slices:
                    size += each.bytes
                    each.number = number
                    self._out.setdefault((each.slab.number, each.offset), []).append(each)
            self._waiting.discard(item)
            for each in item.slices:
                if each.slab.number not in self._announced:
                    frames += self._announce(each.slab)
        return frames, size

    def forget(self, item: Any) -> None:
        """An item, or its parcel, is not sent."""
        if type(item) is Parcel:
            self._waiting.discard(item)

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
        if not is_pairs(pairs):
            raise ProtocolError("a RETURN must be pairs of numbers")
        back: list[Slice] = []
        with self._lock:
            for at in range(0, len(pairs), 2):
                key = (pairs[at], pairs[at + 1])
                entries = self._out.get(key)
                if entries is None:
                    raise ProtocolError(f"a RETURN of slab {key[0]} at {key[1]}, which is not leased")
                back.append(entries.pop())
                if not entries:
                    del self._out[key]

    def kept(self) -> int:
        """How many bytes of blocks the consumer has of items that it is done with, whoever keeps them."""
        with self._lock:
            blocks = {
                id(each.hold): each.hold.slab.block_bytes
                for entries in self._out.values()
                for each in entries
                if each.number <= self._credited and isinstance(each.hold, Block)
            }
        return sum(blocks.values())

    # Who keeps what

    def no_room(self, size: int) -> None:
        """There is no block for so many bytes: the consumers of the run are asked why, and nothing waits.

        Raises:
            MemoryKeptError: they have said so, and keep too much.
        """
        limit = self.arena.limit
        of_run = [sender for sender in all_senders() if sender.run is self.run]
        if any(sender.has_news for sender in of_run):
            for sender in of_run:
                sender.has_news = False
            blame(of_run, limit)
        self._patience -= size
        if self._patience > 0 or any(sender.is_asking for sender in of_run):
            return
        self._patience = limit // 64
        if sum(sender.kept() for sender in of_run) * 2 >= limit:
            self._patience = limit // 2
            for sender in of_run:
                sender.ask()

    @property
    def is_asking(self) -> bool:
        """Whether the consumer has been asked, and has not answered."""
        return self._is_asking

    @property
    def has_notices(self) -> bool:
        """Whether there is something to be told although nothing is sent."""
        return bool(self.forgotten) or self._is_question_due

    def notices(self) -> bytes:
        """The frames that tell it."""
        is_due, self._is_question_due = self._is_question_due, False
        return self.forget_frame() + (encode_frame(WHO_KEEPS, None) if is_due else b"")

    def ask(self, done: Callable[[], None] | None = None) -> None:
        """Ask the consumer who keeps what.

        Args:
            done: called, in any thread, when it has said so, or never will.
        """
        with self._lock:
            can_ask = not self._has_ended
            if can_ask:
                is_first = not self._is_asking
                self._is_asking = True
                self._is_question_due = self._is_question_due or is_first
                if done is not None:
                    self._askers.append(done)
        if can_ask:
            if self._wake is not None:
                self._wake()
        elif done is not None:
            done()

    def ends(self) -> bytes:
        """Nothing is sent any more: the frames that have to go before END, as nobody reads any behind it."""
        with self._lock:
            self._has_ended = True
        return self.notices()

    def said(self, payload: object) -> None:
        """The consumer says who keeps what.

        Raises:
            ProtocolError: that is no payload of KEPT.
        """
        statement = read_statement(payload)
        own = None if self.node_id is None else Keeper(self.node_id, statement.is_one_of_several)
        with self._lock:
            out = [(place, each) for place, entries in self._out.items() for each in entries]
            done = sorted({each.number for _, each in out if each.number <= self._credited})
            newest = done[-statement.inside - 1] if statement.inside < len(done) else 0
            for place, each in out:
                each.keeper = statement.passed.get(place, own) if each.number <= newest else None
            self.has_news = True
        self._answer()

    def slices_out(self) -> list[tuple[Hold, Keeper | None]]:
        """What keeps the slices in use that the consumer has or will get, with the nodes that keep them."""
        # What waits comes first: it goes out meanwhile, and not back.
        found = [(each.hold, None) for parcel in self._waiting.copy() for each in parcel.slices]
        with self._lock:
            out = [each for entries in self._out.values() for each in entries]
        return [*found, *((each.hold, each.keeper) for each in out)]

    def _answer(self) -> None:
        with self._lock:
            askers, self._askers = self._askers, []
            self._is_asking = False
        for done in askers:
            done()

    def drop(self) -> None:
        """The channel has ended: what has not come back may be read for as long as the consumer lives."""
        with self._lock:
            out, self._out = self._out, {}
            self._has_ended = True
        for entries in out.values():
            for each in entries:
                each.hold.abandon()
        self._announced.clear()
        self._waiting.clear()
        self._answer()
        self.arena.trim()

    def _announce(self, slab: Slab) -> bytes:
        self._announced[slab.number] = slab
        slab.watch(self)
        if slab.is_forgotten:
            # Meanwhile; it is open still, as the slice refers to it.
            self.forgotten.append(slab.number)
        described = {"slab": slab.number, "pid": os.getpid(), "fd": slab.fd, "bytes": slab.bytes}
        return encode_frame(SLAB, described)


_senders: weakref.WeakSet[SlabSender] = weakref.WeakSet()
_adding = threading.Lock()


def all_senders() -> list[SlabSender]:
    """The channels that lead out of this process."""
    with _adding:
        return list(_senders)


@runs_in_forked_child
def _forget_inherited() -> None:
    global _adding
    _senders.clear()
    _adding = threading.Lock()
