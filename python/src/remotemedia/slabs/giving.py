"""Memory that is shared already is given to one holder that may write to it, once; others get copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Part = tuple[int, int, bool]
"""Where a part of a slab that was given begins and ends, and whether nobody who has it may write there."""


@dataclass(frozen=True, slots=True)
class Giving:
    """What a channel may send in place, as nobody else in this process can have the same memory.

    Attributes:
        is_shared: whether other channels get the same items, so that none of their consumers may write.
        can_pass_on: whether that is memory of another process, which a node here was given.
        can_give_away: whether that is memory which was allocated for a node here.
    """

    is_shared: bool = False
    can_pass_on: bool = True
    can_give_away: bool = True


class Hold(Protocol):
    """What keeps a part of a slab in use.

    Attributes:
        given: the parts of it that have been given to consumers.
    """

    given: list[Part] | None


def give(hold: Hold, start: int, end: int, is_shared: bool) -> Part | None:
    """Note that a part of a slab is given to a consumer.

    Returns:
        What was noted; None where some of it has been given before, so that a copy has to go. Several that
        may not write can have the same part.
    """
    part = (start, end, is_shared)
    given = hold.given
    if given is None:
        hold.given = [part]
        return part
    for other_start, other_end, is_other_shared in given:
        if start < other_end and other_start < end and not (is_shared and is_other_shared):
            return None
    given.append(part)
    return part


def take_back(hold: Hold, part: Part) -> None:
    """A part that was given has not been sent."""
    if hold.given is not None and part in hold.given:
        hold.given.remove(part)
