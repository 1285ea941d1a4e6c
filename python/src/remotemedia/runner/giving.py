"""Which outputs of a segment may be sent in place, where they lie in shared memory already.

Whoever gets such memory may write to it. So it is only sent where nobody in this process can still have it:
not behind a fan-out to nodes here, not where it is the program's own, and not out of a generator, which may
give the same array once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from remotemedia.slabs.giving import Giving

if TYPE_CHECKING:
    from remotemedia.runner.stage import Stage


def givings(described: dict[str, Any], stages: Iterable[Stage], own: str) -> dict[str, Giving]:
    """For each id whose outputs go to other hosts, what may be sent in place.

    Args:
        described: the segment as the engine describes it (``schema/wire.md``).
        stages: its nodes.
        own: the id of the program's input, whose items stay the program's.
    """
    edges: list[tuple[str, str]] = [(origin, target) for origin, target in described["edges"]]
    inner = Counter(origin for origin, _ in edges)
    outer = Counter(entry["from"] for entry in described["outputs"])
    branching = {origin for origin, count in inner.items() if count + outer[origin] > 1}
    branched: set[str] = {target for origin, target in edges if origin in branching}
    for entry in described["inputs"]:
        if len(entry["to"]) > 1:
            branched.update(entry["to"])
    is_elsewhere = branching | _downstream(edges, branched)
    repeating = {stage.id for stage in stages if stage.traits.can_repeat}
    is_kept = _downstream(edges, {own, *repeating})
    return {
        origin: Giving(
            is_shared=count > 1,
            can_pass_on=origin not in is_elsewhere and origin not in is_kept,
            can_give_away=origin not in is_elsewhere and origin != own,
        )
        for origin, count in outer.items()
    }


def _downstream(edges: Iterable[tuple[str, str]], ids: Iterable[str]) -> set[str]:
    """These ids and all behind them."""
    found = set(ids)
    pending = list(found)
    while pending:
        at = pending.pop()
        behind = {target for origin, target in edges if origin == at} - found
        found |= behind
        pending += behind
    return found
