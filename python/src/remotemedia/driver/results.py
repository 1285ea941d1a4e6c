"""The form in which outputs and metrics reach the caller."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

ResultForm = Literal["unwrapped", "list", "bare"]
"""``unwrapped``: the output alone where there is exactly one, None where there is neither input nor output.
``list``: always a list. ``bare``: a list, but the output alone where there is exactly one."""


def in_form(outputs: list[Any], form: ResultForm, has_input: bool) -> Any:
    """The outputs as the call promises them."""
    if form == "list":
        return outputs
    if len(outputs) == 1:
        return outputs[0]
    return None if not outputs and not has_input and form == "unwrapped" else outputs


def metrics_of(
    duration_us: float, node_ids: Iterable[str], records: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """What a run measured, in the order of the pipeline and by the names that Python users know."""
    by_node = {record["nodeId"]: record for record in records}
    return {
        "total_duration_us": duration_us,
        "node_metrics": [
            {_snake(key): value for key, value in by_node[node_id].items()}
            # Also of nodes that a session had and has no more.
            for node_id in dict.fromkeys([*node_ids, *by_node])
            if node_id in by_node
        ],
    }


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
