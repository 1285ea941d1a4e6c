"""A slab: a file without a name, mapped, that two processes or more have open."""

from __future__ import annotations

import itertools
import mmap
import os
import weakref
from typing import TYPE_CHECKING, Protocol

from remotemedia.core.forking import runs_in_forked_child

if TYPE_CHECKING:
    from collections import deque

    from remotemedia.slabs.giving import Part

POPULATE_READ, POPULATE_WRITE = 22, 23
"""Advice of Linux 5.14 for which ``mmap`` has no names yet: map all pages at once."""

_numbers = itertools.count(1)
_all: weakref.WeakSet[Slab] = weakref.WeakSet()


class Watcher(Protocol):
    """A channel that has told its consumer of a slab."""

    def slab_forgotten(self, slab: Slab) -> None:
        """No later slice will lie in the slab."""
        ...


class Slab:
    """Shared memory that is open and mapped here, for as long as anything refers to it.

    Attributes:
        number: what this process calls it on the channels of its own.
        fd: the open file, which other processes of the user open by it.
        bytes: how long it is.
        mapping: its memory.
        is_forgotten: no further slice in it may be sent.
    """

    __slots__ = (
        "__weakref__",
        "_read_only",
        "_watchers",
        "bytes",
        "fd",
        "is_forgotten",
        "mapping",
        "number",
    )

    def __init__(self, fd: int, size: int) -> None:
        """Map ``size`` bytes of a file, which then belongs to this object.

        Raises:
            OSError: it cannot be mapped; the file is closed.
        """
        self.fd = fd
        self.mapping = mmap.mmap(fd, size)
        self._read_only: mmap.mmap | None = None
        self.bytes = size
        self.number = next(_numbers)
        self.is_forgotten = False
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        _all.add(self)

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)

    def read_only(self) -> mmap.mmap:
        """The same memory for those that may not write to it: not even numpy can be told to."""
        if self._read_only is None:
            self._read_only = mmap.mmap(self.fd, self.bytes, prot=mmap.PROT_READ)
        return self._read_only

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` when the slab is forgotten."""
        self._watchers.add(watcher)

    def forget(self) -> None:
        """Send no further slice in it. It stays mapped for those that refer to it."""
        if not self.is_forgotten:
            self.is_forgotten = True
            for watcher in list(self._watchers):
                watcher.slab_forgotten(self)

    def map_pages(self, offset: int, size: int, advice: int) -> None:
        """Map some pages now, where the system can: each would be a fault of its own later."""
        try:
            self.mapping.madvise(advice, offset, size)
        except (AttributeError, OSError, ValueError):
            # An older kernel: they are mapped when they are touched.
            return


class OwnSlab(Slab):
    """A slab that this process has made: blocks of one size.

    Attributes:
        block_bytes: the size.
        used: how many blocks have been reserved; those behind them have no memory yet.
        is_retired: a reader has gone without returning a block, and may read it for as long as it lives. So
            nothing more is put into the slab.
    """

    __slots__ = ("block_bytes", "is_retired", "used")

    def __init__(self, fd: int, block_bytes: int, count: int) -> None:
        """Map a file for ``count`` blocks.

        Raises:
            OSError: there is no room for it, or it cannot be mapped; the file is closed.
        """
        self.fd = fd
        os.ftruncate(fd, block_bytes * count)
        self.block_bytes = block_bytes
        self.used = 0
        self.is_retired = False
        super().__init__(fd, block_bytes * count)

    @property
    def reserved_bytes(self) -> int:
        """How much memory it takes."""
        return self.used * self.block_bytes

    def empty(self) -> None:
        """Give its memory back now, as nobody uses any: others may have it open for a while."""
        try:
            self.mapping.madvise(mmap.MADV_REMOVE)
        except (AttributeError, OSError):
            # Not on this file system: it goes back with the last who has the file open.
            return

    def reserve(self) -> int | None:
        """Reserve the next block; its offset, or None where all are reserved.

        Raises:
            OSError: the folder is full.
        """
        offset = self.used * self.block_bytes
        if offset == self.bytes:
            return None
        # Before it is touched: a page that the file system has no room for is a signal, and no error.
        os.posix_fallocate(self.fd, offset, self.block_bytes)
        self.map_pages(offset, self.block_bytes, POPULATE_WRITE)
        self.used += 1
        return offset


class Block:
    """A part of an own slab that is in use for as long as anything refers to this object.

    The allocated array refers to it, and each slice that a consumer has not returned. There is no count and
    no lock: the last of them may go in any thread, in the middle of anything.

    Attributes:
        slab: where it lies.
        start: where it begins there.
        is_shared: never: whoever gets it alone may write to it.
        given: the parts of it that have been given to consumers.
    """

    __slots__ = ("_free", "given", "slab", "start")
    is_shared = False

    def __init__(self, slab: OwnSlab, offset: int, free: deque[tuple[OwnSlab, int]]) -> None:
        """Use a block; it goes to ``free`` afterwards."""
        self.slab = slab
        self.start = offset
        self.given: list[Part] | None = None
        self._free = free

    def __del__(self) -> None:
        if not self.slab.is_retired:
            self._free.append((self.slab, self.start))

    def abandon(self) -> None:
        """A consumer has gone without returning it."""
        self.slab.is_retired = True
        self.slab.forget()


@runs_in_forked_child
def _close_inherited() -> None:
    """Let go of the files. What a child has mapped stays, so that the arrays that it has can be read."""
    for slab in list(_all):
        slab.is_forgotten = True
        if slab.fd >= 0:
            os.close(slab.fd)
            slab.fd = -1
