"""What a node that stays leaves at its place for the next run of its session."""

from __future__ import annotations

import threading
from typing import Protocol

from remotemedia.core.forking import forgets_at_fork


class Legacy(Protocol):
    """What is open at the place of a node between two runs."""

    def drop(self) -> None:
        """There is no next run: let go of it; in the thread of the last segment."""
        ...


class Legacies:
    """What the runs of one session leave to each other in this process."""

    def __init__(self, row_id: str) -> None:
        """Start empty."""
        self.row_id = row_id
        self.runs = 0
        self._left: dict[str, Legacy] = {}

    def leave(self, node_id: str, legacy: Legacy) -> None:
        """Leave something at the place of a node."""
        self._left[node_id] = legacy

    def take(self, node_id: str) -> Legacy | None:
        """Take what was left at the place of a node."""
        return self._left.pop(node_id, None)

    def quit(self) -> None:
        """A segment is closed; with the last one, what nobody has taken is dropped."""
        if not _rows.quit(self):
            return
        while self._left:
            self._left.popitem()[1].drop()


class _Rows:
    def __init__(self) -> None:
        self.forget_after_fork()
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """No run of the parent goes on in a child."""
        self._lock = threading.Lock()
        self._rows: dict[str, Legacies] = {}

    def enter(self, row_id: str) -> Legacies:
        with self._lock:
            row = self._rows.setdefault(row_id, Legacies(row_id))
            row.runs += 1
            return row

    def quit(self, row: Legacies) -> bool:
        with self._lock:
            row.runs -= 1
            if row.runs == 0:
                self._rows.pop(row.row_id, None)
            return row.runs == 0


_rows = _Rows()


def enter_row(row_id: str) -> Legacies:
    """What the runs of a row leave to each other; a segment of one is opened, and ``quit`` when it closes."""
    return _rows.enter(row_id)
