"""The consumer's end of a channel (``schema/wire.md``, Channels)."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from remotemedia.core.exceptions import ChannelBrokenError, ProtocolError, ValueTransferError
from remotemedia.runner.bounded import Door
from remotemedia.runner.chain import Chain
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.ports import OUTPUT_NAME, InputPort, Window
from remotemedia.runner.tag_frames import read_tags
from remotemedia.runner.tags import TAG, Tag
from remotemedia.runner.way_back import WayBack
from remotemedia.wire.frames import (
    END,
    FORGET,
    ITEMS,
    SLAB,
    TAGS,
    WHO_KEEPS,
    FrameReader,
    decode_payload,
)
from remotemedia.wire.items import ForeignItems, ItemCodec

if TYPE_CHECKING:
    from remotemedia.runner.keeping import Statement
    from remotemedia.slabs.table import SlabTable


_MANY_BYTES: Final = 16 << 20


class ChannelInput(InputPort):
    """The consumer's end of a channel: read in the segment's thread."""

    def __init__(
        self,
        channel: str,
        window: Window,
        codec: ItemCodec | None = None,
        most_kept_bytes: int | None = None,
    ) -> None:
        """Wait for the producer to connect.

        Args:
            channel: its name.
            window: how much may be on its way.
            codec: reads the items; without it they come from another language.
            most_kept_bytes: how much of other processes' memory may be in use here before further arrays are
                copied. By default there is no such limit, and the run fails at that of the producer.
        """
        super().__init__()
        self.channel = channel
        self._codec = codec or ForeignItems()
        self._decode = self._codec.decode
        self._most_kept_bytes = most_kept_bytes
        self._slabs: SlabTable | None = None
        self._tags: list[Tag] = []
        self._has_ended = False
        self._back = WayBack(window)
        self._reader: FrameReader | None = None
        self._connected = threading.Event()

    def attach(self, reader: FrameReader) -> None:
        """Take over the connection of the producer; called from the listener's thread."""
        self._reader = reader
        self.socket = reader.socket
        self._back.connect(reader.socket)
        # Looked at last: whoever kills this meanwhile sees the connection, or is seen here.
        if self.is_dead:
            self._back.stop()
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
                self.segment.fail_channel(self, self._first_node, error)
        if self.is_dead:
            self.finish()

    def finish(self) -> None:
        """End the targets, then close: after END nothing more comes.

        While arrays over the producer's memory are still on their way to other processes, it can be told when
        they come back: so the connection is closed with the segment. Only after END: else the producer may
        wait for credit, and a closed connection tells it to stop.
        """
        if self.is_finished:
            return
        super().finish()
        if not self._has_ended or self._slabs is None or self._slabs.has_returned_all():
            self.release()
        else:
            self._back.gather_no_more()

    def kill(self) -> None:
        """Take no more: tell the producer, and wake the thread."""
        self.is_dead = True
        self._back.stop()
        self._interrupt()

    def abort(self) -> None:
        """Take no more, because of a cancel."""
        self.is_dead = True
        self._interrupt()

    def release(self) -> None:
        """Close the connection, once all that can be given back has been."""
        slabs = self._slabs
        if slabs is not None and slabs.lent_bytes >= _MANY_BYTES and self._most_kept_bytes is None:
            # What stays in use when a run has ended counts for its producer, whose next run needs room.
            gc.collect()
        self._back.close()
        if slabs is not None:
            slabs.close()

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
            if self._slabs is None and self._passes_over(len(payload)):
                return True
            items = self._decode(payload)
            if not items:
                raise ProtocolError("an ITEMS frame is empty")
            size = len(payload)
            if self._slabs is not None:
                size += self._slabs.take_bytes()
            tags = self._tags_of(items)
            self._back.received(len(items), size, len(self.targets))
            if tags is None:
                self._feed(items)
            else:
                self._feed_tagged(items, tags)
            return True
        if kind == TAGS and self.segment.is_tagged:
            self._tags = read_tags(decode_payload(payload))
            return True
        if kind == END:
            if decode_payload(payload).get("failed"):
                self.segment.upstream_failed()
            self._has_ended = True
            self.finish()
            return False
        if kind == SLAB:
            slabs = self._slabs or self._open_slabs()
            slabs.announce(decode_payload(payload))
            return True
        if kind == FORGET and self._slabs is not None:
            self._slabs.forget(decode_payload(payload))
            return True
        if kind == WHO_KEEPS:
            slabs = self._slabs or self._open_slabs()
            self._find_keepers(slabs)
            return True
        raise ProtocolError(f"a frame of kind {kind:#x} on a channel's consumer side")

    def _passes_over(self, size: int) -> bool:
        """Count a frame's items as done where all are stale: then nobody has to read it."""
        tags = self._tags
        if not tags or not all(map(self.segment.is_stale, tags)):
            return False
        self._tags = []
        for tag in tags:
            self.segment.lose(self._to, tag)
        self._back.received(len(tags), size, len(self.targets))
        self._count_stale(len(tags))
        return True

    def _feed(self, items: list[Any]) -> None:
        """Give items on, and let go of each before it counts as done: it may lie in the producer's memory."""
        segment = self.segment
        first = self.targets[0]
        if len(self.targets) > 1 or not isinstance(first, Chain):
            with segment.more_to_come():
                self._feed_many(items)
        elif len(items) == 1:
            first.run(items)
            if self._slabs is None:
                self._back.count(0, 1)
            else:
                # What comes of it first: somebody waits for that.
                segment.flush_outputs()
                self._back.count_lent(items, self._slabs.returns)
        else:
            step = self._back.step
            last = len(items) - 1
            with segment.more_to_come():
                for start in range(0, last, step):
                    end = min(start + step, last)
                    first.run(items[start:end] if self._slabs is None else _take_out(items, start, end))
                    self._back.count(0, end - start)
            first.run(_take_out(items, last, last + 1))
            self._back.count(0, 1)
        segment.flush_outputs()

    def _tags_of(self, items: list[Any]) -> list[Tag] | None:
        """What the items of a frame have; None where items have nothing."""
        if not self.segment.is_tagged:
            return None
        tags, self._tags = self._tags, []
        if len(tags) != len(items):
            raise ProtocolError("items came without their tags")
        return tags

    def _feed_tagged(self, items: list[Any], tags: list[Tag]) -> None:
        """Give items on, one by one; those that have become stale only count as done."""
        segment = self.segment
        counters = self._counters()
        items.reverse()
        stale = 0
        with segment.more_to_come():
            for position, tag in enumerate(tags):
                if segment.is_stale(tag):
                    segment.lose(self._to, tag)
                    items.pop()
                    stale += 1
                    continue
                TAG.set(tag)
                self._feed_next(items, counters)
                if self.is_dead:
                    for left in tags[position + 1 :]:
                        segment.lose(self._to, left)
                    return
        self._count_stale(stale)
        segment.flush_outputs()

    def _count_stale(self, items: int) -> None:
        for index in range(len(self.targets)):
            self._back.count(index, items, is_stale=True)

    @property
    def _first_node(self) -> str | None:
        """The first of what it feeds; None where that is no node."""
        first = self.targets[0]
        if isinstance(first, Chain):
            return first.stages[0].id
        return first.id if isinstance(first, (LoopUnit, Door)) else None

    @property
    def _to(self) -> str:
        """As accounts name it."""
        return self._first_node or OUTPUT_NAME

    def _feed_many(self, items: list[Any]) -> None:
        counters = self._counters()
        items.reverse()
        while items and not self.is_dead:
            self._feed_next(items, counters)

    def _feed_next(self, items: list[Any], counters: list[Callable[[], None]]) -> None:
        """Give the last item of a list to all targets, and let go of it before it counts as done."""
        item = items.pop()
        self.given += 1
        done: list[Callable[[], None]] = []
        for target, count in zip(self.targets, counters, strict=True):
            if self.is_dead:
                self.segment.lose(self._to, TAG.get())
                return
            if isinstance(target, LoopUnit) and not target.inbox.is_closed:
                target.inbox.put_from_thread(item, -1, count)
                continue
            if isinstance(target, Chain):
                target.push(item)
            elif isinstance(target, LoopUnit):
                target.inbox.lose(TAG.get())
            else:
                target.append(item)
            done.append(count)
        del item
        for count in done:
            count()

    def _counters(self) -> list[Callable[[], None]]:
        """For each target what counts an item as done."""
        return [partial(self._back.count, index, 1) for index in range(len(self.targets))]

    # Shared memory

    def _open_slabs(self) -> SlabTable:
        from remotemedia.slabs.table import SlabTable
        from remotemedia.wire.slices import SliceReader

        is_shared = len(self.targets) > 1
        slabs = self._slabs = SlabTable(self._back.open_returns(), is_shared, self._most_kept_bytes)
        self._codec.read_slices(SliceReader(slabs))
        return slabs

    def _find_keepers(self, slabs: SlabTable) -> None:
        """The producer asks who keeps what it has sent: here, and in the hosts that got it from here."""
        from remotemedia.runner.keeping import ask_later_hosts, statement_of
        from remotemedia.runner.slab_sender import all_senders

        asked, returns = all_senders(), slabs.returns
        first = {target.stages[0].id for target in self.targets if isinstance(target, Chain)}
        first |= {target.id for target in self.targets if isinstance(target, LoopUnit)}

        def state() -> Statement:
            return statement_of(returns, asked, self.segment, first)

        ask_later_hosts(returns, asked, lambda: self._back.tell_keepers(state))


def _take_out(items: list[Any], start: int, end: int) -> Iterator[Any]:
    """Some items of a list, which holds each no longer once it is given."""
    for position in range(start, end):
        item, items[position] = items[position], None
        yield item
        del item
