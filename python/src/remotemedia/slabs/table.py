"""What the other end of a channel lends: its slabs, mapped here, and the leases on parts of them."""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeGuard

from remotemedia.core.exceptions import ProtocolError
from remotemedia.core.forking import forgets_at_fork, runs_in_forked_child
from remotemedia.slabs.remains import mark_open
from remotemedia.slabs.slab import POPULATE_READ, Slab

_MANY: Final = 256
_PAGE: Final = 4096


class Returns:
    """Slices to give back: gathered, as a frame for each would wake the producer each time.

    Slices are added in any thread and at any moment, wherever the last array over one is let go of.

    Attributes:
        abandoned: slices that are never given back, as somebody who got them from here has gone.
        total_bytes: how many there have been, about: threads may come in between.
        due_bytes: once this many have gathered they are sent.
        is_held: whoever adds them now looks himself afterwards whether many have gathered.
        is_closed: nobody waits for them any more.
    """

    def __init__(self, hurry: Callable[[], None], due_bytes: int) -> None:
        """Gather; ``hurry`` is called when many are there, and must not wait for a lock."""
        self._pairs: deque[tuple[int, int]] = deque()
        self._hurry = hurry
        self.abandoned: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._taken = 0
        self.total_bytes = 0
        self.due_bytes = due_bytes
        self.is_held = False
        self.is_closed = False
        forgets_at_fork(self)

    @property
    def count(self) -> int:
        """How many there have been."""
        return self._taken + len(self._pairs)

    def add(self, number: int, offset: int, size: int) -> None:
        """A slice is not needed any more."""
        if self.is_closed:
            return
        self._pairs.append((number, offset))
        # Another thread may come in between: then they are sent a little later.
        self._bytes += size
        self.total_bytes += size
        if self.is_due() and not self.is_held:
            self._hurry()

    def is_due(self) -> bool:
        """Whether many have gathered."""
        return self._bytes >= self.due_bytes or len(self._pairs) >= _MANY

    def take(self) -> list[int]:
        """Those that have gathered, as RETURN lists them; by one thread at a time."""
        flat: list[int] = []
        pairs = self._pairs
        self._bytes = 0
        while pairs:
            flat += pairs.popleft()
        self._taken += len(flat) // 2
        return flat

    def forget_after_fork(self) -> None:
        """A child returns nothing: what it has inherited is its parent's."""
        self.is_closed = True
        self._pairs.clear()


class SlabTable:
    """The slabs of one producer. All of it is called in the thread that reads the channel.

    Attributes:
        returns: where slices go back to.
        is_shared: whether several here take the same slices, so that none may write to them.
        counts: counts the leases of all such tables; None where there is no limit for them.
    """

    def __init__(self, returns: Returns, is_shared: bool = False, most_kept_bytes: int | None = None) -> None:
        """Know no slab.

        Args:
            returns: where leases go back to.
            is_shared: whether several here take the same slices, so that none may write to them.
            most_kept_bytes: how much there may be in leases of such tables of this process, before further
                slices are to be copied.
        """
        self.returns = returns
        self._slabs: dict[int, Slab] = {}
        # How far each has been mapped.
        self._mapped: dict[int, int] = {}
        self.is_shared = is_shared
        self._most_kept_bytes = most_kept_bytes
        self.counts = None if most_kept_bytes is None else leased
        self._bytes = 0
        self._made = self._made_bytes = 0

    def has_room(self, size: int) -> bool:
        """Count a lease that is to be, unless too much is kept here already."""
        return self.counts is None or self.counts.add(size, self._most_kept_bytes or 0)

    def take_bytes(self) -> int:
        """The lengths of the slices that were looked at since this was last asked."""
        size, self._bytes = self._bytes, 0
        return size

    def has_returned_all(self) -> bool:
        """Whether nothing here refers to a slice any more."""
        return self._made == self.returns.count

    @property
    def lent_bytes(self) -> int:
        """The lengths of the slices that something here refers to, about."""
        return self._made_bytes - self.returns.total_bytes

    def announce(self, described: object) -> None:
        """Map a slab, as a SLAB describes it.

        Raises:
            ProtocolError: it is described wrongly or twice, or is not what it should be.
        """
        if not _is_slab(described):
            raise ProtocolError("a SLAB must be a map of numbers: slab, pid, fd and bytes")
        number = described["slab"]
        if number in self._slabs:
            raise ProtocolError(f"slab {number} was announced twice")
        try:
            self._slabs[number] = _open(described["pid"], described["fd"], described["bytes"])
        except (OSError, ValueError, OverflowError) as error:
            raise ProtocolError(f"slab {number} cannot be used: {error}") from error
        self._mapped[number] = 0

    def forget(self, numbers: object) -> None:
        """Let go of slabs, as a FORGET lists them.

        Raises:
            ProtocolError: one was never announced.
        """
        if not _is_ints(numbers):
            raise ProtocolError("a FORGET must be a list of numbers")
        for number in numbers:
            slab = self._slabs.pop(number, None)
            if slab is None:
                raise ProtocolError(f"slab {number} is to be forgotten, and was never announced")
            slab.forget()

    def close(self) -> None:
        """The channel has ended."""
        slabs = list(self._slabs.values())
        self._slabs.clear()
        for slab in slabs:
            slab.forget()

    def take(self, number: int, offset: int, size: int) -> Slab:
        """Find a slice that is to be used in place, and map its pages; the caller returns it by ``returns``.

        Raises:
            ValueError: it is not within a slab that was announced.
        """
        slab = self._find(number, offset, size)
        if offset + size > self._mapped[number]:
            slab.map_pages(offset & -_PAGE, size + offset % _PAGE, POPULATE_READ)
            self._mapped[number] = offset + size
        return slab

    def copy(self, number: int, offset: int, size: int) -> bytes:
        """The bytes of a slice, which goes back at once.

        Raises:
            ValueError: it is not within a slab that was announced.
        """
        slab = self._find(number, offset, size)
        data = slab.mapping[offset : offset + size]
        self.returns.add(number, offset, size)
        return data

    def _find(self, number: int, offset: int, size: int) -> Slab:
        slab = self._slabs.get(number)
        if slab is None:
            raise ValueError(f"a SLICE of slab {number}, which was not announced")
        if offset < 0 or size < 0 or offset + size > slab.bytes:
            raise ValueError(
                f"a SLICE of {size} bytes at {offset} is not within the {slab.bytes} of its slab"
            )
        self._made += 1
        self._made_bytes += size
        self._bytes += size
        return slab


class Leased:
    """How many bytes are in leases that count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0
        self._removed: deque[int] = deque()

    def add(self, size: int, most: int) -> bool:
        """Count a lease, unless that would make more than ``most``."""
        with self._lock:
            while self._removed:
                self._bytes -= self._removed.popleft()
            if self._bytes + size > most:
                return False
            self._bytes += size
            return True

    def remove(self, size: int) -> None:
        """Count one no more; called at any moment, so it takes no lock."""
        self._removed.append(size)


leased = Leased()
"""Leases of tables that have a limit."""


@runs_in_forked_child
def _forget_inherited() -> None:
    global leased
    leased = Leased()


def _open(pid: int, fd: int, size: int) -> Slab:
    if pid <= 0 or fd < 0 or size <= 0:
        raise ValueError(f"file {fd} of process {pid} with {size} bytes")
    opened = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink or found.st_uid != os.geteuid():
            raise ValueError("it is no file without a name of this user")
        if found.st_size < size:
            raise ValueError(f"it has {found.st_size} bytes instead of {size}")
    except BaseException:
        os.close(opened)
        raise
    mark_open(opened)
    return Slab(opened, size)


def _is_slab(described: object) -> TypeGuard[dict[str, int]]:
    return isinstance(described, dict) and all(
        type(described.get(name)) is int  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        for name in ("slab", "pid", "fd", "bytes")
    )


def _is_ints(numbers: object) -> TypeGuard[list[int]]:
    return isinstance(numbers, list) and all(type(number) is int for number in numbers)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
