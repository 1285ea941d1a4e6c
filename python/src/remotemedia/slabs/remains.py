"""What consumers still have open of slabs that this process has let go of: it counts for the limit."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

_LOCKS: Final = Path("/proc/locks")


def mark_open(fd: int) -> None:
    """Let everybody see that a slab is open here: for as long as it is, or anything of it is mapped."""
    # Not on every file system: then it is not counted.
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


class Remains:
    """Slabs that are not used any more here, and may be open elsewhere."""

    def __init__(self) -> None:
        """Know none."""
        self._bytes: dict[str, int] = {}

    def add(self, fd: int, size: int) -> None:
        """A slab of so many bytes is let go of; a consumer may have it open."""
        found = os.fstat(fd)
        device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
        self._bytes[f"{device}:{found.st_ino}"] = size

    def open_bytes(self) -> int:
        """How many bytes are still open elsewhere."""
        if not self._bytes:
            return 0
        try:
            locked = set(_LOCKS.read_text("ascii").split())
        except OSError:
            locked = set[str]()
        self._bytes = {name: size for name, size in self._bytes.items() if name in locked}
        return sum(self._bytes.values())
