"""The private directory of this program's sockets."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from remotemedia.driver.own_python import is_text

_MAX_PARENT = 50
"""Longer paths do not fit into a socket's address on every system."""

_made: dict[int, Path] = {}


def fresh_address(name: str) -> str:
    """An address to listen at: a socket that only this user can reach, or any free local port."""
    if os.environ.get("REMOTEMEDIA_TRANSPORT") == "tcp" or sys.platform == "win32":
        return "tcp:127.0.0.1:0"
    pid = os.getpid()
    if pid not in _made:
        # Its name says whose it is, so that others can remove it should this program be killed.
        _made[pid] = Path(tempfile.mkdtemp(prefix=f"remotemedia-{pid}-", dir=_parent()))
        _mark(_made[pid])
    return f"unix:{_made[pid] / name}"


def remove_left_by(pid: int) -> None:
    """Remove the sockets of a process that has ended and could not do so itself."""
    for left in Path(_parent()).glob(f"remotemedia-{pid}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _mark(directory: Path) -> None:
    """Say which processes the number in the directory's name belongs to: a container counts its own."""
    try:
        pids = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        # Only Linux tells.
        return
    (directory / f"pids-{''.join(filter(str.isdigit, pids))}").touch()


def _parent() -> str:
    wanted = tempfile.gettempdir()
    # The engine is told the address, and can be told Unicode only.
    return wanted if len(wanted) <= _MAX_PARENT and is_text(wanted) else "/tmp"


def _remove() -> None:
    made = _made.pop(os.getpid(), None)
    if made is not None:
        shutil.rmtree(made, ignore_errors=True)


atexit.register(_remove)
