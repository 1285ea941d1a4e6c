"""Items of a session that come to nothing, told to whoever keeps account of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Protocol

from remotemedia.runner.tags import Tag
from remotemedia.runner.threads import run_in_thread

if TYPE_CHECKING:
    from remotemedia.runner.dead_letter import DeadLetter

LossReason = Literal["dropped", "interrupted", "failed", "dead-letter", "lost", "ended", "unknown"]
"""Why an item has come to nothing before it was through.

``dropped`` by a limit, or by a join without a partner; ``interrupted``; because a node has ``failed`` for it
(a ``dead-letter`` where it was skipped); ``lost`` with its host. ``ended``: it waited where nothing is wanted
any more; what that means says the end of the session. ``unknown``: the same, of what was on its way to
another host, which may have been done with it.
"""

OnDrop = Callable[[Tag | None, LossReason | None], None]
"""Takes the tag of an item that a queue drops, and why, where that is known there."""


class Accounts(Protocol):
    """Who keeps account of a session; called in any thread."""

    def lose(self, node_id: str, stamp: float, reason: LossReason) -> None:
        """Note an item that has come to nothing at a node."""
        ...

    def letter(self, letter: DeadLetter, stamp: float | None) -> DeadLetter:
        """Note a dead letter; the same one, with what is known of its input."""
        ...


_MOST_GATHERED: Final = 1_024


class LossBatch:
    """Gathers what is told to another process; any thread may add."""

    def __init__(self, tell: Callable[[list[list[object]]], None]) -> None:
        """Start empty; ``tell`` takes the payload of the event ``losses``."""
        self._tell = tell
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._gathered: list[tuple[str, LossReason, list[float]]] = []
        self._count = 0

    def lose(self, node_id: str, stamp: float, reason: LossReason) -> None:
        """Add one; it is told soon."""
        with self._lock:
            last = self._gathered[-1] if self._gathered else None
            if last is not None and last[:2] == (node_id, reason):
                last[2].append(stamp)
            else:
                self._gathered.append((node_id, reason, [stamp]))
            self._count += 1
            is_first, is_much = self._count == 1, self._count >= _MOST_GATHERED
        if is_much:
            self.flush()
        elif is_first:
            run_in_thread(self.flush, name="remotemedia-losses")

    def letter(self, letter: DeadLetter, stamp: float | None) -> DeadLetter:
        """The same letter: it is told by itself."""
        return letter

    def flush(self) -> None:
        """Tell what has gathered, before something else is told."""
        # One after the other: whoever comes second must not go on before the first one has told.
        with self._telling:
            with self._lock:
                gathered, self._gathered, self._count = self._gathered, [], 0
            if gathered:
                self._tell([list(entry) for entry in gathered])
