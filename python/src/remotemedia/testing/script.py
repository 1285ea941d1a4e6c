"""Scripts: what happens to a session, and when, as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast

from remotemedia.core.exceptions import InvalidArgumentError


class WriteStep(TypedDict):
    """An item is written, in the way that the arguments of ``session.write`` say."""

    at_ms: float
    write: Any
    survives: NotRequired[bool]
    urgent: NotRequired[bool]
    timestamp_us: NotRequired[float]


class InterruptStep(TypedDict):
    """Everything is interrupted that was written before."""

    at_ms: float
    interrupt: Literal[True]


class EndStep(TypedDict):
    """No more items come: nodes flush, and the session ends."""

    at_ms: float
    end: Literal[True]


class CancelStep(TypedDict):
    """The session is cancelled: nothing is flushed."""

    at_ms: float
    cancel: Literal[True]


ScriptStep = WriteStep | InterruptStep | EndStep | CancelStep
"""One thing that happens to a session; ``at_ms`` is when, in milliseconds from when the session is open."""

_KEYS = {
    verb: tuple(kind.__annotations__)
    for verb, kind in (
        ("write", WriteStep),
        ("interrupt", InterruptStep),
        ("end", EndStep),
        ("cancel", CancelStep),
    )
}
"""What a step may say, by what it does."""


def every(period_ms: float, items: Iterable[Any], from_ms: float = 0) -> list[ScriptStep]:
    """Steps that write items at regular times.

    Args:
        period_ms: from one item to the next, in milliseconds.
        items: what is written.
        from_ms: when the first one is written.

    Example:
        >>> every(20, ["a", "b"])
        [{'at_ms': 0, 'write': 'a'}, {'at_ms': 20, 'write': 'b'}]
    """
    return [{"at_ms": from_ms + index * period_ms, "write": item} for index, item in enumerate(items)]


def ordered_script(script: Iterable[ScriptStep]) -> list[ScriptStep]:
    """The steps in the order of their times; those of one time stay in the order in which they were given.

    A script that does not say how it ends, ends with its last step.

    Raises:
        InvalidArgumentError: names the step that is none.
    """
    given: list[Any] = list(script)
    for index, step in enumerate(given):
        problem = _problem(step)
        if problem is not None:
            raise InvalidArgumentError(
                f'Step {index} of the script {problem}. A step is {{"at_ms": …, "write": item}}, '
                '{"at_ms": …, "interrupt": True}, {"at_ms": …, "end": True} or {"at_ms": …, "cancel": True}.'
            )
    steps: list[ScriptStep] = sorted(given, key=lambda step: step["at_ms"])
    if not any("end" in step or "cancel" in step for step in steps):
        steps.append({"at_ms": steps[-1]["at_ms"] if steps else 0, "end": True})
    return steps


def _problem(step: object) -> str | None:
    if not isinstance(step, Mapping):
        return f"is {type(step).__name__}"
    known = cast("Mapping[str, Any]", step)
    at_ms = known.get("at_ms")
    is_time = isinstance(at_ms, (int, float)) and not isinstance(at_ms, bool)
    if not is_time or not math.isfinite(cast("float", at_ms)) or cast("float", at_ms) < 0:
        return f"has at_ms {at_ms!r}, which is no time from 0"
    verbs = [verb for verb in _KEYS if verb in known]
    if len(verbs) != 1:
        return f"says {' and '.join(verbs) or 'nothing to do'}"
    keys = _KEYS[verbs[0]]
    unknown = next((key for key in known if key not in keys), None)
    return None if unknown is None else f"has the key {unknown!r}, and there are {', '.join(keys)}"
