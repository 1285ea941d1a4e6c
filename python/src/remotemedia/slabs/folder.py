"""Where slabs lie, and how much they may take."""

from __future__ import annotations

import os
import tempfile

from remotemedia.core.exceptions import ConfigurationError

FOLDER_VARIABLE = "REMOTEMEDIA_SHM_DIR"
LIMIT_VARIABLE = "REMOTEMEDIA_SHM_LIMIT"

_SHM = "/dev/shm"
_LEAST_FREE_BYTES = 128 << 20
_MOST_BYTES = 1 << 30


def slab_folder() -> str:
    """The folder: the one that the environment names, or shared memory, or the temporary one."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return named
    # Containers have 64 MiB there, if nobody asks for more.
    return _SHM if free_bytes(_SHM) >= _LEAST_FREE_BYTES else tempfile.gettempdir()


def slab_limit(folder: str) -> int:
    """How many bytes the slabs of this process may take.

    Raises:
        ConfigurationError: the environment says it, and it is no number of bytes.
    """
    given = os.environ.get(LIMIT_VARIABLE)
    if not given:
        return min(_MOST_BYTES, free_bytes(folder) // 2)
    if not (given.isascii() and given.isdigit()):
        raise ConfigurationError(f"{LIMIT_VARIABLE} must be a number of bytes, got {given!r}.")
    return int(given)


def free_bytes(folder: str) -> int:
    """How many bytes are free in a folder; none where there is no such folder."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def open_unnamed(folder: str) -> int:
    """Open a new file that has no name and cannot be given one.

    Raises:
        OSError: the folder is not there or full, or its file system has no such files.
    """
    return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, 0o600)
