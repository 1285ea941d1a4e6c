"""A control connection: requests, answers and events, in both directions."""

from __future__ import annotations

import itertools
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeGuard

from remotemedia.core.exceptions import ProtocolError
from remotemedia.host.sender import Sender
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

Respond = Callable[[Any, BaseException | Failure | None], None]
"""Answers a request: with a result, or with what failed."""

Handle = Callable[[str, dict[str, Any], Respond], None]
"""Is given the method and the parameters of a request, and answers it, at once or later."""


class RequestFailedError(Exception):
    """The other side could not do what it was asked for; ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure."""
        super().__init__(failure["message"])
        self.failure = failure


class ControlConnection:
    """Frames over a socket that has said HELLO. Any thread may send; one serves what comes."""

    def __init__(
        self,
        reader: FrameReader,
        handle: Handle,
        on_event: Callable[[str, Any], None] | None = None,
        describe: Callable[[BaseException], Failure] = failure_of,
        make_sender: Callable[[socket.socket], Sender] = Sender,
    ) -> None:
        """Serve requests with ``handle``, and events, where the other side sends some, with ``on_event``.

        What failed in answering a request is described by ``describe``; frames go through what
        ``make_sender`` makes.
        """
        self._reader = reader
        self._socket: socket.socket = reader.socket
        self._handle = handle
        self._on_event = on_event
        self._describe = describe
        self._sender = make_sender(self._socket)
        self._numbers = itertools.count(1)
        self._pending: dict[int, Future[Any]] = {}

    def serve(self) -> None:
        """Serve until the other side closes the connection.

        Raises:
            ProtocolError: it sent what makes no sense here.
            OSError: the connection broke.
        """
        try:
            while (frame := self._reader.read()) is not None:
                kind, payload = frame
                self._take(kind, decode_payload(payload))
        finally:
            self._socket.close()

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask the other side for something.

        The answer fails with a ``RequestFailedError`` where it is refused, and with what stands in the way of
        encoding it, which a patient sender does in a thread of its own.
        """
        answer: Future[Any] = Future()
        number = next(self._numbers)
        self._pending[number] = answer

        def make() -> bytes | None:
            try:
                return encode_frame(REQUEST, [number, method, lower(params)])
            except BaseException as error:
                if self._pending.pop(number, None) is not None:
                    answer.set_exception(error)
                return None

        self._sender.send_made(make)
        return answer

    def emit(self, name: str, params: Any) -> None:
        """Send an event."""
        self._sender.send(encode_frame(EVENT, [name, params]))

    def fail_pending(self, error: BaseException) -> None:
        """Nobody will answer what has been asked; once, after ``serve`` has ended."""
        for number in list(self._pending):
            answer = self._pending.pop(number, None)
            if answer is not None:
                answer.set_exception(error)

    def close(self) -> None:
        """End the connection; ``serve`` returns."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            # The other side was faster.
            logger.debug("a connection was closed already: %s", error)

    def _take(self, kind: int, message: Any) -> None:
        if kind == REFUSED:
            raise ProtocolError(f"the other side refused this connection: {message}")
        if kind == REQUEST and _is_request(message):
            number, method, params = message
            self._handle(method, params, self._responder(number))
        elif kind == RESPONSE and _is_response(message):
            self._complete(*message)
        elif kind == EVENT and self._on_event is not None and _is_event(message):
            self._on_event(*message)
        else:
            raise ProtocolError(f"a frame of kind {kind:#x} makes no sense on this control connection")

    def _complete(self, number: int, is_ok: bool, result: Any) -> None:
        answer = self._pending.pop(number, None)
        if answer is None:
            raise ProtocolError(f"an answer to request {number}, which nobody made")
        if is_ok:
            answer.set_result(result)
        else:
            answer.set_exception(RequestFailedError(result))

    def _responder(self, number: int) -> Respond:
        if number == _NO_ANSWER:
            return _ignore

        def respond(result: Any, failed: BaseException | Failure | None = None) -> None:
            self._respond(number, result, failed)

        return respond

    def _respond(self, number: int, result: Any, failed: BaseException | Failure | None) -> None:
        try:
            if failed is None:
                # By itself first, so that a refusal names the place in the value and not in the frame.
                self._sender.send(encode_frame(RESPONSE, [number, True, lower(result)]))
                return
        except (TypeError, ValueError) as error:
            failed = error
        failure = failed if isinstance(failed, dict) else self._describe(failed)
        self._sender.send(encode_frame(RESPONSE, [number, False, failure]))


_NO_ANSWER: Final = 0
"""The number of a request that nobody waits for."""


def _ignore(result: Any, failed: BaseException | Failure | None = None) -> None:
    if failed is not None:
        logger.debug("a request that nobody waits for has failed: %s", failed)


def _is_request(message: Any) -> TypeGuard[tuple[int, str, dict[str, Any]]]:
    return _has_parts(message, int, str, dict)


def _is_response(message: Any) -> TypeGuard[tuple[int, bool, Any]]:
    return _has_parts(message, int, bool, object)


def _is_event(message: Any) -> TypeGuard[tuple[str, Any]]:
    return _has_parts(message, str, object)


def _has_parts(message: Any, *kinds: type) -> bool:
    if not isinstance(message, list):
        return False
    parts: list[Any] = message  # pyright: ignore[reportUnknownVariableType]
    return len(parts) == len(kinds) and all(map(isinstance, parts, kinds))
