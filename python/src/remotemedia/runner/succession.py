"""The runs of a session that is changed: what one takes over from the one before, and leaves to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from remotemedia.runner.legacies import Legacies, Legacy, enter_row

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment


class Succession:
    """The place of a segment in the row of runs that follow each other; one that stands alone has none."""

    __slots__ = ("_kept", "_legacies", "_segment")

    def __init__(self, segment: Segment) -> None:
        """Stand alone until ``begin``."""
        self._segment = segment
        self._kept: frozenset[str] | None = None
        self._legacies: Legacies | None = None

    def begin(self) -> None:
        """The segment is opened: take its place in the row that its plan names."""
        row = self._segment.plan.row
        if row is not None:
            self._legacies = enter_row(row[0])

    def end(self) -> None:
        """The segment is closed; with the last one of a row, what nobody has taken is dropped."""
        legacies, self._legacies = self._legacies, None
        if legacies is not None:
            legacies.quit()

    @property
    def claimant(self) -> object:
        """What holds nodes that serve one run at a time: the runs of a session together."""
        return self._legacies or self._segment

    def keep(self, node_ids: Iterable[str]) -> frozenset[str]:
        """There is a next run, in which these nodes go on; their ids."""
        self._kept = kept = frozenset(node_ids)
        return kept

    def is_kept(self, node_id: str) -> bool:
        """Whether a node goes on in the next run."""
        return self._kept is not None and node_id in self._kept and not self._segment.is_over

    def leave(self, node_id: str, legacy: Legacy) -> None:
        """Leave what is open at the place of a node to the next run."""
        if self._legacies is None:
            legacy.drop()
        else:
            self._legacies.leave(node_id, legacy)

    def inherit(self, node_id: str) -> Legacy | None:
        """What the run before has left at the place of a node."""
        return None if self._legacies is None else self._legacies.take(node_id)
