"""The input of a streaming node, as the node sees it: on the event loop, or in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import InvalidNodeError
from remotemedia.runner.handoff import Bell, Entry
from remotemedia.runner.tags import TAG, Tag, Tagged

if TYPE_CHECKING:
    from remotemedia.runner.loop_unit import LoopUnit
    from remotemedia.runner.thread_outputs import ThreadOutputs


class InputStream(AsyncIterator[Any]):
    """What a streaming node iterates: with ``async for`` on the loop, with ``for`` in any other thread.

    An item counts as done when the next one is asked for.

    Attributes:
        is_ended: whether the end of the input has been seen.
        tag: that of the item given last, in a session.
        outputs: what the reading thread has given and the loop has not taken yet, if it gives any.
    """

    def __init__(self, unit: LoopUnit) -> None:
        """Read the unit's queue; to be made on the loop."""
        self.is_ended = False
        self.outputs: ThreadOutputs | None = None
        self.tag: Tag | None = None
        self._segment = unit.segment
        self._stage = unit.stage
        self._inbox = unit.inbox
        self._entries = unit.inbox.entries
        self._half = unit.inbox.half
        self._done: Callable[[], None] | None = None
        self._loop_ident = get_ident()
        self._is_interrupted = False
        self._bell = Bell()

    def __iter__(self) -> InputStream:
        return self

    def __next__(self) -> Any:
        """The next item; the one before counts as done.

        Raises:
            InvalidNodeError: this is the event loop, which gives the items and would wait for itself.
            asyncio.CancelledError: the run is over, and nobody wants what the node would make of more items.
        """
        if get_ident() == self._loop_ident:
            raise self._wrong_for()
        if self._done is not None:
            self.finish()
        entries = self._entries
        while True:
            # Not asked first whether there is one: that costs each item more than this costs the last one.
            try:
                entry = entries.popleft()
            except IndexError:
                self._wait_for_entry()
                continue
            if len(entries) <= self._half:
                self._inbox.taken_in_thread()
            if isinstance(entry, tuple):
                item, self._done = entry
                if isinstance(item, Tagged):
                    if self._segment.is_stale(item.tag):
                        self._inbox.lose(item.tag)
                        self.finish()
                        continue
                    item = self._take_tag(item)
                self._stage.entered += 1
                return item
            self.is_ended = self._inbox.note_end()

    async def __anext__(self) -> Any:
        """The next item; the one before counts as done."""
        self.finish()
        entry: Entry | None = None if self.is_ended else await self._inbox.get()
        if entry is None:
            self.is_ended = True
            raise StopAsyncIteration
        self._stage.entered += 1
        self._done = entry[1]
        self.tag = TAG.get()
        return entry[0]

    def _take_tag(self, tagged: Tagged) -> Any:
        self.tag = tagged.tag
        TAG.set(tagged.tag)
        return tagged.item

    def finish(self) -> None:
        """The item given last counts as done."""
        done, self._done = self._done, None
        if done is not None:
            done()

    def interrupt(self) -> None:
        """Give no more items, and wake a thread that waits for one; to be called on the loop."""
        self._is_interrupted = True
        self._inbox.close()
        self._bell.put(None)

    def _wait_for_entry(self) -> None:
        """Block this thread until there may be an entry; what it has given before does not wait that long."""
        if self.is_ended:
            if self._segment.is_cancelled:
                # What feeds it has ended because of that.
                raise asyncio.CancelledError("the run is over")
            raise StopIteration
        outputs, bell = self.outputs, self._bell
        if outputs is not None:
            outputs.pause()
        self._inbox.add_reader(bell)
        # Looked at after the reader is known: whoever puts or interrupts later rings.
        if not self._entries and not self._is_interrupted:
            bell.get()
        self._inbox.remove_reader(bell)
        if outputs is not None:
            outputs.resume()
        if self._is_interrupted:
            # For another thread that reads the same input.
            bell.put(None)
            raise asyncio.CancelledError("the run is over")

    def _wrong_for(self) -> InvalidNodeError:
        return InvalidNodeError(
            f'Node "{self._stage.id}" takes its items with a plain "for" on the event loop, which would wait '
            "for itself: use async for. Or write process as a plain generator: it gets a thread of its own."
        )
