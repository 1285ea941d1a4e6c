"""The engine of this program: started when it is first needed, kept, and ended with the program."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Protocol

import remotemedia
from remotemedia.core.exceptions import EngineDiedError, ProtocolError
from remotemedia.core.forking import forgets_at_fork
from remotemedia.driver.engine_lines import EngineLines
from remotemedia.driver.engine_process import EngineProcess
from remotemedia.driver.sockets import fresh_address
from remotemedia.host.connection import ControlConnection, Respond
from remotemedia.host.listener import Listener
from remotemedia.host.segment_table import SegmentTable
from remotemedia.host.segments import HostSegment
from remotemedia.host.sender import PatientSender
from remotemedia.runner.threads import run_in_thread

logger = logging.getLogger("remotemedia.engine")

_READY_TIMEOUT_SECONDS = 30.0
_END_TIMEOUT_SECONDS = 10.0


class SegmentMaker(Protocol):
    """A run that has segments in this program."""

    def make_segment(self, params: dict[str, Any]) -> HostSegment:
        """The segment of a description."""
        ...

    def note_open(self) -> None:
        """All nodes of the run are initialized."""
        ...

    def note_stuck(self, event: dict[str, Any]) -> None:
        """Something holds the run up."""
        ...

    def note_dead_letter(self, params: dict[str, Any]) -> None:
        """A failure policy has given an item up, in another process."""
        ...

    def note_losses(self, params: dict[str, Any]) -> None:
        """Items have come to nothing, in other processes."""
        ...


class Engine:
    """A connected engine.

    Attributes:
        listener: where channels of other hosts come in.
        runs: the runs under way, by id.
        node_version: the version of Node.js, such as ``22.11.0``.
    """

    def __init__(self, listener: Listener) -> None:
        """Start one. If that is interrupted, nothing of it is left.

        Raises:
            EngineNotFoundError: there is no Node.js that can run it, or no engine to run.
            EngineDiedError: it ended before it was ready, or is not ready in time.
        """
        self.listener = listener
        self.runs: dict[str, SegmentMaker] = {}
        self.node_version = ""
        self._lines = EngineLines()
        self._is_ready = threading.Event()
        self._death: EngineDiedError | None = None
        self._problem: BaseException | None = None
        self._segments = SegmentTable(self._make_segment)
        self._process = EngineProcess(listener)
        try:
            self._connection = ControlConnection(
                self._process.reader, self._handle, self._on_event, make_sender=PatientSender
            )
            threading.Thread(target=self._serve, name="remotemedia-engine", daemon=True).start()
            is_ready = self._is_ready.wait(_READY_TIMEOUT_SECONDS)
        except BaseException:
            self._process.kill()
            raise
        if not is_ready:
            self._process.kill()
            raise EngineDiedError(f"The engine was not ready within {_READY_TIMEOUT_SECONDS:g} s.")
        if self._death is not None:
            raise self._death from self._problem

    @property
    def pid(self) -> int:
        """Process id of the engine."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self._death is not None

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask for something, without a wait; an answer of ``EngineDiedError`` if the engine ends."""
        answer = self._connection.request(method, params)
        if self._death is not None:
            self._connection.fail_pending(self._death)
        return answer

    def emit(self, name: str, params: Any) -> None:
        """Tell something."""
        self._connection.emit(name, params)

    def after_lines(self, node_ids: Iterable[str], function: Callable[..., None], *args: Any) -> None:
        """Call something when what these nodes have printed so far is out."""
        self._lines.after(node_ids, function, *args)

    def forget(self, segment: HostSegment) -> None:
        """Forget a segment that was given up."""
        self._segments.forget(segment)

    def close(self) -> None:
        """End the process, and wait for that."""
        self._connection.close()
        self._process.end()
        self._lines.end()

    def _serve(self) -> None:
        problem: BaseException | None = None
        try:
            self._connection.serve()
        except BaseException as error:
            # Whatever it is: with this thread gone nobody would answer any run.
            problem = error
        self._connection.close()
        death = self._process.died()
        self._problem = self._problem or problem
        self._death = death
        self._is_ready.set()
        self._connection.fail_pending(death)
        if problem is not None:
            self._lines.debug(logger, "the connection to the engine broke: %r", problem)

    def _handle(self, method: str, params: dict[str, Any], respond: Respond) -> None:
        self._lines.debug(logger, "the engine asks for %s %s", method, params.get("segment", ""))
        self._segments.handle(method, params, respond)

    def _make_segment(self, params: dict[str, Any]) -> HostSegment:
        run = self.runs.get(params.get("run", ""))
        if run is None:
            raise ProtocolError(f"there is no run {params.get('run')!r}")
        return run.make_segment(params)

    def _on_event(self, name: str, params: Any) -> None:
        if name == "output":
            self._lines.print(params)
        elif name == "log":
            self._lines.log(params)
        elif name in ("opened", "waiting"):
            run = self.runs.get(params["run"])
            if run is not None:
                run.note_open()
        elif name == "stuck":
            run = self.runs.get(params["run"])
            if run is not None:
                run.note_stuck(params)
        elif name == "losses":
            run = self.runs.get(params["run"])
            if run is not None:
                run.note_losses(params)
        elif name == "dead-letter":
            run = self.runs.get(params["run"])
            if run is not None:
                self._lines.call(params["nodeId"], run.note_dead_letter, params)
        elif name == "ready":
            self._note_ready(str(params["nodeVersion"]), params["packageVersion"])

    def _note_ready(self, node_version: str, package_version: Any) -> None:
        self.node_version = node_version.removeprefix("v")
        if package_version != remotemedia.__version__:
            raise ProtocolError(
                f"the engine is version {package_version}, and this package "
                f"{remotemedia.__version__}: build or install them together"
            )
        self._lines.debug(logger, "the engine %s runs on Node.js %s", self.pid, self.node_version)
        self._is_ready.set()


class _OwnEngine:
    """The engine of this process, if there is one; a forked child starts one of its own."""

    def __init__(self) -> None:
        self.forget_after_fork()
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """The inherited sockets have been closed already."""
        self._lock = threading.Lock()
        self._start_lock = threading.Lock()
        self._listener: Listener | None = None
        self._engine: Engine | None = None
        self._starting: Future[Engine] | None = None

    @property
    def running(self) -> Engine | None:
        """The engine, if one lives."""
        return None if self._engine is None or self._engine.is_dead else self._engine

    def get(self) -> Engine:
        """The engine, started if there is none that lives.

        In another thread: a Ctrl-C ends the wait for it, and not its start, so that it is found next time.
        """
        running = self.running
        if running is not None:
            return running
        with self._lock:
            if self._starting is None:
                starting: Future[Engine] = Future()
                run_in_thread(self._start, starting, name="remotemedia-engine-start")
                self._starting = starting
            else:
                starting = self._starting
        return starting.result()

    def end(self) -> None:
        """End it, also one that is just being started."""
        starting = self._starting
        if starting is not None:
            # How it failed is of no interest any more.
            with contextlib.suppress(Exception):
                starting.result(_END_TIMEOUT_SECONDS)
        running = self.running
        if running is not None:
            running.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _start(self, starting: Future[Engine]) -> None:
        failed: BaseException | None = None
        # An interrupt may have left a start behind that nobody knows of.
        with self._start_lock:
            try:
                if self.running is None:
                    if self._listener is None:
                        self._listener = Listener(fresh_address("driver"))
                    self._engine = Engine(self._listener)
            except BaseException as error:
                failed = error
            with self._lock:
                self._starting = None
        running = self._engine
        if failed is not None:
            starting.set_exception(failed)
        elif running is not None:
            starting.set_result(running)


_own = _OwnEngine()


def engine() -> Engine:
    """The engine of this process, started if there is none that lives; blocks while it starts.

    Raises:
        EngineNotFoundError: there is no Node.js that can run it, or no engine to run.
        EngineDiedError: it ended before it was ready.
    """
    return _own.get()


def running_engine() -> Engine | None:
    """The engine of this process, if one lives."""
    return _own.running


atexit.register(_own.end)
