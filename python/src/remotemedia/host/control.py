"""The control connection: requests of the engine, answers and events of the host."""

from __future__ import annotations

import contextvars
import inspect
import logging
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeGuard

from remotemedia.core.exceptions import ProtocolError
from remotemedia.core.lifecycle import note_cleaned_up, note_initialized
from remotemedia.host import modules
from remotemedia.host.listener import Listener
from remotemedia.host.objects import ObjectTable, describe, get_attribute, set_attribute
from remotemedia.host.segments import HostSegment, Respond
from remotemedia.runner.loop import LoopThread
from remotemedia.runner.threads import KeptThreads
from remotemedia.wire.failures import Failure, failure_of
from remotemedia.wire.frames import (
    EVENT,
    REFUSED,
    REQUEST,
    RESPONSE,
    FrameReader,
    decode_payload,
    encode_frame,
)
from remotemedia.wire.values import lower

logger = logging.getLogger("remotemedia.host")


class Control:
    """Serves requests. Those that run user code do so in worker threads, so that none holds up the others."""

    def __init__(self, connection: socket.socket, listener: Listener, end: Callable[[int], None]) -> None:
        """Serve a connection that has said HELLO; ``end`` ends the process."""
        self._end_process = end
        self._socket = connection
        self._listener = listener
        self._send_lock = threading.Lock()
        self._objects = ObjectTable()
        self._segments: dict[str, HostSegment] = {}
        self._loop_thread = LoopThread()
        # Not those of the segments: what is bound to the thread that made it must not work there by chance.
        self._call_threads = KeptThreads()
        self._slow: dict[str, Callable[[dict[str, Any]], Any]] = {
            "create": self._create,
            "get": self._get,
            "set": self._set,
            "call": self._call,
            "discover": self._discover,
        }
        self._quick: dict[str, Callable[[dict[str, Any]], Any]] = {
            "describe": lambda params: describe(self._objects.get(params["object"])),
            "release": lambda params: self._objects.release(params["objects"]),
            "stop": self._stop,
            "cancel": self._cancel,
        }
        self._stepwise: dict[str, Callable[[dict[str, Any], Respond], None]] = {
            "open": self._open,
            "start": lambda params, respond: self._segment(params).start(respond),
            "close": self._close,
        }

    def serve(self) -> None:
        """Serve until the engine closes the connection.

        Raises:
            ProtocolError: it sent what is no request.
            OSError: the connection broke.
        """
        reader = FrameReader(self._socket)
        while (frame := reader.read()) is not None:
            kind, payload = frame
            message: Any = decode_payload(payload)
            if kind == REFUSED:
                raise ProtocolError(f"the engine refused this host: {message}")
            if kind != REQUEST or not _is_request(message):
                raise ProtocolError(f"a frame of kind {kind:#x} on the control connection is no request")
            self._handle(*message)

    def emit(self, name: str, params: Any) -> None:
        """Send an event."""
        self._send(encode_frame(EVENT, [name, params]))

    def end(self, timeout: float) -> None:
        """Give up all segments, and give their nodes some time to clean up."""
        segments = list(self._segments.values())
        for segment in segments:
            segment.cancel()
            segment.close(lambda _result, _failed: None)
        for segment in segments:
            segment.is_closed.wait(timeout)

    def _handle(self, request_id: int, method: str, params: dict[str, Any]) -> None:
        def respond(result: Any, failed: BaseException | Failure | None = None) -> None:
            self._respond(request_id, result, failed)

        logger.debug("request %s %s", request_id, method)
        if method in self._slow:
            # However many of them block, the next one is answered. Threads are pooled, contexts are not.
            run = contextvars.copy_context().run
            self._call_threads.run(
                run, self._answer, self._slow[method], params, respond, name="remotemedia-call"
            )
        elif method in self._quick:
            self._answer(self._quick[method], params, respond)
        elif method in self._stepwise:
            try:
                self._stepwise[method](params, respond)
            except Exception as error:
                respond(None, error)
        else:
            respond(None, ProtocolError(f"there is no method {method!r}"))

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

    def _respond(self, request_id: int, result: Any, failed: BaseException | Failure | None) -> None:
        try:
            if failed is None:
                # By itself first, so that a refusal names the place in the value and not in the frame.
                self._send(encode_frame(RESPONSE, [request_id, True, lower(result)]))
                return
        except (TypeError, ValueError) as error:
            failed = error
        failure = failed if isinstance(failed, dict) else failure_of(failed)
        self._send(encode_frame(RESPONSE, [request_id, False, failure]))

    def _send(self, frame: bytes) -> None:
        with self._send_lock:
            try:
                self._socket.sendall(frame)
            except OSError as error:
                # The engine has gone: the main thread sees it as well, and ends the host.
                logger.debug("an answer could not be sent: %s", error)

    def _create(self, params: dict[str, Any]) -> dict[str, Any]:
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

    def _segment(self, params: dict[str, Any]) -> HostSegment:
        name = params["segment"]
        if name not in self._segments:
            raise ProtocolError(f"there is no open segment {name!r}")
        return self._segments[name]

    def _open(self, params: dict[str, Any], respond: Respond) -> None:
        segment = HostSegment(params, self._objects, self._listener, self._loop_thread, self.emit, self._exit)
        if segment.name in self._segments:
            raise ProtocolError(f"segment {segment.name!r} is open already")
        self._segments[segment.name] = segment

        def opened(result: Any, failed: BaseException | Failure | None) -> None:
            if failed is not None:
                self._segments.pop(segment.name, None)
            respond(result, failed)

        segment.begin(opened)

    def _stop(self, params: dict[str, Any]) -> dict[str, Any]:
        self._segment(params).stop()
        return {}

    def _cancel(self, params: dict[str, Any]) -> dict[str, Any]:
        self._segment(params).cancel()
        return {}

    def _close(self, params: dict[str, Any], respond: Respond) -> None:
        segment = self._segment(params)

        def closed(result: Any, failed: BaseException | Failure | None) -> None:
            self._segments.pop(segment.name, None)
            respond(result, failed)

        segment.close(closed)


def _is_request(message: Any) -> TypeGuard[tuple[int, str, dict[str, Any]]]:
    if not isinstance(message, list):
        return False
    parts: list[Any] = message  # pyright: ignore[reportUnknownVariableType]
    return len(parts) == 3 and isinstance(parts[1], str) and isinstance(parts[2], dict)


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
