"""Watching the owner of a host: when it is gone, so is the host."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_EVERY_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS_AND_SIGNAL = int(signal.SIGQUIT) if sys.platform != "win32" else 0
"""SIGQUIT is number 3."""


def watch(pid: int, start_time: str | None, gone: Callable[[], None]) -> None:
    """Call ``gone`` when a process has ended.

    Args:
        pid: the process.
        start_time: field 22 of its ``/proc/<pid>/stat``, as a pid may be reused; None if unknown.
        gone: called in a thread of its own.
    """

    def wait() -> None:
        _wait_for_end(pid, start_time)
        gone()

    threading.Thread(target=wait, name="remotemedia-owner", daemon=True).start()
    if sys.platform == "linux":
        _die_with_parent(pid, gone)


def _die_with_parent(pid: int, gone: Callable[[], None]) -> None:
    """Have the kernel end this process some seconds after its parent, also while native code holds the GIL.

    The signal that comes with the parent's death is handled by C's ``alarm``, with the signal's number:
    that many seconds later SIGALRM ends the process, unless it has ended in good order by then.
    """
    if os.getppid() != pid:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal.restype = ctypes.c_void_p
    libc.signal(_GRACE_SECONDS_AND_SIGNAL, ctypes.cast(libc.alarm, ctypes.c_void_p))
    libc.prctl(_PR_SET_PDEATHSIG, _GRACE_SECONDS_AND_SIGNAL)
    # It may have gone between the two calls.
    if os.getppid() != pid:
        gone()


def has_ended(pid: int, within_seconds: float) -> bool:
    """Whether a process ends within some time."""
    descriptor = _open_pid(pid)
    if descriptor is None:
        return not _is_alive(pid, None)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(within_seconds * 1_000))
    finally:
        os.close(descriptor)


def start_time_of(pid: int) -> str | None:
    """When a process started, in clock ticks since the machine did; None where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program, in parentheses, may itself hold spaces and parentheses.
    return stat.rpartition(")")[2].split()[19]


def _wait_for_end(pid: int, start_time: str | None) -> None:
    descriptor = _open_pid(pid)
    try:
        if start_time is not None and start_time_of(pid) not in (start_time, None):
            return
        if descriptor is not None:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll()
            return
    finally:
        if descriptor is not None:
            os.close(descriptor)
    while _is_alive(pid, start_time):
        time.sleep(_EVERY_SECONDS)


def _open_pid(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        # An old kernel, a sandbox, or a process that is gone: the slow way finds out.
        return None


def _is_alive(pid: int, start_time: str | None) -> bool:
    if os.name != "posix":
        # Without a way to ask, the control connection alone says that the owner has gone.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    now = start_time_of(pid) if start_time is not None else None
    return now is None or now == start_time
