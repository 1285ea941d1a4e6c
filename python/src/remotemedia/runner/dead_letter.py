"""Items that were given up because a node has failed for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger("remotemedia")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item that was given up because a node with the failure policy ``skip`` has failed for it.

    Attributes:
        node_id: the node.
        item_index: position of the item in the node's own input, from 0.
        item: what the node was given, the object itself where it ran in this program; None where it cannot
            leave the process in which it is, which is logged there.
        error: what ``process`` raised after the last retry; the exception itself where it ran here.
        input_index: of a session that was opened with ``accounting``: which of its inputs the item comes
            from, from 0; None where it comes from none, or nobody keeps account.
    """

    node_id: str
    item_index: int
    item: Any
    error: BaseException
    input_index: int | None = None


TakeDeadLetter = Callable[[DeadLetter], None]
"""Takes a dead letter, in any thread."""


def log_dead_letter(letter: DeadLetter) -> None:
    """Tell of a dead letter that nobody takes."""
    logger.warning(
        'Node "%s" failed in process of item %d: %s; the item was skipped',
        letter.node_id,
        letter.item_index,
        _summary(letter.error),
    )


def _summary(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}".removesuffix(": ")
    except Exception:
        # What an exception says of itself may fail as well.
        return name
