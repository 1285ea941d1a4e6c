"""The way from the consumer of a channel back to its producer (``schema/wire.md``, Channels)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remotemedia.runner.credit import CreditBack
from remotemedia.runner.ports import Window
from remotemedia.wire.frames import CREDIT, KEPT, RETURN, STOP, encode_frame

if TYPE_CHECKING:
    from remotemedia.runner.keeping import Statement
    from remotemedia.slabs.table import Returns


class WayBack:
    """What a consumer tells its producer: CREDIT, RETURN, KEPT and STOP.

    Targets are done with items, and arrays over the producer's memory are let go of, in any thread: here
    these are kept apart.

    Nothing in here leads to a node. Each array refers to what gathers the returns, and so to this, and the
    collector cannot see through arrays: a node that keeps one would never be freed.
    """

    __slots__ = ("_credit", "_due_bytes", "_lock", "_returns", "_socket", "_unsent")

    def __init__(self, window: Window) -> None:
        """Know no producer yet; ``window`` is how much may be on its way."""
        self._credit = CreditBack(window)
        # Arrays are returned with the credits, mostly.
        self._due_bytes = window[1] // 2
        self._lock = threading.Lock()
        self._returns: Returns | None = None
        self._socket: socket.socket | None = None
        # What the socket had no room for when nobody could wait.
        self._unsent = b""

    @property
    def step(self) -> int:
        """How many items to be done with before credit is due."""
        return self._credit.step

    def connect(self, sock: socket.socket) -> None:
        """Send to a producer that has said HELLO."""
        with self._lock:
            self._socket = sock

    def received(self, items: int, byte_count: int, targets: int) -> None:
        """Note a frame, whose items go to so many targets."""
        with self._lock:
            self._credit.received(items, byte_count, targets)

    def count(self, target: int, items: int, is_stale: bool = False) -> None:
        """Note that a target is done with items, and give credit back where it is due."""
        with self._lock:
            if self._credit.count(target, items, is_stale):
                self._send_quietly(self._returning() + encode_frame(CREDIT, self._credit.take()))

    def count_lent(self, items: list[Any], returns: Returns) -> None:
        """Let go of the one item of a list, which may lie in the producer's memory, and count it as done.

        The producer learns both at once, as either wakes it.
        """
        returns.is_held = True
        items.clear()
        self.count(0, 1)
        returns.is_held = False
        if returns.is_due():
            self._return_now()

    def stop(self) -> None:
        """Tell the producer that nothing more is taken.

        All that has come is given back before: what becomes of it is told here, where account is kept.
        """
        with self._lock:
            credit = encode_frame(CREDIT, self._credit.take_all())
            self._send_quietly(self._returning() + credit + encode_frame(STOP, None))

    def close(self) -> None:
        """Close the connection, once all that can be given back has been."""
        if self._returns is not None:
            self._return_now()
            self._returns.is_closed = True
        # A thread that gives something back may be sending.
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    # Shared memory

    def open_returns(self) -> Returns:
        """What gathers the parts of the producer's memory that are to be given back; asked for once."""
        from remotemedia.slabs.table import Returns

        self._returns = returns = Returns(self._return_now, self._due_bytes)
        return returns

    def gather_no_more(self) -> None:
        """Give back at once what is let go of from here on: no credit goes any more that it could go with."""
        if self._returns is not None:
            self._returns.due_bytes = 0
            self._return_now()

    def tell_keepers(self, state: Callable[[], Statement]) -> None:
        """Answer who keeps what, in whatever thread; what has been given back goes before."""
        with self._lock:
            credit = encode_frame(CREDIT, self._credit.take())
            said = state()
            self._unsent = self._returning() + credit + encode_frame(KEPT, said.payload())
        # Where the socket is full the rest goes with a credit: the producer may be writing, and not reading.
        self._return_now()

    def _return_now(self) -> None:
        """Send what is to be given back, unless a thread that sends something does so.

        Called in any thread, wherever an array is let go of: so this waits for nothing.
        """
        if not self._lock.acquire(blocking=False):
            return
        data = self._returning()
        try:
            if data and self._socket is not None:
                self._unsent = data[self._socket.send(data, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            self._unsent = data
        except OSError:
            # The producer has gone, and needs nothing any more.
            self._unsent = b""
        finally:
            self._lock.release()

    def _returning(self) -> bytes:
        """What is to be sent before anything else."""
        pairs = self._returns.take() if self._returns is not None else []
        data, self._unsent = self._unsent, b""
        return data + encode_frame(RETURN, pairs) if pairs else data

    def _send_quietly(self, frame: bytes) -> None:
        """Send; where the producer has gone, reading says so."""
        if self._socket is None:
            return
        try:
            self._socket.sendall(frame)
        except OSError:
            return
