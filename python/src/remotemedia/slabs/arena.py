"""This process's own slabs: blocks to put bulk bytes into."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from remotemedia.core.exceptions import ConfigurationError, SharedMemoryFullError
from remotemedia.core.forking import runs_in_forked_child
from remotemedia.slabs.folder import (
    FOLDER_VARIABLE,
    free_bytes,
    open_unnamed,
    slab_folder,
    slab_limit,
)
from remotemedia.slabs.remains import Remains
from remotemedia.slabs.slab import Block, OwnSlab

LEAST_BYTES: Final = 32 << 10
"""From here on bytes go through shared memory: below, a copy through the socket is as fast."""

_PAGE: Final = 4096
_SLAB_BYTES: Final = 8 << 20
_IDLE_BYTES: Final = 64 << 20
_FULL_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)
_TOO_MANY_FILES: Final = (errno.EMFILE, errno.ENFILE)

logger = logging.getLogger("remotemedia.slabs")


@dataclass(slots=True, eq=False)
class _Size:
    """Blocks of one size.

    Attributes:
        bytes: the size.
        free: those that are free, the last one used at the end: it is still in the processor's cache.
        newest: the slab that may have blocks that were never used.
    """

    bytes: int
    free: deque[tuple[OwnSlab, int]] = field(default_factory=deque["tuple[OwnSlab, int]"])
    newest: OwnSlab | None = None


class Arena:
    """Blocks in shared memory. All of it may be called from any thread.

    A slab has blocks of one size, so that it cannot fragment. Sizes are multiples of a page, four to each
    doubling.

    Attributes:
        folder: where its files are.
        limit: how many bytes they may take.
    """

    def __init__(self, folder: str | None = None, limit: int | None = None) -> None:
        """Begin empty; by default with what the environment says.

        Raises:
            ConfigurationError: the environment names what is no folder, or no number.
            OSError: the folder's file system has no files without a name.
        """
        self.folder = slab_folder() if folder is None else folder
        try:
            os.close(open_unnamed(self.folder))
        except OSError as error:
            if os.environ.get(FOLDER_VARIABLE) and error.errno not in _FULL_ERRORS:
                raise ConfigurationError(
                    f"{FOLDER_VARIABLE} is {self.folder!r}, where no file without a name can be made: "
                    f"{error.strerror}. Name a folder in memory (tmpfs) that this user may write to."
                ) from error
            if error.errno not in _FULL_ERRORS:
                raise
        self.limit = slab_limit(self.folder) if limit is None else limit
        self._sizes: dict[int, _Size] = {}
        self._slabs: list[OwnSlab] = []
        self._remains = Remains()
        self._most_slabs = _most_slabs()
        self._lock = threading.Lock()

    @property
    def reserved_bytes(self) -> int:
        """How much memory its slabs take now."""
        return sum(slab.reserved_bytes for slab in self._slabs)

    def allocate(self, size: int, is_beyond_limit: bool = False) -> Block | None:
        """Take a block; None where there is no room for it.

        Args:
            size: how many bytes it is for.
            is_beyond_limit: whether it may take more than the limit together with others.

        Raises:
            SharedMemoryFullError: the folder is full.
        """
        kind = self._kind_of(size)
        block = _take_free(kind)
        return self._grow(kind, is_beyond_limit) if block is None else block

    def trim(self) -> None:
        """Let go of idle slabs, but for a few; after a run."""
        with self._lock:
            self._drop_retired()
            self._close_idle(_IDLE_BYTES)

    def _kind_of(self, size: int) -> _Size:
        pages = max(-(-size // _PAGE), LEAST_BYTES // _PAGE)
        step = 1 << max((pages - 1).bit_length() - 3, 0)
        pages = -(-pages // step) * step
        kind = self._sizes.get(pages)
        return self._sizes.setdefault(pages, _Size(pages * _PAGE)) if kind is None else kind

    def _grow(self, kind: _Size, is_beyond_limit: bool) -> Block | None:
        with self._lock:
            block = _take_free(kind)
            if block is not None:
                return block
            self._drop_retired()
            remaining = self._remains.open_bytes()
            if self.reserved_bytes + remaining + kind.bytes > self.limit:
                self._close_idle(0)
                others = 0 if is_beyond_limit else self.reserved_bytes + remaining
                if others + kind.bytes > self.limit:
                    return None
            try:
                return self._reserve(kind)
            except OSError as error:
                if error.errno not in (*_FULL_ERRORS, *_TOO_MANY_FILES):
                    raise
            self._close_idle(0)
            try:
                return self._reserve(kind)
            except OSError as error:
                if error.errno in _TOO_MANY_FILES:
                    return None
                if error.errno not in _FULL_ERRORS:
                    raise
                raise self._full(kind.bytes) from error

    def _drop_retired(self) -> None:
        for slab in self._slabs:
            if slab.is_retired and slab.fd >= 0:
                self._remains.add(slab.fd, slab.reserved_bytes)
        self._slabs = [slab for slab in self._slabs if not slab.is_retired]

    def _reserve(self, kind: _Size) -> Block:
        """Take a block that was never used."""
        slab = kind.newest
        offset = None if slab is None or slab.is_forgotten else slab.reserve()
        if slab is None or offset is None:
            # What is idle here and there would add up.
            self._close_idle(max(_IDLE_BYTES, self.limit // 4))
            if len(self._slabs) >= self._most_slabs:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            slab = OwnSlab(open_unnamed(self.folder), kind.bytes, max(_SLAB_BYTES // kind.bytes, 1))
            self._slabs.append(slab)
            kind.newest = slab
            offset = slab.reserve() or 0
        return Block(slab, offset, kind.free)

    def _close_idle(self, most_bytes: int) -> None:
        """Let go of slabs that are not in use, until no more than ``most_bytes`` of them are left."""
        idle: list[tuple[_Size, OwnSlab]] = []
        for kind in self._sizes.values():
            # A copy: blocks come back at any moment, also from within this very line.
            counts = Counter(slab for slab, _ in kind.free.copy())
            idle += [
                (kind, slab) for slab, count in counts.items() if count == slab.used and not slab.is_forgotten
            ]
        left = sum(slab.reserved_bytes for _, slab in idle)
        for kind, slab in idle:
            if left <= most_bytes:
                return
            left -= slab.reserved_bytes
            if _withdraw(kind, slab):
                self._slabs.remove(slab)
                slab.forget()
                slab.empty()

    def _full(self, needed: int) -> SharedMemoryFullError:
        return SharedMemoryFullError(
            f"The folder {self.folder} for shared memory is full: {needed} bytes are needed, and "
            f"{free_bytes(self.folder)} are free. Give it more room (in a container: a larger --shm-size), "
            f"or let {FOLDER_VARIABLE} name another folder."
        )


def _most_slabs() -> int:
    """How many slabs there may be: each is two open files here and in each consumer, one of its mapping.

    Consumers mostly have the limit of this process, and several producers.
    """
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(soft // 8, 1)


def _take_free(kind: _Size) -> Block | None:
    free = kind.free
    while True:
        try:
            slab, offset = free.pop()
        except IndexError:
            return None
        if not slab.is_forgotten:
            return Block(slab, offset, free)


def _withdraw(kind: _Size, slab: OwnSlab) -> bool:
    """Take all blocks of an idle slab away from those that are free; False where one was taken meanwhile."""
    taken: list[tuple[OwnSlab, int]] = []
    others: list[tuple[OwnSlab, int]] = []
    while len(taken) < slab.used:
        try:
            entry = kind.free.pop()
        except IndexError:
            break
        (taken if entry[0] is slab else others).append(entry)
    is_whole = len(taken) == slab.used
    kind.free.extend(reversed(others))
    if not is_whole:
        kind.free.extend(reversed(taken))
    return is_whole


_arena: Arena | None = None
_is_absent = False
_making = threading.Lock()


def own_arena() -> Arena | None:
    """The arena of this process; None where there can be none, and bytes go inline.

    Raises:
        ConfigurationError: the environment names a folder or a limit that cannot be used.
    """
    global _arena, _is_absent
    with _making:
        if _arena is None and not _is_absent:
            try:
                arena = Arena()
                _arena = arena if arena.limit > 0 else None
                _is_absent = _arena is None
            except (OSError, AttributeError) as error:
                _is_absent = True
                logger.warning("bulk bytes go without shared memory, as none can be made: %s", error)
        return _arena


@runs_in_forked_child
def _forget_inherited() -> None:
    global _arena, _is_absent, _making
    _arena, _is_absent, _making = None, False, threading.Lock()
