"""What of a channel is on its way to another host, where somebody keeps account of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remotemedia.runner.losses import Accounts
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.tags import Tag


class OnTheWay:
    """The stamps of the items that are out. One thread sends, another takes credit, and any may give up."""

    def __init__(self, segment: Segment, accounts: Accounts, to: str) -> None:
        """Start with nothing; ``to`` is what the channel leads to."""
        self._segment = segment
        self._accounts = accounts
        self._to = to
        self._stamps: deque[float] = deque()

    def sent(self, tags: Iterable[Tag]) -> None:
        """Items are about to go out."""
        self._stamps.extend(tag.stamp for tag in tags)

    def credited(self, count: int) -> None:
        """The consumer is done with so many."""
        for _ in self._taken(count):
            pass

    def give_up(self, pending: Iterable[Tag | None]) -> None:
        """Nobody takes what is ``pending``; what is out may have been taken."""
        for tag in pending:
            self._segment.lose(self._to, tag)
        for stamp in self._taken(None):
            self._accounts.lose(self._to, stamp, "unknown")

    def _taken(self, count: int | None) -> Iterable[float]:
        stamps = self._stamps

        def oldest() -> Iterable[float]:
            while True:
                try:
                    yield stamps.popleft()
                except IndexError:
                    # Another thread may take as well.
                    return

        return islice(oldest(), count)
