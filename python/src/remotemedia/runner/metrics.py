"""Measuring a node: counts are exact, durations are sampled."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from remotemedia.runner.outputs import KINDS

_FIRST = 1_000
_EVERY = 64
_KEPT = 8_192
"""Percentiles are those of the newest samples; the sums are of all."""


class Meter:
    """Counts and durations of one node.

    Attributes:
        items_out: how many outputs it gave.
        max_queue_depth: how many items have waited for it at most.
    """

    __slots__ = ("_durations", "_max", "_measured", "_total", "items_out", "max_queue_depth")

    def __init__(self) -> None:
        """Start from nothing."""
        self.items_out = 0
        self.max_queue_depth = 0
        self._durations: deque[int] = deque(maxlen=_KEPT)
        self._measured = 0
        self._total = 0
        self._max = 0

    @staticmethod
    def is_sampled(index: int) -> bool:
        """Whether the call for the item at ``index`` is to be timed."""
        return index < _FIRST or index % _EVERY == 0

    def measured(self, process: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A sync ``process`` that notes how long it takes and what it gives; not the steps of generators."""
        calls = 0

        def measure(item: Any) -> Any:
            nonlocal calls
            index, calls = calls, calls + 1
            began = time.perf_counter_ns() if Meter.is_sampled(index) else 0
            try:
                output = process(item)
            finally:
                if began:
                    self.add(time.perf_counter_ns() - began)
            if not KINDS[type(output)]:
                self.items_out += 1
            return output

        return measure

    def add(self, duration_ns: int) -> None:
        """Note how long one call took."""
        self._durations.append(duration_ns)
        self._measured += 1
        self._total += duration_ns
        self._max = max(self._max, duration_ns)

    def extend(self, duration_ns: int) -> None:
        """The call noted last went on for so long: it gave a generator."""
        whole = self._durations[-1] + duration_ns
        self._durations[-1] = whole
        self._total += duration_ns
        self._max = max(self._max, whole)

    def record(self, node_id: str, items_in: int, errors: int, dropped: int = 0) -> dict[str, Any]:
        """The ``nodeMetrics`` of the wire."""
        durations = sorted(self._durations)
        return {
            "nodeId": node_id,
            "itemsIn": items_in,
            "itemsOut": self.items_out,
            "errors": errors,
            "itemsDropped": dropped,
            "measured": self._measured,
            "totalDurationUs": self._total / 1_000,
            "avgDurationUs": self._total / self._measured / 1_000 if self._measured else 0.0,
            "p50DurationUs": _percentile(durations, 50),
            "p95DurationUs": _percentile(durations, 95),
            "p99DurationUs": _percentile(durations, 99),
            "maxDurationUs": self._max / 1_000,
            "maxQueueDepth": self.max_queue_depth,
        }


def _percentile(ordered: list[int], percent: int) -> float:
    """The nearest rank: the smallest value that at least ``percent`` of all do not exceed."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank - 1, 0)] / 1_000
