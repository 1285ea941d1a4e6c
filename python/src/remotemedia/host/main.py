"""A host's main thread: it connects, serves the engine, and ends when the engine does."""

from __future__ import annotations

import atexit
import faulthandler
import json
import logging
import os
import platform
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import remotemedia
from remotemedia.core.exceptions import ProtocolError
from remotemedia.host import owner
from remotemedia.host.address import dial
from remotemedia.host.control import Control, EventHandler
from remotemedia.host.listener import Listener, hello
from remotemedia.host.printing import MarkedStream, mark_standard_streams
from remotemedia.host.turns import take_turns

_END_SECONDS = 1.0
_LAST_RESORT_SECONDS = 2.5
_OWNER_END_SECONDS = 0.2
_EXIT_PROTOCOL = 70


def run() -> int:
    """Run the host that the line on standard input describes; it ends when the engine has gone."""
    config: dict[str, Any] = json.loads(sys.stdin.readline())
    owner_pid: int = config["ownerPid"]
    _detach_standard_input()
    # The thread that crashed is the one of interest.
    faulthandler.enable(all_threads=False)
    take_turns(0)
    # The engine cancels; but a handler that does nothing, unlike SIG_IGN, is not inherited by subprocesses.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    _set_paths(config)
    streams = mark_standard_streams()
    listener = Listener(config["listen"])
    connection = dial(config["address"])
    connection.sendall(hello(config["token"], "control"))
    control = Control(connection, listener, lambda code: _end(control, listener, streams, owner_pid, code))
    if config.get("debug"):
        _log_to(control)
    exit_code = 0
    try:
        owner.watch(owner_pid, _start_time(config), lambda: _end(control, listener, streams, owner_pid, 0))
        control.emit("ready", _ready(listener))
        control.serve()
    except (ProtocolError, OSError) as error:
        if isinstance(error, ProtocolError):
            sys.stderr.write(f"remotemedia: {error}\n")
            exit_code = _EXIT_PROTOCOL
    _end(control, listener, streams, owner_pid, exit_code)
    return exit_code


_ending = threading.Lock()


def _end(
    control: Control, listener: Listener, streams: list[MarkedStream], owner_pid: int, exit_code: int
) -> None:
    """End the process: in good order if that is quick, but always."""
    if not _ending.acquire(blocking=False):
        threading.Event().wait()
    last_resort = threading.Timer(_LAST_RESORT_SECONDS, os._exit, (exit_code,))
    last_resort.daemon = True
    last_resort.start()
    try:
        listener.close()
        control.end(_END_SECONDS)
        _remove_directory_of(listener.address, owner_pid)
        # Python would wait for the threads of the calls before it ran these, and a call may never return.
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
        for stream in streams:
            stream.finish()
    finally:
        os._exit(exit_code)


def _remove_directory_of(address: str, owner_pid: int) -> None:
    """Remove the sockets of an owner that could not do so itself."""
    path = Path(address.removeprefix("unix:"))
    is_owners = address.startswith("unix:") and f"-{owner_pid}-" in path.parent.name
    if is_owners and owner.has_ended(owner_pid, _OWNER_END_SECONDS):
        shutil.rmtree(path.parent, ignore_errors=True)


def _ready(listener: Listener) -> dict[str, Any]:
    return {
        "address": listener.address,
        "pid": os.getpid(),
        "pythonVersion": platform.python_version(),
        "implementation": platform.python_implementation(),
        "packageVersion": remotemedia.__version__,
    }


def _set_paths(config: dict[str, Any]) -> None:
    """Put the user's folders first; the package's own, unless it was there already, goes last."""
    package_parent = str(Path(remotemedia.__file__).parent.parent)
    wanted = [str(entry) for entry in config.get("path") or ()]
    rest = [entry for entry in sys.path if entry not in wanted and entry != package_parent]
    sys.path[:] = [*wanted, *rest]
    if package_parent not in sys.path:
        sys.path.append(package_parent)
    if config.get("cwd"):
        os.chdir(config["cwd"])


def _start_time(config: dict[str, Any]) -> str | None:
    given = config.get("ownerStartTime")
    return None if given is None else str(given)


def _detach_standard_input() -> None:
    """Give nodes an empty standard input."""
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)


def _log_to(control: Control) -> None:
    logger = logging.getLogger("remotemedia")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(EventHandler(control))
