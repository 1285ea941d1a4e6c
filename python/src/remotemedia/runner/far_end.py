"""The far end of a channel, as its producer sees it (``schema/wire.md``, Channels)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from remotemedia.core.exceptions import ProtocolError
from remotemedia.runner.tag_frames import tags_payload
from remotemedia.runner.tags import Tag
from remotemedia.wire.frames import (
    CREDIT,
    END,
    HEADER_BYTES,
    KEPT,
    RETURN,
    STOP,
    TAGS,
    FrameReader,
    decode_payload,
    encode_frame,
    encode_items_frame,
)

if TYPE_CHECKING:
    from remotemedia.runner.credit import CreditOut
    from remotemedia.runner.slab_sender import SlabSender

_BUFFER_BYTES: Final = 8192
_MOST_BUFFER_BYTES: Final = 1 << 20
"""Beyond this the buffer of one frame is not kept for the next."""


class FarEnd:
    """The consumer of a channel: what is sent to it, and what it says.

    One thread at a time sends, and one hears.

    Attributes:
        has_got_end: whether END has been sent, or is about to be.
    """

    __slots__ = ("_buffer", "_credit", "_gone", "_is_stale", "_slabs", "_socket", "has_got_end")

    def __init__(
        self,
        sock: socket.socket,
        credit: CreditOut,
        slabs: SlabSender | None,
        is_stale: Callable[[Tag], bool],
        gone: Callable[[], None],
    ) -> None:
        """Talk over a connection that has said HELLO.

        Args:
            sock: the connection.
            credit: what may be sent.
            slabs: what it has in shared memory.
            is_stale: whether an item has been interrupted.
            gone: called in the thread that hears, when nothing more is taken.
        """
        self._credit = credit
        self._slabs = slabs
        self._is_stale = is_stale
        self._gone = gone
        self._socket = sock
        self._buffer = bytearray(_BUFFER_BYTES)
        self.has_got_end = False

    def send_items(self, items: list[Any], tags: list[Tag]) -> None:
        """Send a frame of items, for which there is credit; items have tags in a session.

        Raises:
            ValueTransferError: one of them cannot cross; nothing has been sent.
        """
        buffer = self._buffer
        slabs = self._slabs
        has_slices = slabs is not None and slabs.has_parcels
        encode_items_frame(slabs.unpack(items) if slabs is not None and has_slices else items, buffer)
        size = len(buffer) - HEADER_BYTES
        if slabs is not None and has_slices:
            frames, slice_bytes = slabs.send(items, self._credit.sent_items)
            size += slice_bytes
            if frames:
                self._send(frames)
        self._credit.spend(len(items), size, tags, self._is_stale)
        if tags:
            self._send(encode_frame(TAGS, tags_payload(tags)))
        self._send(buffer)
        if len(buffer) > _MOST_BUFFER_BYTES:
            self._buffer = bytearray(_BUFFER_BYTES)

    @property
    def has_notices(self) -> bool:
        """Whether there is something to be told of shared memory although no item is sent."""
        return self._slabs is not None and self._slabs.has_notices

    def send_notices(self) -> None:
        """Send what is to be told of shared memory."""
        if self._slabs is not None:
            self._send(self._slabs.notices())

    def send_end(self, has_failed: bool) -> None:
        """Send END: after a failure here or before, if so."""
        before = b"" if self._slabs is None else self._slabs.ends()
        # Set first: the consumer may close while this thread has not come back.
        self.has_got_end = True
        self._send(before + encode_frame(END, {"failed": has_failed}))

    def shut_down(self) -> None:
        """Let whoever waits for the connection come back."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Closed by the other side, or here, already.
            return

    def hear(self, reader: FrameReader) -> bool:
        """Take in what has been said; whether more may come.

        Raises:
            ProtocolError: no consumer says that.
        """
        slabs = self._slabs
        while True:
            frame = reader.read()
            if frame is None:
                return False
            kind, payload = frame
            if kind == STOP:
                self._gone()
                return False
            if kind == CREDIT:
                self._credit.take_back(decode_payload(payload), self._is_stale)
                if slabs is not None:
                    slabs.credited(self._credit.back_items)
            elif kind == RETURN and slabs is not None:
                slabs.returned(decode_payload(payload))
            elif kind == KEPT and slabs is not None:
                slabs.said(decode_payload(payload))
            else:
                raise ProtocolError(f"a frame of kind {kind:#x} on a channel's producer side")
            if not reader.has_frame():
                return True

    def _send(self, data: bytes | bytearray) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            # The consumer has closed: what it has said before is heard first. Whether that is an error is for
            # the engine to say, which sees why.
            return
