"""The process of the engine: starting it, what it says before it dies, ending it."""

from __future__ import annotations

import collections
import contextlib
import json
import logging
import os
import queue
import secrets
import signal
import socket
import subprocess
import threading
from typing import Any

import remotemedia
from remotemedia.core.exceptions import EngineDiedError
from remotemedia.driver import node_binary
from remotemedia.driver.sockets import remove_left_by
from remotemedia.host.listener import Listener
from remotemedia.wire.frames import FrameReader

logger = logging.getLogger("remotemedia.engine")

_START_TIMEOUT_SECONDS = 30.0
_END_TIMEOUT_SECONDS = 5.0
_KEPT_LINES = 20


class EngineProcess:
    """A Node.js process that runs the engine, connected to this program.

    Attributes:
        pid: its process id.
    """

    def __init__(self, listener: Listener) -> None:
        """Start the process, and wait until it has connected.

        Raises:
            EngineNotFoundError: there is no Node.js that can run it, or no engine to run.
            EngineDiedError: it ended before it was there.
        """
        node = node_binary.find_node()
        try:
            self._start(node, listener)
        except EngineDiedError:
            other = node_binary.find_other_node(node)
            if other is None:
                raise
            self._start(other, listener)

    def _start(self, node: node_binary.NodeBinary, listener: Listener) -> None:
        self._lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._stderr_done = threading.Event()
        self._is_given_up = False
        self._reader: FrameReader | None = None
        token = secrets.token_hex(32)
        listener.expect_engine(token, self._welcome)
        command = [str(node.path), str(node_binary.engine_entry())]
        logger.debug("starting %s (%s)", " ".join(command), node.why)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.pid = self._process.pid
        try:
            self._connect(listener.address, token)
        except BaseException:
            self.kill()
            raise

    def _connect(self, address: str, token: str) -> None:
        for task, name in ((self._read_stderr, "stderr"), (self._wait, "wait")):
            threading.Thread(target=task, name=f"remotemedia-engine-{name}", daemon=True).start()
        self._tell(address, token)
        self._await_connection()

    @property
    def reader(self) -> FrameReader:
        """Its connection, which has said HELLO."""
        if self._reader is None:
            raise RuntimeError("the engine has not connected")
        return self._reader

    def died(self) -> EngineDiedError:
        """The error that says how the process ended; waits for that."""
        if not self._ended.wait(_END_TIMEOUT_SECONDS):
            self._process.kill()
            self._ended.wait()
        remove_left_by(self.pid)
        self._stderr_done.wait(1)
        lines = list(self._lines)
        said = " Its last lines on stderr:" + "".join(f"\n{line}" for line in lines) if lines else ""
        code, signal_name = _exit_of(self._process.returncode)
        how = f"exit code {code}" if signal_name is None else signal_name
        return EngineDiedError(
            f"The engine (process {self.pid}) ended with {how}. The next run starts a new one.{said}",
            code,
            signal_name,
            lines,
        )

    def end(self) -> None:
        """Wait until the process, whose connection has been closed, has ended; kill it if it does not."""
        if not self._ended.wait(_END_TIMEOUT_SECONDS):
            self._process.kill()
            self._ended.wait()

    def kill(self) -> None:
        """End the process at once, with its connection; waits for nothing."""
        self._is_given_up = True
        self._process.kill()
        if self._reader is not None:
            _hang_up(self._reader)

    def _welcome(self, reader: FrameReader) -> None:
        self._reader = reader
        if self._is_given_up:
            _hang_up(reader)
        self._news.put(True)

    def _tell(self, address: str, token: str) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise RuntimeError("the engine was started without a standard input")
        config: dict[str, Any] = {
            "address": address,
            "token": token,
            "ownerPid": os.getpid(),
            "packageVersion": remotemedia.__version__,
            "debug": logging.getLogger("remotemedia").isEnabledFor(logging.DEBUG),
        }
        try:
            with stdin:
                stdin.write(json.dumps(config).encode() + b"\n")
        except BrokenPipeError:
            # It has ended already, and its exit code says why.
            logger.debug("the engine has ended before it could be told anything")

    def _await_connection(self) -> None:
        try:
            is_connected = self._news.get(timeout=_START_TIMEOUT_SECONDS)
        except queue.Empty:
            raise EngineDiedError(f"The engine did not start within {_START_TIMEOUT_SECONDS:g} s.") from None
        if not is_connected:
            raise self.died()

    def _read_stderr(self) -> None:
        stderr = self._process.stderr
        if stderr is None:
            raise RuntimeError("the engine was started without a standard error")
        with stderr:
            for line in stderr:
                text = line.decode(errors="replace").rstrip("\n")
                self._lines.append(text)
                logger.debug("%s", text)
        self._stderr_done.set()

    def _wait(self) -> None:
        self._process.wait()
        self._ended.set()
        self._news.put(False)


def _hang_up(reader: FrameReader) -> None:
    # Not close(): another thread may be about to read, and then sees the end.
    with contextlib.suppress(OSError):
        reader.socket.shutdown(socket.SHUT_RDWR)


def _exit_of(code: int) -> tuple[int | None, str | None]:
    """The exit code, or the name of the signal."""
    if code >= 0:
        return code, None
    try:
        return None, signal.Signals(-code).name
    except ValueError:
        return None, f"signal {-code}"
