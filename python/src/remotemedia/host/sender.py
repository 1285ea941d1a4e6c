"""How frames get into a control connection: at once, or later where the caller must not wait."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from remotemedia.runner.in_order import InOrder

logger = logging.getLogger("remotemedia.host")

_DONT_WAIT: int | None = getattr(socket, "MSG_DONTWAIT", None)


class Sender:
    """Sends in the calling thread, which waits while the other side is slow. Any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        """Send through a connection."""
        self._socket = connection
        self._lock = threading.Lock()

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        with self._lock:
            self._send_whole(frame)

    def send_made(self, make: Callable[[], bytes | None]) -> None:
        """Send the frame that ``make`` gives, if it gives one; it raises nothing."""
        frame = make()
        if frame is not None:
            self.send(frame)

    def _send_whole(self, frame: bytes | memoryview) -> None:
        try:
            self._socket.sendall(frame)
        except OSError as error:
            # The other side has gone: whoever serves the connection sees it as well.
            logger.debug("a message could not be sent: %s", error)


class PatientSender(Sender):
    """Never has its caller wait: what the other side does not take at once is sent by another thread.

    The order stays that of the calls.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Send through a connection."""
        super().__init__(connection)
        self._rest = InOrder("remotemedia-sender")

    def send(self, frame: bytes) -> None:
        """Send a frame, or what can be sent of it at once; the rest follows."""
        with self._lock:
            rest = self._send_some(frame) if self._rest.is_idle else memoryview(frame)
            if rest:
                self._rest.add(self._send_whole, rest)

    def send_made(self, make: Callable[[], bytes | None]) -> None:
        """Have the frame made and sent by another thread."""
        with self._lock:
            self._rest.add(self._make_and_send, make)

    def _make_and_send(self, make: Callable[[], bytes | None]) -> None:
        frame = make()
        if frame is not None:
            self._send_whole(frame)

    def _send_some(self, frame: bytes) -> memoryview:
        """Send what fits; gives the rest."""
        whole = memoryview(frame)
        if _DONT_WAIT is None:
            return whole
        try:
            return whole[self._socket.send(frame, _DONT_WAIT) :]
        except BlockingIOError:
            return whole
        except OSError as error:
            logger.debug("a message could not be sent: %s", error)
            return whole[:0]
