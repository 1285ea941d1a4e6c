"""The error for an instance that could not be pickled, or is too large: what, where, why, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.core.pickling import payload
from remotemedia.core.pickling.errors import SerializationError, SerializedSizeError
from remotemedia.core.pickling.glance import glance
from remotemedia.core.pickling.kinds import OWN_WORDS_SUGGESTION, is_opaque, kind_of, singleton_name
from remotemedia.core.pickling.path import Step, steps_of, text_of
from remotemedia.core.pickling.sizes import fields_of, innermost, measure
from remotemedia.core.pickling.trace import Trace, paused_collector

_MIB = 1 << 20
_HOOKS = frozenset({"__getstate__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__"})
_SHOWN_STEPS = 4


def refusal(content: tuple[Any, Any], node_name: str, error: BaseException) -> SerializationError:
    """The error for content that could not be pickled.

    Args:
        content: the node, and its sessions.
        node_name: its name.
        error: what pickling raised.
    """
    with paused_collector():
        trace = Trace()
        traced = trace.run(content)
        if traced is None:
            # It failed once and not again, as a __getstate__ that looks at the clock may.
            return SerializationError(node_name, _words(error), OWN_WORDS_SUGGESTION)
        steps = steps_of(trace)
    if _is_too_deep(traced):
        return _too_deep(steps, node_name)
    return _named(_to_outermost(steps), trace.visited[-1], traced, node_name)


def raise_if_seen(node: Any, node_name: str) -> None:
    """Look near the surface of a node that turns out to be large.

    Raises:
        SerializationError: something there cannot cross.
    """
    found = glance(node)
    if found is not None:
        steps, error = found
        raise _named([Step(None, "[0]", node), *steps], steps[-1].target, error, node_name)


def too_large(content: tuple[Any, Any], node_name: str, limit_bytes: int) -> SerializationError:
    """The error for content over the limit; the one of ``refusal``, if it cannot be pickled either."""
    node, sessions = content
    with paused_collector():
        parts = measure([*fields_of(node), ("state", sessions)])
    if parts is None:
        return refusal(content, node_name, payload.TooLargeError())
    size = sum(part.size for part in parts)
    largest = max(parts, key=lambda part: part.size)
    if largest.value is not sessions:
        largest = innermost(largest)
    error = SerializedSizeError(
        node_name,
        f"its serialized size, {_mib(size)}, is over the limit of {_mib(limit_bytes)}; the largest attribute "
        f"is '{largest.path}' with {_mib(largest.size)}",
        "Load large data in initialize() and let go of it in cleanup(), which runs before serialization; or "
        "raise remotemedia.core.node_serialization.MAX_SERIALIZED_SIZE_BYTES "
        "(REMOTEMEDIA_MAX_SERIALIZED_BYTES in the environment).",
        largest.path,
    )
    error.size_bytes = size
    error.limit_bytes = limit_bytes
    return error


def item_refusal(item: Any, error: BaseException) -> ValueTransferError:
    """The error for an item that could not be pickled.

    Args:
        item: the item.
        error: what pickling raised.
    """
    with paused_collector():
        trace = Trace()
        traced = trace.run(item)
        # It may have failed once and not again, as with a __getstate__ that looks at the clock.
        steps = [] if traced is None else _to_outermost(steps_of(trace))
    if traced is not None and _is_too_deep(traced):
        return ValueTransferError(
            "an item is nested deeper than pickle goes; keep the parts in a list rather than in each other"
        )
    culprit = steps[-1].target if steps else item
    if traced is not None and not steps:
        culprit = trace.visited[-1]
    kind: type[Any] = type(culprit)  # pyright: ignore[reportUnknownVariableType]
    reason, _ = _explained(culprit, traced or error)
    return ValueTransferError(
        f"an instance of {kind.__module__}.{kind.__qualname__} cannot go to another process: {reason} "
        "Give what it is made from, such as a path, an address or plain data",
        "".join(_member(step) for step in steps),
    )


def _member(step: Step) -> str:
    """A step as in the paths of values that cross to TypeScript: ``.key`` for a key that is a name."""
    name = step.text[2:-2]
    return f".{name}" if step.text == f"[{name!r}]" and name.isidentifier() else step.text


def _named(steps: list[Step], culprit: Any, error: BaseException, node_name: str) -> SerializationError:
    target = steps[-1].target if steps else culprit
    reason, suggestion = _explained(target, error)
    owner = _owner_of_global(steps)
    if owner is not None:
        reason += f" It is a global that {owner} uses: code that cannot be imported travels with its globals."
        suggestion = "Put the code into a module that can be imported, or make the object in initialize()."
    elif (name := singleton_name(target)) is not None:
        reason += f" It is the object {name}, of which each process has its own."
        suggestion = f"Take it from there in initialize(), and set the field to None in cleanup(): {name}."
    return SerializationError(node_name, reason, suggestion, _place(steps))


def _to_outermost(steps: list[Step]) -> list[Step]:
    """End at the object that a user knows: a thread, not the lock inside the event inside it."""
    for number, step in enumerate(steps):
        if is_opaque(step.target):
            return steps[: number + 1]
    return steps


def _explained(target: Any, error: BaseException) -> tuple[str, str]:
    kind = kind_of(target)
    if kind is not None:
        return kind.reason_of(target), kind.suggestion
    hook = _failing_hook(error)
    if hook is not None:
        return (
            f"{hook}() of {type(target).__qualname__} failed: {_words(error)}.",
            f"Have {hook}() give what can be pickled, whatever state the object is in.",
        )
    return f"{_words(error)}.", OWN_WORDS_SUGGESTION


def _failing_hook(error: BaseException) -> str | None:
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_name
        if name in _HOOKS:
            return name
        traceback = traceback.tb_next
    return None


def _owner_of_global(steps: Sequence[Step]) -> str | None:
    for step in steps:
        if step.text.startswith(".<globals>"):
            return f"{step.owner.__qualname__}()"
    return None


def _too_deep(steps: list[Step], node_name: str) -> SerializationError:
    place = _place(steps[:2])
    shown = _place(steps[:_SHOWN_STEPS])
    return SerializationError(
        node_name,
        f"It is nested at least {len(steps) - 1} levels deep ({shown}…), deeper than pickle goes with "
        f"Python's recursion limit of {sys.getrecursionlimit()}.",
        "Keep the parts in a list rather than in each other, or have __getstate__() do so; "
        "or raise the limit by sys.setrecursionlimit().",
        place,
    )


def _is_too_deep(error: BaseException) -> bool:
    return isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError)


def _place(steps: list[Step]) -> str | None:
    """The way from the node; that from its sessions begins as a user reaches them."""
    if not steps:
        return None
    first, *rest = steps
    if first.text == "[0]" or not rest:
        return text_of(rest) or None
    # Sessions are {id: (session, its data)}.
    session, *rest = rest
    start = f"state.get_session({session.text[1:-1]})"
    if not rest:
        return start
    inside, *rest = rest
    return start + (".data" if inside.text == "[1]" else "") + "".join(step.text for step in rest)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MB"
