"""What an item of a session has beside its value, so that it can be interrupted.

What a node gives for an item has the tag of that item. The tag of what is under way here is in ``TAG``, which
each thread and each task has for itself.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar

# The real clock, also where a test has put another one into the module.
from time import monotonic_ns
from typing import Any, Final, NamedTuple


class Tag(NamedTuple):
    """What an item has.

    Attributes:
        stamp: when it, or the input that it comes from, was let in, in µs of the machine's monotonic clock;
            no two inputs have the same.
        survives: whether it stays when what came before an interruption is dropped.
        urgent: whether it goes before what waits in queues, whose limits do not drop it.
        timestamp_us: when it is to be shown or heard, in µs; whose clock that is, is up to those who write.
    """

    stamp: float
    survives: bool = False
    urgent: bool = False
    timestamp_us: float | None = None


class Tagged(NamedTuple):
    """An item that waits, with its tag.

    Attributes:
        item: the item.
        tag: what it has.
    """

    item: Any
    tag: Tag


TAG: Final[ContextVar[Tag | None]] = ContextVar("remotemedia_tag", default=None)
"""What the item has that is under way in this thread or task."""

_STEP_US: Final = 1 / 16
_lock = threading.Lock()
_last_us = 0.0


def next_stamp() -> float:
    """A stamp later than all before it in this process."""
    global _last_us
    with _lock:
        now = monotonic_ns() / 1_000
        _last_us = now if now > _last_us else _last_us + _STEP_US
        return _last_us


def new_tag(survives: bool = False, urgent: bool = False, timestamp_us: float | None = None) -> Tag:
    """The tag of something that begins now."""
    return Tag(next_stamp(), survives, urgent, timestamp_us)


def current_tag() -> Tag:
    """The tag of what is under way, or that of something that begins now."""
    return TAG.get() or new_tag()
