"""Which of a run's failures its caller sees, and how."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from remotemedia.runner.plan import NodeFailure

_METHODS = {"stream": "process", "source": "process"}


def first_failure(failures: Sequence[NodeFailure]) -> NodeFailure | None:
    """The failure of the lowest item; those without an item come after it, those of ``cleanup`` last."""
    return min(failures, key=_rank, default=None)


def error_to_raise(failures: Sequence[NodeFailure]) -> BaseException | None:
    """The original exception of the first failure, with notes that name node, item and what else failed."""
    first = first_failure(failures)
    if first is None:
        return None
    error = first.error
    place = _place(first)
    if place:
        _note(error, f"RemoteMedia: {place}")
    for other in failures:
        if other.error is not error and not isinstance(other.error, asyncio.CancelledError):
            _note(error, f"RemoteMedia: also failed: {_summary(other)}")
    return error


def _rank(failure: NodeFailure) -> float:
    if failure.item_index is not None:
        return failure.item_index
    return math.inf if failure.phase == "cleanup" else float(2**62)


def _place(failure: NodeFailure) -> str:
    at = "" if failure.item_index is None else f", item {failure.item_index}"
    if failure.node_id is None:
        return ""
    if failure.node_id == "(input)":
        return f"in the input of the pipeline{at}"
    if failure.phase is None:
        return f'because of node "{failure.node_id}"'
    method = _METHODS.get(failure.phase, failure.phase)
    return f'in {method}() of node "{failure.node_id}"{at}'


def _summary(failure: NodeFailure) -> str:
    return f"{type(failure.error).__name__}: {failure.error} {_place(failure)}".rstrip()


def _note(error: BaseException, note: str) -> None:
    # A node may raise the same exception object in every run.
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
