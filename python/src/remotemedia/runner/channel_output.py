"""The producer's end of a channel (``schema/wire.md``, Channels)."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import (
    MemoryKeptError,
    ProtocolError,
    SharedMemoryFullError,
    ValueTransferError,
)
from remotemedia.runner.credit import CreditOut
from remotemedia.runner.far_end import FarEnd
from remotemedia.runner.loop import set_done
from remotemedia.runner.ports import OUTPUT_NAME, OutputPort, Window
from remotemedia.runner.tags import Tag, current_tag
from remotemedia.runner.threads import run_in_thread
from remotemedia.runner.unit import close_upstream
from remotemedia.wire.frames import MAX_PAYLOAD_BYTES, FrameReader
from remotemedia.wire.items import ForeignItems, ItemCodec
from remotemedia.wire.values import NUMBER_BYTES

if TYPE_CHECKING:
    from remotemedia.runner.losses import Accounts
    from remotemedia.runner.slab_sender import SlabSender
    from remotemedia.slabs.giving import Giving

_MAX_PENDING = 1024
_FRAME_BYTES = 1 << 20
_MAX_FRAME_ITEMS = 4096
_MAX_ITEM_BYTES = MAX_PAYLOAD_BYTES - _FRAME_BYTES


class ChannelOutput(OutputPort):
    """The producer's end of a channel.

    The segment's thread sends at the end of each batch. A tender thread reads credits, and sends what is
    pending while the segment's thread works on.
    """

    def __init__(
        self,
        channel: str,
        window: Window,
        codec: ItemCodec | None = None,
        slabs: SlabSender | None = None,
        to: str = OUTPUT_NAME,
    ) -> None:
        """Wait for ``start``.

        Args:
            channel: its name.
            window: how much may be on its way.
            codec: writes the items; without it they go to another language.
            slabs: where bulk bytes go that the codec places in shared memory.
            to: the first of what it feeds.
        """
        super().__init__()
        self.channel = channel
        self._to = to
        self._slabs = slabs
        if slabs is not None:
            self.arena = slabs.arena
            slabs.on_forgotten(self._wake_sleeping)
        codec = codec or ForeignItems()
        self._lower = codec.lower
        self._leaves_plain = codec.leaves_plain
        self._far: FarEnd | None = None
        self._credit = CreditOut(window)
        # Each item with its weight and, in a session, its tag. The sums have one writer each: who gives the
        # outputs, and who sends.
        self._pending: deque[tuple[Any, int, Tag | None]] = deque()
        self._taken_in_bytes = self._taken_out_bytes = 0
        self._is_refused = False
        self._send_lock = threading.Lock()
        self._is_ending = False
        self._space_waiters: list[asyncio.Future[None]] = []
        self._is_tender_awake = True
        self._wake_writer: socket.socket | None = None

    def give(self, giving: Giving) -> None:
        """Send in place what may be, from the first item on."""
        if self._slabs is not None:
            self._slabs.writer.giving = giving

    def start(self, sock: socket.socket) -> None:
        """Send on a connection that has said HELLO."""
        self._far = far = FarEnd(sock, self._credit, self._slabs, self.segment.is_stale, self._consumer_gone)
        if self._slabs is not None:
            self._slabs.run = self.segment
        wake_reader, self._wake_writer = socket.socketpair()
        run_in_thread(self._tend, far, sock, wake_reader, name=f"remotemedia-{self.channel}")

    def append(self, item: Any) -> None:
        """Take an output, in the segment's thread; it goes with the batch, or before by the tender."""
        if not self._enqueue(item):
            return
        if self._is_full(_MAX_PENDING):
            self.flush()
        elif self.segment.more and not self._is_tender_awake:
            self._wake()

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Take an output, on the loop; the tender sends it."""
        if not self._enqueue(item):
            return None
        if not self._is_tender_awake:
            self._wake()
        if not self._is_full(_MAX_PENDING):
            return None
        future = self.segment.loop.create_future()
        self._space_waiters.append(future)
        if self.is_dead or not self._is_full(_MAX_PENDING // 2):
            # The tender has sent meanwhile, perhaps before it could see who waits.
            self._release()
            return None
        return future

    def flush(self) -> None:
        """Send all that is pending, waiting for credit where it must."""
        while self._pending and not self.is_dead:
            self._send_ready()
            if self._pending and not self.is_dead:
                self._wait_for_credit()

    def _wait_for_credit(self) -> None:
        """Wait until more can be sent; a session may be changed meanwhile."""
        credit, thread = self._credit, self.segment.thread

        def may_go_on() -> bool:
            return self.is_dead or credit.has_room() or not self._pending or thread.has_steps()

        thread.wake_elsewhere = credit.wake
        try:
            credit.wait_until(may_go_on)
        finally:
            thread.wake_elsewhere = None
        thread.take_steps()

    def interrupt(self) -> None:
        """Make room for what is new; what waits and has become stale is dropped by whoever sends next."""
        self._credit.interrupt(self.segment.is_stale)
        if self._pending:
            self._wake_sleeping()

    def end_from_thread(self) -> None:
        """Send the rest, and END."""
        self.flush()
        self._send_end()

    def end_from_loop(self) -> None:
        """Let the tender send the rest, and END."""
        self._is_ending = True
        if self.is_dead:
            self.finish()
        else:
            self._wake()

    def abort(self) -> None:
        """Stop at once: whoever waits for credit or for the socket comes back."""
        self._stop()
        self._shut_down()

    def release(self) -> None:
        """Close the connection."""
        self.is_dead = True
        self._shut_down()
        if self._wake_writer is not None:
            self._wake_writer.close()
        elif self._slabs is not None:
            self._slabs.drop()

    def _enqueue(self, item: Any) -> bool:
        is_unwanted = self.is_dead or self._is_refused
        tag: Tag | None = None
        if self.segment.is_tagged:
            tag = current_tag()
            if is_unwanted or self.segment.is_stale(tag):
                self.segment.lose(self._to, tag)
                return False
        if is_unwanted:
            return False
        kind: type[Any] = type(item)  # pyright: ignore[reportUnknownVariableType]
        if self._leaves_plain and (kind is int or kind is float):
            lowered, weight = item, NUMBER_BYTES
        elif self._leaves_plain and kind is str and len(item) < _FRAME_BYTES and item.isascii():
            lowered, weight = item, NUMBER_BYTES + len(item)
        else:
            try:
                lowered, weight = self._lower(item)
                if weight > _MAX_ITEM_BYTES:
                    raise ValueTransferError(f"an item of {weight} bytes is too long for a frame")
            except (ValueTransferError, MemoryKeptError, SharedMemoryFullError) as error:
                self._refuse(error)
                return False
            if self._slabs is not None:
                lowered, slice_bytes = self._slabs.pack(lowered)
                weight += slice_bytes
        self._taken_in_bytes += weight
        self._pending.append((lowered, weight, tag))
        return True

    def _refuse(self, error: Exception) -> None:
        self._is_refused = True
        if self._slabs is not None:
            self._slabs.writer.take()
        if isinstance(error, MemoryKeptError):
            self.segment.fail_about(self.producers[0], error.node_id, error)
        else:
            self.producers[0].emission_failed(error)

    def _is_full(self, max_pending: int) -> bool:
        """Whether the producer has to wait: what is pending and out is bounded, but for one item."""
        if len(self._pending) > max_pending:
            return True
        return self._taken_in_bytes - self._taken_out_bytes > self._credit.bytes_left

    def _send_ready(self) -> None:
        """Send as much as there is credit for."""
        pending = self._pending
        with self._send_lock:
            while pending and not self.is_dead and self._credit.has_room():
                items, tags = self._take_out(min(self._credit.items_left, _MAX_FRAME_ITEMS))
                if items:
                    self._send_items(items, tags)
        if self._space_waiters and not self._is_full(_MAX_PENDING // 2):
            self.segment.loop.call_soon_threadsafe(self._release)

    def _take_out(self, max_items: int) -> tuple[list[Any], list[Tag]]:
        """The items of the next frame, about a mebibyte or one item, and their tags in a session."""
        pending = self._pending
        left = room = min(_FRAME_BYTES, self._credit.bytes_left)
        items: list[Any] = []
        tags: list[Tag] = []
        add = items.append
        is_stale = self.segment.is_stale
        try:
            for _ in range(max_items):
                item, weight, tag = pending[0]
                if tag is not None and is_stale(tag):
                    self._drop(*pending.popleft())
                    continue
                # Looked at first: who ends the outputs must not see an empty queue while one is put back.
                if weight > left and items:
                    break
                pending.popleft()
                left -= weight
                add(item)
                if tag is not None:
                    tags.append(tag)
        except IndexError:
            # All is taken, or dropped by another thread.
            pass
        self._taken_out_bytes += room - left
        return items, tags

    def _drop(self, item: Any, weight: int, tag: Tag | None) -> None:
        """Forget an item that was interrupted while it waited."""
        self.segment.lose(self._to, tag)
        self._taken_out_bytes += weight
        if self._slabs is not None:
            self._slabs.forget(item)

    @property
    def _connected(self) -> FarEnd:
        if self._far is None:
            raise RuntimeError(f"channel {self.channel} is not connected")
        return self._far

    def _send_items(self, items: list[Any], tags: list[Tag]) -> None:
        try:
            self._connected.send_items(items, tags)
        except ValueTransferError as error:
            self._send_until_bad(items, tags, error)

    def _send_until_bad(self, items: list[Any], tags: list[Tag], error: ValueTransferError) -> None:
        """An item was changed into one that cannot cross: send those before it, then fail."""
        if len(items) > 1:
            for index, item in enumerate(items):
                if self.is_dead or self._is_refused:
                    return
                self._send_items([item], tags[index : index + 1])
            return
        self._is_refused = True
        self._pending.clear()
        self._taken_out_bytes = self._taken_in_bytes
        self.producers[0].emission_failed(error)

    def _send_end(self) -> None:
        with self._send_lock:
            if not self.is_dead and not self.is_finished:
                self._connected.send_end(self.segment.has_failed)
        self.finish()

    def _consumer_gone(self) -> None:
        if not self.is_dead:
            self._stop()
            close_upstream(self)
        if self._is_ending:
            self.finish()

    def _stop(self) -> None:
        self.is_dead = True
        if self.segment.plan.accounts is not None:
            self._lose_all(self.segment.plan.accounts)
        self._pending.clear()
        self._credit.wake()
        if self._space_waiters:
            self.segment.loop.call_soon_threadsafe(self._release)

    def _lose_all(self, accounts: Accounts) -> None:
        """Nobody takes what waits; of what is out it is not known what became of it."""
        for _, _, tag in self._pending.copy():
            self.segment.lose(self._to, tag)
        for tag in self._credit.take_tags():
            accounts.lose(self._to, tag.stamp, "unknown")

    def _shut_down(self) -> None:
        if self._far is not None:
            self._far.shut_down()

    def _release(self) -> None:
        for future in self._space_waiters:
            set_done(future)
        self._space_waiters.clear()

    def _wake_sleeping(self) -> None:
        if not self._is_tender_awake:
            self._wake()

    def _wake(self) -> None:
        self._is_tender_awake = True
        if self._wake_writer is None:
            return
        try:
            self._wake_writer.send(b"\0")
        except OSError:
            # The tender has ended.
            return

    # The tender

    def _tend(self, far: FarEnd, sock: socket.socket, wake_reader: socket.socket) -> None:
        reader = FrameReader(sock)
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ, True)
            selector.register(wake_reader, selectors.EVENT_READ, False)
            try:
                self._send_pending(far)
                while True:
                    ready = {key.data for key, _ in selector.select()}
                    if False in ready:
                        wake_reader.recv(4096)
                    if True in ready and not far.hear(reader):
                        break
                    self._send_pending(far)
            except (OSError, ProtocolError):
                # A broken connection counts as one that is closed.
                pass
        self._is_tender_awake = True
        if not far.has_got_end:
            # After END to close says that it has got all, and nobody is to be stopped.
            self._consumer_gone()
        if self._slabs is not None:
            self._slabs.drop()
        sock.close()
        wake_reader.close()

    def _send_pending(self, far: FarEnd) -> None:
        self._send_ready()
        if far.has_notices:
            with self._send_lock:
                far.send_notices()
        self._is_tender_awake = False
        if (self._pending and self._credit.has_room()) or far.has_notices:
            self._wake()
        if self._is_ending and not self._pending and not self.is_finished:
            self._send_end()
