"""Numpy arrays over shared memory, which is in use for as long as anything derives from them.

Numpy lets a view of a view refer to the first array at once, but only past arrays of its own class. What is
handed out here are plain arrays over one of a class of this module: so whatever derives from them refers to
that, and it lives as long as the last of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from remotemedia.slabs.slab import Block, Slab

if TYPE_CHECKING:
    import numpy.typing as npt

    from remotemedia.slabs.giving import Part
    from remotemedia.slabs.table import Leased, Returns, SlabTable

    Array = npt.NDArray[Any]


class _Own(numpy.ndarray[Any, Any]):
    """The bytes of a block of this process.

    Attributes:
        block: kept in use by this. A view of this very class, which nobody makes on purpose, has none.
    """

    __slots__ = ("block",)
    block: Block


class Lent(numpy.ndarray[Any, Any]):
    """The bytes of a slice in another process's slab: a lease, which ends with this array.

    Attributes:
        slab: where they lie.
        start: where they begin there.
        is_shared: whether others get them as well, so that nobody may write to them.
        given: the parts of them that have gone on to other processes.
    """

    __slots__ = ("_counts", "_number", "_returns", "given", "is_shared", "slab", "start")
    slab: Slab
    start: int
    is_shared: bool
    given: list[Part] | None
    _number: int
    _returns: Returns | None
    _counts: Leased | None

    def __del__(self) -> None:
        # A view of this very class, which nobody makes on purpose, has no fields.
        returns = getattr(self, "_returns", None)
        if returns is not None:
            returns.add(self._number, self.start, self.nbytes)
        counts = getattr(self, "_counts", None)
        if counts is not None:
            counts.remove(self.nbytes)

    def abandon(self) -> None:
        """Somebody who got it from here has gone without returning it: so it is never returned from here."""
        if self._returns is not None:
            self._returns.abandoned.append((self._number, self.start))
            self._returns = None

    def place_in(self, returns: Returns) -> tuple[int, int] | None:
        """Which slice it is of those that go back to ``returns``, by slab and offset."""
        return (self._number, self.start) if self._returns is returns else None


Hold = Block | Lent
"""What keeps a part of a slab in use."""


def lend(table: SlabTable, number: int, offset: int, size: int, is_shared: bool) -> Array:
    """The bytes of a slice as an array.

    It lies in place, read-only where others get it as well; or it is a copy, where too much is kept already.

    Raises:
        ValueError: the slice is not within a slab that was announced.
    """
    if table.counts is not None and not table.has_room(size):
        return numpy.frombuffer(bytearray(table.copy(number, offset, size)), numpy.uint8)
    slab = table.take(number, offset, size)
    is_shared = is_shared or table.is_shared
    memory = slab.read_only() if is_shared else slab.mapping
    lent = Lent.__new__(Lent, (size,), numpy.uint8, memory, offset)
    lent.slab = slab
    lent.start = offset
    lent.is_shared = is_shared
    lent.given = None
    lent._number = number  # pyright: ignore[reportPrivateUsage]
    lent._counts = table.counts  # pyright: ignore[reportPrivateUsage]
    lent._returns = table.returns  # pyright: ignore[reportPrivateUsage]
    return lent


def allocated(block: Block, size: int, dtype: Any, shape: Any) -> Array:
    """An array of ``size`` bytes over a block, in use until the last that derives from it has gone."""
    own = _Own.__new__(_Own, (size,), numpy.uint8, block.slab.mapping, block.start)
    own.block = block
    return numpy.ndarray(shape, dtype, own)


def held_slice(array: Array) -> tuple[Hold, int] | None:
    """Where an array's bytes lie in shared memory: what keeps them in use, and their offset in the slab.

    None where they lie elsewhere, are not in one piece in the order of C, or cannot be sent from here any
    more.
    """
    found: Any = array.base
    while type(found) is not Lent and type(found) is not _Own:
        if isinstance(found, memoryview):
            found = found.obj
        elif isinstance(found, numpy.ndarray):
            found = found.base
        else:
            return None
    hold: Hold | None = found if isinstance(found, Lent) else getattr(found, "block", None)
    slab = getattr(hold, "slab", None)
    if hold is None or slab is None or slab.is_forgotten or not array.flags.c_contiguous:
        return None
    start = hold.start
    if array.nbytes == found.nbytes:
        return hold, start
    offset = start + _address(array) - _address(found)
    return (hold, offset) if start <= offset <= start + found.nbytes - array.nbytes else None


def lease_of(value: object) -> Lent | None:
    """The lease that keeps an array's memory in use, if one does."""
    found: Any = value
    while isinstance(found, (numpy.ndarray, memoryview)):
        if isinstance(found, Lent):
            return found
        found = found.obj if isinstance(found, memoryview) else found.base
    return None


def copy_into(block: Block, array: Array, dtype: Any) -> None:
    """Copy an array into a block, in the order of C and with the byte order of ``dtype``."""
    target: Array = numpy.ndarray(array.shape, dtype, block.slab.mapping, block.start)
    numpy.copyto(target, array)


def _address(array: Array) -> int:
    return array.__array_interface__["data"][0]
