"""What is known of something that holds a session up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from remotemedia.core.exceptions import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class StuckReport:
    """What holds a session up, or is about to. Nothing is ended because of it.

    Attributes:
        kind: ``"node"``: a node has not returned. ``"loop"``: an event loop is blocked by other code.
            ``"memory"``: a host is over its limit.
        node_id: the node at fault, where it is known.
        host: the host where it happens; ``"driver"`` is this program.
        for_ms: for how long so far, in milliseconds: at least that; 0 for memory.
        stack: what runs there, innermost last in Python and first in TypeScript; where nothing runs, or it
            cannot be had, what is known instead.
        item_index: position in the input of the node of the item that it has not returned for, from 0.
        memory_bytes: what the host uses, in bytes, where it is over its limit.
        replica: which copy it is of a node with replicas, from 0; ``item_index`` counts the items of that
            copy.
    """

    kind: Literal["node", "loop", "memory"]
    node_id: str | None
    host: str
    for_ms: float
    stack: str
    item_index: int | None = None
    memory_bytes: int | None = None
    replica: int | None = None

    def __str__(self) -> str:
        """In words, with the stack."""
        seconds = f"{self.for_ms / 1_000:.1f} s"
        name = self.node_id if self.replica is None else f"{self.node_id}#{self.replica}"
        if self.kind == "node":
            head = f'Node "{name}" ({self.host}) has not returned for {seconds}:'
        elif self.kind == "loop":
            head = f'The event loop of host "{self.host}" has been blocked for {seconds}:'
        else:
            suspect = "" if self.node_id is None else f'; node "{name}" was entered last'
            used = f"{(self.memory_bytes or 0) / 1024**2:.0f} MiB"
            head = f'Host "{self.host}" uses {used}, which is over its limit{suspect}:'
        return f"{head}\n{self.stack}"


@dataclass(slots=True)
class RunWatch:
    """How a run is watched.

    Attributes:
        stuck_after_ms: how long a node, or an event loop, may take before it counts as stuck; 0 for ever.
        memory_limit_bytes: what a host may use, or None.
        report: takes a report, in any thread.
    """

    stuck_after_ms: float
    memory_limit_bytes: int | None
    report: Callable[[StuckReport], None]

    def as_map(self) -> dict[str, Any]:
        """The limits as the wire states them."""
        limits: dict[str, Any] = {"stuckAfterMs": self.stuck_after_ms}
        if self.memory_limit_bytes is not None:
            limits["memoryLimitBytes"] = self.memory_limit_bytes
        return limits


def check_limit(name: str, value: Any) -> None:
    """Check a limit that a user gave.

    Raises:
        InvalidArgumentError: it is no number from 0.
    """
    if isinstance(value, (int, float)) and 0 <= value < float("inf"):
        return
    without = "Set it to 0" if name == "stuck_after_ms" else "Leave it out"
    raise InvalidArgumentError(
        f"{name} must be a number from 0, got {value!r}. {without} to have nothing reported because of it."
    )


def report_of(event: dict[str, Any]) -> StuckReport:
    """A report as the wire states it."""
    return StuckReport(
        event["kind"],
        event.get("nodeId"),
        event["host"],
        event["forMs"],
        event["stack"],
        event.get("itemIndex"),
        event.get("memoryBytes"),
    )


def event_of(report: StuckReport) -> dict[str, Any]:
    """A report for the wire; the engine knows the host."""
    event = {
        "kind": report.kind,
        "nodeId": report.node_id,
        "forMs": report.for_ms,
        "stack": report.stack,
        "itemIndex": report.item_index,
        "memoryBytes": report.memory_bytes,
    }
    return {name: value for name, value in event.items() if value is not None}
