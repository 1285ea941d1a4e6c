"""How much waits in front of a node, and how items of several inputs come to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, cast

from remotemedia.core.setting_checks import Check, is_from, is_whole

WhenFull = Literal["block", "drop-oldest", "drop-newest", "latest"]
"""What becomes of an item that finds a full queue.

The nodes before it wait (``block``), the oldest one that waits goes (``drop-oldest``), it goes itself
(``drop-newest``), or it takes the place of all that wait (``latest``).
"""

FanInPolicy = Literal["merge", "zip", "latest", "timestamp"]
"""How items of several inputs come to one node.

``merge``: each by itself, as it comes. The others give it lists, with one item of each input in the order of
the connections: ``zip`` the first ones, then the second ones, and so on; ``latest`` what came last of each,
whenever one comes; ``timestamp`` those whose times fit together.
"""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits of a queue in front of a node, or at the input of a session. Urgent items are not dropped.

    Attributes:
        max_items: most items that wait; with ``latest`` always 1.
        max_bytes: most bytes that wait, of buffers and texts; None for any number.
        max_age_ms: how long an item may wait here, in milliseconds; those that have waited longer are dropped
            when their turn comes. None for any time.
        when_full: what becomes of an item that finds the queue full.

    Example:
        >>> QueueLimits(max_items=4, when_full="drop-oldest").max_items
        4
    """

    max_items: int = 16
    max_bytes: int | None = None
    max_age_ms: float | None = None
    when_full: WhenFull = "block"


@dataclass(frozen=True, slots=True)
class FanIn:
    """How items of several inputs come to one node.

    Attributes:
        policy: which items come together.
        tolerance_us: of ``timestamp``: how far the times of items of one list may lie apart, in µs.
        max_wait_ms: of ``zip`` and ``timestamp``: how long an item waits for the others, in milliseconds;
            None for any time.
        incomplete: of ``zip`` and ``timestamp``: what becomes of an item that has waited too long, or that
            none of another input can fit any more: it is dropped, or given (``"pass"``) in a list with None
            for what is missing.

    Example:
        >>> FanIn("timestamp", tolerance_us=20_000, max_wait_ms=100).incomplete
        'drop'
    """

    policy: FanInPolicy
    tolerance_us: float = 0
    max_wait_ms: float | None = None
    incomplete: Literal["drop", "pass"] = "drop"


DEFAULT_QUEUE: Final = QueueLimits()
"""Those of an input that is brought together with others, where nothing is stated."""

_WHEN_FULL: Final = ("block", "drop-oldest", "drop-newest", "latest")
_POLICIES: Final = ("merge", "zip", "latest", "timestamp")
_NUMBER: Final = "a number from 1"
_COUNT: Final = "a whole number of at least 1"


def queue_of(given: Any, check: Check, name: str = "input_queue") -> QueueLimits | None:
    """The limits of a queue, checked and complete: ``latest`` has become what it stands for.

    Raises:
        ConfigurationError: one has a wrong value.
    """
    if given is None:
        return None
    stated = _stated(given, QueueLimits, "when_full", _WHEN_FULL, check, name)
    limits = QueueLimits(**stated)
    check(f"{name}.max_items", is_whole(limits.max_items, 1), _COUNT, limits.max_items)
    is_right = limits.max_bytes is None or is_whole(limits.max_bytes, 1)
    check(f"{name}.max_bytes", is_right, _COUNT, limits.max_bytes)
    is_right = limits.max_age_ms is None or is_from(limits.max_age_ms, 1)
    check(f"{name}.max_age_ms", is_right, _NUMBER, limits.max_age_ms)
    is_right = limits.when_full in _WHEN_FULL
    check(f"{name}.when_full", is_right, f"one of {', '.join(_WHEN_FULL)}", limits.when_full)
    if limits.when_full == "latest":
        return QueueLimits(1, limits.max_bytes, limits.max_age_ms, "drop-oldest")
    return limits


def fan_in_of(given: Any, check: Check) -> FanIn | None:
    """How several inputs come to a node, checked; None where they are merged.

    Raises:
        ConfigurationError: a field has a wrong value.
    """
    if given is None:
        return None
    stated = _stated(given, FanIn, "policy", _POLICIES, check, "fan_in")
    policy = stated.get("policy")
    check("fan_in.policy", policy in _POLICIES, f"one of {', '.join(_POLICIES)}", policy)
    fan_in = FanIn(**stated)
    check("fan_in.tolerance_us", is_from(fan_in.tolerance_us, 0), "a number from 0", fan_in.tolerance_us)
    is_right = fan_in.max_wait_ms is None or is_from(fan_in.max_wait_ms, 1)
    check("fan_in.max_wait_ms", is_right, _NUMBER, fan_in.max_wait_ms)
    is_right = fan_in.incomplete in ("drop", "pass")
    check("fan_in.incomplete", is_right, '"drop" or "pass"', fan_in.incomplete)
    return None if fan_in.policy == "merge" else fan_in


def write_limits(stated: QueueLimits | FanIn) -> dict[str, Any]:
    """Either of them in the form of manifests; only what is stated."""
    values = {field.name: getattr(stated, field.name) for field in fields(stated)}
    return {name: value for name, value in values.items() if value is not None}


def _stated(
    given: Any, kind: type[QueueLimits | FanIn], word: str, words: tuple[str, ...], check: Check, name: str
) -> dict[str, Any]:
    """What one word, a dict or an object states."""
    if isinstance(given, kind):
        return write_limits(given)
    is_map = isinstance(given, Mapping)
    is_word = isinstance(given, str) and given in words
    check(name, is_map or is_word, f"a dict, a {kind.__name__} or one of {', '.join(words)}", given)
    stated = cast("Mapping[str, Any]", given if is_map else {word: given})
    check.names(stated, [field.name for field in fields(kind)], name)
    return {field: value for field, value in stated.items() if value is not None}
