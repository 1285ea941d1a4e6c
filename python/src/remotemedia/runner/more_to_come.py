"""Saying that a segment's thread has more to give before it sends what it has."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


class MoreToCome:
    """``Segment.more`` while something goes on; a class, as it is entered for each item that gives many."""

    __slots__ = ("_before", "_segment")

    def __init__(self, segment: Segment) -> None:
        """Begin when it is entered."""
        self._segment = segment
        self._before = segment.more

    def __enter__(self) -> None:
        """An output must not wait for the end of the batch from now on."""
        self._segment.more = True

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """As before."""
        self._segment.more = self._before
