"""The engine of this program: started when it is first needed, kept, and ended with the program."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
from concurrent.futures import Future
from typing import Any, Protocol

import remotemedia
from remotemedia.core.exceptions import EngineDiedError, ProtocolError
from remotemedia.driver.engine_process import EngineProcess
from remotemedia.driver.sockets import fresh_address
from remotemedia.host.connection import ControlConnection, Respond
from remotemedia.host.listener import Listener
from remotemedia.host.segment_table import SegmentTable
from remotemedia.host.segments import HostSegment

logger = logging.getLogger("remotemedia.engine")


class SegmentMaker(Protocol):
    """A run that has segments in this program."""

    def make_segment(self, params: dict[str, Any]) -> HostSegment:
        """The segment of a description."""
        ...


class Engine:
    """A connected engine.

    Attributes:
        listener: where channels of other hosts come in.
        runs: the runs under way, by id.
        node_version: the version of Node.js, such as ``22.11.0``.
    """

    def __init__(self, listener: Listener) -> None:
        """Start one.

        Raises:
            EngineNotFoundError: there is no Node.js that can run it, or no engine to run.
            EngineDiedError: it ended before it was ready.
        """
        self.listener = listener
        self.runs: dict[str, SegmentMaker] = {}
        self.node_version = ""
        self._process = EngineProcess(listener)
        self._segments = SegmentTable(self._make_segment)
        self._connection = ControlConnection(self._process.reader, self._handle, self._on_event)
        self._is_ready = threading.Event()
        self._death: EngineDiedError | None = None
        threading.Thread(target=self._serve, name="remotemedia-engine", daemon=True).start()
        self._is_ready.wait()
        if self._death is not None:
            raise self._death

    @property
    def pid(self) -> int:
        """Process id of the engine."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self._death is not None

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask for something; fails with ``RequestFailedError``, or ``EngineDiedError`` if it ends."""
        answer = self._connection.request(method, params)
        if self._death is not None:
            self._connection.fail_pending(self._death)
        return answer

    def emit(self, name: str, params: Any) -> None:
        """Tell something."""
        self._connection.emit(name, params)

    def close(self) -> None:
        """End the process, and wait for that."""
        self._connection.close()
        self._process.end()

    def _serve(self) -> None:
        try:
            self._connection.serve()
        except (ProtocolError, OSError) as error:
            logger.debug("the connection to the engine broke: %s", error)
            self._connection.close()
        self._death = self._process.died()
        self._is_ready.set()
        self._connection.fail_pending(self._death)

    def _handle(self, method: str, params: dict[str, Any], respond: Respond) -> None:
        logger.debug("the engine asks for %s %s", method, params.get("segment", ""))
        self._segments.handle(method, params, respond)

    def _make_segment(self, params: dict[str, Any]) -> HostSegment:
        run = self.runs.get(params.get("run", ""))
        if run is None:
            raise ProtocolError(f"there is no run {params.get('run')!r}")
        return run.make_segment(params)

    def forget(self, segment: HostSegment) -> None:
        """Forget a segment that was given up."""
        self._segments.forget(segment)

    def _on_event(self, name: str, params: Any) -> None:
        if name == "output":
            _print(params)
        elif name == "log":
            level = logging.getLevelNamesMapping().get(str(params["level"]).upper(), logging.DEBUG)
            logging.getLogger(str(params["logger"])).log(level, "%s", params["message"])
        elif name == "ready":
            self.node_version = str(params["nodeVersion"]).removeprefix("v")
            if params["packageVersion"] != remotemedia.__version__:
                raise ProtocolError(
                    f"the engine is version {params['packageVersion']}, and this package "
                    f"{remotemedia.__version__}: build or install them together"
                )
            logger.debug("the engine %s runs on Node.js %s", self.pid, self.node_version)
            self._is_ready.set()


_lock = threading.Lock()
_listener: Listener | None = None
_engine: Engine | None = None


def engine() -> Engine:
    """The engine of this process, started if there is none that lives."""
    global _listener, _engine
    with _lock:
        if _engine is None or _engine.is_dead:
            if _listener is None:
                _listener = Listener(fresh_address("driver"))
            _engine = Engine(_listener)
        return _engine


def running_engine() -> Engine | None:
    """The engine of this process, if one lives."""
    return None if _engine is None or _engine.is_dead else _engine


def _print(params: dict[str, Any]) -> None:
    stream = sys.stderr if params["stream"] == "stderr" else sys.stdout
    # A program may run without them, or close them before its nodes have ended.
    with contextlib.suppress(AttributeError, ValueError, OSError):
        stream.write(f"[{params.get('nodeId') or params['host']}] {params['line']}\n")


def _end() -> None:
    global _listener
    current = running_engine()
    if current is not None:
        current.close()
    if _listener is not None:
        _listener.close()
        _listener = None


def _forget_after_fork() -> None:
    """A forked child starts an engine of its own; the inherited sockets have been closed already."""
    global _lock, _listener, _engine
    _lock = threading.Lock()
    _listener = _engine = None


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
