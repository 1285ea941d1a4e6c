"""Slices: bulk bytes that lie in shared memory, and only their place goes through the socket."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pickle import PickleBuffer
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from msgspec.msgpack import Decoder, Encoder, Ext

from remotemedia.slabs.arena import LEAST_BYTES, Arena
from remotemedia.slabs.giving import Giving, Part, give, take_back
from remotemedia.slabs.slab import Block
from remotemedia.wire.values import SLICE

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    from remotemedia.slabs.arrays import Hold
    from remotemedia.slabs.slab import Slab
    from remotemedia.slabs.table import SlabTable


_MOST_INLINE: Final = 512 << 20


class Slice:
    """Bytes in shared memory, in use until the consumer has returned them.

    Attributes:
        hold: the block or the lease that keeps them in use.
        slab: where they lie.
        offset: where they begin.
        bytes: how long they are.
        part: what was noted as given, where they were in shared memory before.
        number: of the item that they were sent in, counted from 1 on their channel.
        keeper: the node that keeps them, as far as the consumer has said.
    """

    __slots__ = ("bytes", "hold", "keeper", "number", "offset", "part", "slab")

    def __init__(self, hold: Hold, offset: int, size: int, part: Part | None = None) -> None:
        """Keep what is held."""
        self.part = part
        self.hold = hold
        self.slab: Slab = hold.slab
        self.offset = offset
        self.bytes = size
        self.number = 0
        self.keeper: Any = None


class SliceWriter:
    """Puts bulk bytes into shared memory, or finds that they are there already.

    Attributes:
        giving: what may go in place, where it lies in shared memory already.
        placed: the slices of the item that is being written.
    """

    def __init__(self, arena: Arena, no_room: Callable[[int], None]) -> None:
        """Put into blocks of ``arena``; ``no_room`` is told how many bytes find none."""
        self._arena = arena
        self._no_room = no_room
        self._inline = 0
        # Copies of arrays of this item, by the id of the array, which stays its own as it is kept.
        self._copied: dict[int, tuple[Any, Block]] = {}
        self.giving = Giving()
        self.placed: list[Slice] = []

    def take(self) -> list[Slice]:
        """The slices of the item that was written; the next one begins with none."""
        placed, self.placed = self.placed, []
        self._inline = 0
        if self._copied:
            self._copied = {}
        return placed

    def begin_again(self) -> None:
        """Write the same item in another way."""
        for placed in self.placed:
            if placed.part is not None:
                take_back(placed.hold, placed.part)
        self.placed = []
        self._inline = 0

    def place_array(self, array: npt.NDArray[Any], dtype: Any) -> Ext | None:
        """A SLICE with the bytes of an array, in the order of C; None where they have to go inline.

        Args:
            array: of no objects.
            dtype: its dtype, in the byte order that is written.

        Raises:
            MemoryKeptError: consumers keep too much.
            SharedMemoryFullError: the folder is full.
        """
        size = array.nbytes
        if size < LEAST_BYTES:
            return None
        arrays = _arrays()
        if array.base is not None and array.dtype == dtype:
            given = self._give(arrays.held_slice(array), size)
            if given is not None:
                return given
        block = self._block(size)
        if block is None:
            return None
        arrays.copy_into(block, array, dtype)
        self._copied[id(array)] = (array, block)
        return self._add(block, block.start, size, False)

    def place_bytes(self, data: bytes | memoryview) -> Ext | None:
        """As ``place_array``, for bytes in one piece."""
        size = len(data)
        if size < LEAST_BYTES:
            return None
        block = self._block(size)
        if block is None:
            return None
        block.slab.mapping[block.start : block.start + size] = data
        return self._add(block, block.start, size, False)

    def place_buffer(self, buffer: PickleBuffer) -> Ext | None:
        """As ``place_array``, for a buffer of a pickle."""
        view = memoryview(buffer)
        if view.nbytes < LEAST_BYTES:
            return None
        origin: Any = view.obj
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(origin, numpy.ndarray) or not view.c_contiguous:
            return self.place_bytes(buffer.raw()) if view.contiguous else None
        arrays = _arrays()
        given = self._give(arrays.held_slice(origin), view.nbytes)
        if given is not None:
            return given
        _, block = self._copied.pop(id(origin), (None, None))
        if block is None:
            block = self._block(view.nbytes)
            if block is None:
                return None
            # As plain bytes, with what lies between the fields of a record.
            arrays.copy_into(block, numpy.frombuffer(buffer.raw(), numpy.uint8), numpy.uint8)
        return self._add(block, block.start, view.nbytes, False)

    def _block(self, size: int) -> Block | None:
        block = self._arena.allocate(size)
        if block is None:
            self._no_room(size)
            self._inline += size
            if self._inline > _MOST_INLINE:
                # They would not fit into a frame.
                block = self._arena.allocate(size, is_beyond_limit=True)
        return block

    def _give(self, held: tuple[Hold, int] | None, size: int) -> Ext | None:
        """A SLICE of memory that is shared already; None where there is none, or a copy has to go."""
        if held is None:
            return None
        hold, offset = held
        giving = self.giving
        if not (giving.can_give_away if isinstance(hold, Block) else giving.can_pass_on):
            return None
        is_shared = giving.is_shared or hold.is_shared
        part = give(hold, offset, offset + size, is_shared)
        if part is not None:
            return self._add(hold, offset, size, is_shared, part)
        # Who gives something twice may do so again, and after the first time others may have changed it.
        self.giving = replace(giving, can_pass_on=False)
        return None

    def _add(self, hold: Hold, offset: int, size: int, is_shared: bool, part: Part | None = None) -> Ext:
        placed = Slice(hold, offset, size, part)
        self.placed.append(placed)
        return Ext(SLICE, _encoder.encode((placed.slab.number, offset, size, is_shared)))


class SliceReader:
    """Finds the bytes of slices in the slabs that the producer has announced."""

    def __init__(self, table: SlabTable) -> None:
        """Look in ``table``."""
        self._table = table

    def copy(self, data: Buffer) -> bytes:
        """The bytes of a SLICE.

        Raises:
            ValueError: it is not within a slab that was announced.
            msgspec.DecodeError: it is none.
        """
        number, offset, size, _ = _decoder.decode(data)
        return self._table.copy(number, offset, size)

    def lend(self, data: Buffer) -> npt.NDArray[Any]:
        """The bytes of a SLICE as an array of them; raises as ``copy``.

        It lies in place and keeps the lease, or is a copy where too much is kept here already.
        """
        return _arrays().lend(self._table, *_decoder.decode(data))


@functools.cache
def _arrays() -> ModuleType:
    """Imported with the first array, as numpy is."""
    return importlib.import_module("remotemedia.slabs.arrays")


_encoder = Encoder()
_decoder: Decoder[tuple[int, int, int, bool]] = Decoder(tuple[int, int, int, bool])
