"""What of a channel's window is out: counted by its producer, and given back by its consumer.

Items and bytes are those of ``schema/wire.md``, Channels.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from remotemedia.core.exceptions import ProtocolError
from remotemedia.runner.ports import Window
from remotemedia.runner.tags import Tag
from remotemedia.wire.frames import is_credit

_MOST_STALE_WINDOWS: Final = 4
"""For how many windows of stale items others may be out: a consumer that is stuck drops none."""


class CreditOut:
    """How much a producer may still send. One thread at a time sends; another takes what comes back.

    Items that an interruption has made stale leave room for what comes after it: nobody waits until the
    consumer has dropped them.

    Attributes:
        sent_items: how many items have been sent in all.
        back_items: how many of them have been given back.
    """

    __slots__ = (
        "_back_bytes",
        "_changed",
        "_sent_bytes",
        "_stale",
        "_tags",
        "_window",
        "back_items",
        "sent_items",
    )

    def __init__(self, window: Window) -> None:
        """Start with a whole window."""
        self.sent_items = self.back_items = 0
        self._sent_bytes = self._back_bytes = 0
        self._window = window
        self._changed = threading.Condition()
        # In a session: those of the items that are out, in their order, and for how many others may be.
        self._tags: deque[Tag] = deque()
        self._stale = 0

    @property
    def items_left(self) -> int:
        """How many items may be sent."""
        return self._window[0] - self.sent_items + self.back_items + self._stale

    @property
    def bytes_left(self) -> int:
        """How many bytes may be sent; where there are any, an item that has more may be as well."""
        return self._window[1] - self._sent_bytes + self._back_bytes

    def has_room(self) -> bool:
        """Whether an item may be sent."""
        return self.items_left > 0 and self.bytes_left > 0

    def spend(
        self, items: int, byte_count: int, tags: Sequence[Tag], is_stale: Callable[[Tag], bool]
    ) -> None:
        """Note what is about to be sent; items have tags in a session."""
        self._tags.extend(tags)
        self.sent_items += items
        self._sent_bytes += byte_count
        if any(map(is_stale, tags)):
            # Since they were taken out: the interruption has not seen them.
            self.interrupt(is_stale)

    def take_back(self, payload: object, is_stale: Callable[[Tag], bool]) -> None:
        """Take a CREDIT.

        Args:
            payload: its.
            is_stale: whether an item that is out has been interrupted.

        Raises:
            ProtocolError: it is none, or gives back more than is out.
        """
        if not is_credit(payload):
            raise ProtocolError("a CREDIT must be two numbers")
        items, byte_count = payload
        if items > self.sent_items - self.back_items or byte_count > self._sent_bytes - self._back_bytes:
            raise ProtocolError(f"a CREDIT of {items} items and {byte_count} bytes is more than is out")
        with self._changed:
            self.back_items += items
            self._back_bytes += byte_count
            # The consumer may be done with others first, but not with many.
            for _ in range(min(items, len(self._tags))):
                self._tags.popleft()
            if self._stale:
                self._count_stale(is_stale)
            self._changed.notify_all()

    def interrupt(self, is_stale: Callable[[Tag], bool]) -> None:
        """Make room for as many items as are stale on their way, and have whoever waits look again."""
        with self._changed:
            self._count_stale(is_stale)
            self._changed.notify_all()

    def take_tags(self) -> list[Tag]:
        """Those of the items that are out, which nobody waits for any more."""
        with self._changed:
            tags = list(self._tags)
            self._tags.clear()
            self._stale = 0
            return tags

    def wait_until(self, is_enough: Callable[[], bool]) -> None:
        """Wait for credit, or for ``wake``, until something is so."""
        with self._changed:
            self._changed.wait_for(is_enough)

    def wake(self) -> None:
        """Have whoever waits look again."""
        with self._changed:
            self._changed.notify_all()

    def _count_stale(self, is_stale: Callable[[Tag], bool]) -> None:
        # A copy, as another thread may be sending.
        stale = sum(map(is_stale, self._tags.copy()))
        self._stale = min(stale, _MOST_STALE_WINDOWS * self._window[0])


class CreditBack:
    """What a consumer has got, is done with, and has given back. Its owner keeps threads apart."""

    __slots__ = ("_done", "_frames", "_given_back", "_ready_bytes", "_received", "_window")

    def __init__(self, window: Window) -> None:
        """Start with nothing."""
        self._window = window
        self._received = 0
        self._given_back = 0
        self._ready_bytes = 0
        self._done: list[int] = []
        # For each frame how many items have come with it, and its bytes.
        self._frames: deque[tuple[int, int]] = deque()

    @property
    def step(self) -> int:
        """How many items to be done with before credit is due."""
        return max(self._window[0] // 2, 1)

    def received(self, items: int, byte_count: int, targets: int) -> None:
        """Note a frame, whose items go to so many targets."""
        if not self._done:
            self._done = [0] * targets
        self._received += items
        self._frames.append((self._received, byte_count))

    def count(self, target: int, items: int, is_stale: bool = False) -> bool:
        """Note that a target is done with items; whether credit is due.

        It is once half of either has gathered. That for stale items can go with the next; but a producer that
        knows of no interruption waits for a whole window.
        """
        self._done[target] += items
        done = min(self._done)
        while self._frames and self._frames[0][0] <= done:
            self._ready_bytes += self._frames.popleft()[1]
        least = self._window[0] if is_stale else self._window[0] / 2
        return done - self._given_back >= least or self._ready_bytes * 2 >= self._window[1]

    def take(self) -> list[int]:
        """The payload of a CREDIT: what has not been given back of that with which all targets are done."""
        done = min(self._done, default=0)
        items, self._given_back = done - self._given_back, done
        byte_count, self._ready_bytes = self._ready_bytes, 0
        return [items, byte_count]

    def take_all(self) -> list[int]:
        """The payload of the last CREDIT: what has come and not been given back, done with or not."""
        items, self._given_back = self._received - self._given_back, self._received
        byte_count = self._ready_bytes + sum(size for _, size in self._frames)
        self._frames.clear()
        self._ready_bytes = 0
        return [items, byte_count]
