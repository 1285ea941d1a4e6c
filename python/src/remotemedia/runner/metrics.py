"""Measuring a node: counts are exact, durations are sampled."""

from __future__ import annotations

from typing import Any

_FIRST = 1_000
_EVERY = 64


class Meter:
    """Counts and durations of one node.

    Attributes:
        items_out: how many outputs it gave.
        max_queue_depth: how many items have waited for it at most.
    """

    __slots__ = ("_durations", "items_out", "max_queue_depth")

    def __init__(self) -> None:
        """Start from nothing."""
        self.items_out = 0
        self.max_queue_depth = 0
        self._durations: list[int] = []

    @staticmethod
    def is_sampled(index: int) -> bool:
        """Whether the call for the item at ``index`` is to be timed."""
        return index < _FIRST or index % _EVERY == 0

    def add(self, duration_ns: int) -> None:
        """Note how long one call took."""
        self._durations.append(duration_ns)

    def record(self, node_id: str, items_in: int, errors: int) -> dict[str, Any]:
        """The ``nodeMetrics`` of the wire."""
        durations = sorted(self._durations)
        total = sum(durations)
        return {
            "nodeId": node_id,
            "itemsIn": items_in,
            "itemsOut": self.items_out,
            "errors": errors,
            "measured": len(durations),
            "totalDurationUs": total / 1_000,
            "avgDurationUs": total / len(durations) / 1_000 if durations else 0.0,
            "p50DurationUs": _percentile(durations, 50),
            "p95DurationUs": _percentile(durations, 95),
            "p99DurationUs": _percentile(durations, 99),
            "maxDurationUs": durations[-1] / 1_000 if durations else 0.0,
            "maxQueueDepth": self.max_queue_depth,
        }


def _percentile(ordered: list[int], percent: int) -> float:
    """The nearest rank: the smallest value that at least ``percent`` of all do not exceed."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank - 1, 0)] / 1_000
