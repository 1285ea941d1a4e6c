"""The control connection: requests of the engine, answers and events of the host."""

from __future__ import annotations

import contextvars
import inspect
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

from remotemedia.core.lifecycle import note_cleaned_up, note_initialized
from remotemedia.host import modules
from remotemedia.host.connection import ControlConnection, Respond
from remotemedia.host.listener import Listener
from remotemedia.host.objects import ObjectTable, describe, get_attribute, set_attribute
from remotemedia.host.segment_table import SegmentTable
from remotemedia.host.segments import HostSegment, SegmentHost
from remotemedia.host.turns import take_turns
from remotemedia.runner.loop import LoopThread
from remotemedia.runner.plan import NodeFailure
from remotemedia.runner.threads import KeptThreads
from remotemedia.wire.failures import Failure, failure_of
from remotemedia.wire.frames import FrameReader

logger = logging.getLogger("remotemedia.host")


class Control:
    """Serves requests. Those that run user code do so in worker threads, so that none holds up the others."""

    def __init__(self, connection: socket.socket, listener: Listener, end: Callable[[int], None]) -> None:
        """Serve a connection that has said HELLO; ``end`` ends the process."""
        self._end_process = end
        self._serves_python = False
        self._connection = ControlConnection(
            FrameReader(connection), self._handle, describe=self._describe_error
        )
        self._objects = ObjectTable()
        self._loop_thread = LoopThread()
        self._segment_host = SegmentHost(
            listener,
            self._connection.emit,
            self._loop_thread,
            exit_process=self._exit,
            describe=self._describe_failure,
        )
        self._segments = SegmentTable(self._make_segment, take_turns)
        # Not those of the segments: what is bound to the thread that made it must not work there by chance.
        self._call_threads = KeptThreads()
        self._slow: dict[str, Callable[[dict[str, Any]], Any]] = {
            "create": self._create,
            "get": self._get,
            "set": self._set,
            "call": self._call,
            "discover": self._discover,
            "takeState": lambda params: self._objects.take_state(params["object"]),
            "state": lambda params: self._objects.dump_state(params["object"]),
        }
        self._quick: dict[str, Callable[[dict[str, Any]], Any]] = {
            "describe": lambda params: describe(self._objects.get(params["object"])),
            "release": lambda params: self._objects.release(params["objects"]),
        }

    def serve(self) -> None:
        """Serve until the engine closes the connection.

        Raises:
            ProtocolError: it sent what is no request.
            OSError: the connection broke.
        """
        self._connection.serve()

    def emit(self, name: str, params: Any) -> None:
        """Send an event."""
        self._connection.emit(name, params)

    def end(self, timeout: float) -> None:
        """Give up all segments, and give their nodes some time to clean up."""
        self._segments.end(timeout)

    def _handle(self, method: str, params: dict[str, Any], respond: Respond) -> None:
        logger.debug("request %s", method)
        if method in self._slow:
            # However many of them block, the next one is answered. Threads are pooled, contexts are not.
            run = contextvars.copy_context().run
            self._call_threads.run(
                run, self._answer, self._slow[method], params, respond, name="remotemedia-call"
            )
        elif method in self._quick:
            self._answer(self._quick[method], params, respond)
        else:
            self._segments.handle(method, params, respond)

    def _answer(
        self, function: Callable[[dict[str, Any]], Any], params: dict[str, Any], respond: Respond
    ) -> None:
        try:
            result = function(params)
        except SystemExit as error:
            self._exit(error, None)
        except BaseException as error:
            respond(None, error)
        else:
            respond(result, None)

    def _exit(self, error: SystemExit, node_id: str | None) -> None:
        """End the process, as the code that called ``sys.exit`` asked for."""
        who = "A call" if node_id is None else f'Node "{node_id}"'
        sys.stderr.write(f"{who} called sys.exit({'' if error.code is None else repr(error.code)})\n")
        self._end_process(error.code if isinstance(error.code, int) else int(error.code is not None))

    def _create(self, params: dict[str, Any]) -> dict[str, Any]:
        pickled = params.get("pickled")
        if pickled is not None:
            self._serves_python = True
            return self._objects.adopt(pickled)
        sources = {key: params.get(key) for key in ("module", "file", "source")}
        module = modules.load(**sources)
        origin = next(
            (f"{key} {value!r}" for key, value in sources.items() if value and key != "source"), "the source"
        )
        make = modules.find(module, params.get("class"), origin)
        made = make(*params.get("args") or (), **params.get("kwargs") or {})
        logger.debug("created %s", type(made).__qualname__)
        return self._objects.add(made)

    def _get(self, params: dict[str, Any]) -> Any:
        return get_attribute(self._objects.get(params["object"]), params["name"])

    def _set(self, params: dict[str, Any]) -> None:
        set_attribute(self._objects.get(params["object"]), params["name"], params["value"])

    def _call(self, params: dict[str, Any]) -> Any:
        target = self._objects.get(params["object"])
        name = params["name"]
        result = get_attribute(target, name)(*params.get("args") or (), **params.get("kwargs") or {})
        if inspect.isawaitable(result):
            result = self._loop_thread.run(_await(result))
        if name == "initialize":
            note_initialized(target)
        elif name == "cleanup":
            note_cleaned_up(target)
        return result

    def _discover(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"classes": modules.discover(modules.load(params.get("module"), params.get("file")))}

    def _describe_error(self, error: BaseException) -> Failure:
        return failure_of(error, is_pickled=self._serves_python)

    def _describe_failure(self, failure: NodeFailure) -> Failure:
        return failure_of(
            failure.error,
            node_id=failure.node_id,
            phase=failure.phase,
            item_index=failure.item_index,
            is_pickled=self._serves_python,
        )

    def _make_segment(self, params: dict[str, Any]) -> HostSegment:
        return HostSegment(params, self._objects.get, self._segment_host)


async def _await(awaitable: Any) -> Any:
    return await awaitable


class EventHandler(logging.Handler):
    """Sends log records of the package as events."""

    def __init__(self, control: Control) -> None:
        """Send through a control connection."""
        super().__init__()
        self._control = control

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        message = self.format(record)
        self._control.emit(
            "log", {"level": record.levelname.lower(), "logger": record.name, "message": message}
        )
