"""The consumer's end of a channel (``schema/wire.md``, Channels)."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from remotemedia.core.exceptions import ChannelBrokenError, ProtocolError, ValueTransferError
from remotemedia.runner.chain import Chain
from remotemedia.runner.ports import InputPort, OutputPort, Window
from remotemedia.wire.frames import (
    CREDIT,
    END,
    ITEMS,
    STOP,
    FrameReader,
    decode_payload,
    encode_frame,
)
from remotemedia.wire.items import ForeignItems, ItemCodec


class ChannelInput(InputPort):
    """The consumer's end of a channel: read in the segment's thread."""

    def __init__(self, channel: str, window: Window, codec: ItemCodec | None = None) -> None:
        """Wait for the producer to connect; without a codec, the items come from another language."""
        super().__init__()
        self.channel = channel
        self._decode = (codec or ForeignItems()).decode
        self._window = window
        self._reader: FrameReader | None = None
        self._connected = threading.Event()
        self._lock = threading.Lock()
        self._received = 0
        self._given_back = 0
        self._done: list[int] = []
        self._frames: deque[tuple[int, int]] = deque()
        self._ready_bytes = 0

    def attach(self, reader: FrameReader) -> None:
        """Take over the connection of the producer; called from the listener's thread."""
        with self._lock:
            self._reader = reader
            self.socket = reader.socket
            is_dead = self.is_dead
        if is_dead:
            self._send_quietly(encode_frame(STOP, None))
            self._interrupt()
        self._connected.set()
        self.segment.thread.notify()

    def has_frame(self) -> bool:
        """Whether a frame can be read without waiting for the socket."""
        return self._reader is not None and self._reader.has_frame()

    def read(self) -> None:
        """Wait for a frame, run what it brings, and give credit back."""
        if self.socket is None:
            self._connected.wait()
        reader = self._reader
        try:
            while not self.is_dead and reader is not None:
                frame = reader.read()
                if frame is None:
                    if not self.is_dead:
                        raise ChannelBrokenError(f"channel {self.channel} broke before its end")
                    break
                if not self._take(*frame) or not reader.has_frame():
                    break
        except (OSError, ProtocolError, ValueTransferError) as error:
            if not self.is_dead:
                self.segment.fail_port(self, error)
        if self.is_dead:
            self.finish()

    def finish(self) -> None:
        """End the targets, then close: after END nothing more comes."""
        if not self.is_finished:
            super().finish()
            self.release()

    def kill(self) -> None:
        """Take no more: tell the producer, and wake the thread."""
        with self._lock:
            self.is_dead = True
        self._send_quietly(encode_frame(STOP, None))
        self._interrupt()

    def abort(self) -> None:
        """Take no more, because of a cancel."""
        with self._lock:
            self.is_dead = True
        self._interrupt()

    def release(self) -> None:
        """Close the connection."""
        if self.socket is not None:
            self.socket.close()

    def _interrupt(self) -> None:
        self._connected.set()
        self.segment.thread.notify()
        if self.socket is not None:
            try:
                self.socket.shutdown(socket.SHUT_RD)
            except OSError:
                # The other side has closed already: the thread wakes by itself.
                return

    def _take(self, kind: int, payload: bytes | memoryview) -> bool:
        """Run one frame; whether more may come."""
        if kind == ITEMS:
            items = self._decode(payload)
            if not items:
                raise ProtocolError("an ITEMS frame is empty")
            self._received += len(items)
            with self._lock:
                self._frames.append((self._received, len(payload)))
            self._feed(items)
            return True
        if kind == END:
            if decode_payload(payload).get("failed"):
                self.segment.upstream_failed()
            self.finish()
            return False
        raise ProtocolError(f"a frame of kind {kind:#x} on a channel's consumer side")

    def _feed(self, items: list[Any]) -> None:
        segment = self.segment
        if not self._done:
            self._done = [0] * len(self.targets)
        first = self.targets[0]
        if len(self.targets) > 1 or not isinstance(first, Chain):
            with segment.more_to_come():
                self._feed_many(items)
        elif len(items) == 1:
            first.run(items)
            self._count(0, 1)
        else:
            step = max(self._window[0] // 2, 1)
            last = len(items) - 1
            with segment.more_to_come():
                for start in range(0, last, step):
                    part = items[start : min(start + step, last)]
                    first.run(part)
                    self._count(0, len(part))
            first.run(items[last:])
            self._count(0, 1)
        segment.flush_outputs()

    def _feed_many(self, items: list[Any]) -> None:
        counters = [self._counter(index) for index in range(len(self.targets))]
        for item in items:
            self.given += 1
            for index, target in enumerate(self.targets):
                if self.is_dead:
                    return
                if isinstance(target, Chain):
                    target.push(item)
                    self._count(index, 1)
                elif isinstance(target, OutputPort):
                    target.append(item)
                    self._count(index, 1)
                elif target.inbox.is_closed:
                    self._count(index, 1)
                else:
                    target.inbox.put_from_thread(item, -1, counters[index])

    def _counter(self, index: int) -> Callable[[], None]:
        return lambda: self._count(index, 1)

    def _count(self, index: int, items: int) -> None:
        """Note that a target is done with items; give credit back once half of either window has gathered."""
        with self._lock:
            self._done[index] += items
            done = self._done[index] if len(self._done) == 1 else min(self._done)
            while self._frames and self._frames[0][0] <= done:
                self._ready_bytes += self._frames.popleft()[1]
            gathered = done - self._given_back
            if gathered * 2 < self._window[0] and self._ready_bytes * 2 < self._window[1]:
                return
            self._given_back = done
            byte_count, self._ready_bytes = self._ready_bytes, 0
            self._send_quietly(encode_frame(CREDIT, [gathered, byte_count]))

    def _send_quietly(self, frame: bytes) -> None:
        """Send; where the producer has gone, reading says so."""
        if self.socket is None:
            return
        try:
            self.socket.sendall(frame)
        except OSError:
            return
