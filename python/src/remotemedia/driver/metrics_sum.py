"""What several segments of one run have measured, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_LARGEST = ("maxDurationUs", "maxQueueDepth")
_LATEST = ("nodeId", "p50DurationUs", "p95DurationUs", "p99DurationUs")


def add_metrics(
    before: Mapping[str, dict[str, Any]], records: Iterable[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Add the records of nodes to those that are there, by id.

    Counts are added; the median and the percentiles are those of the last segment that measured the node.
    """
    added = dict(before)
    for record in records:
        known = added.get(record["nodeId"])
        added[record["nodeId"]] = record if known is None else _sum(known, record)
    return added


def _sum(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    latest = after if after["measured"] else before
    total = dict(after)
    for key in after:
        if key in _LARGEST:
            total[key] = max(before[key], after[key])
        else:
            total[key] = latest[key] if key in _LATEST else before[key] + after[key]
    total["avgDurationUs"] = total["totalDurationUs"] / total["measured"] if total["measured"] else 0.0
    return total
