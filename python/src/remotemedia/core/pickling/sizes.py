"""What makes a serialized instance large. Arrays and buffers are counted, not written."""

from __future__ import annotations

import inspect
from typing import Any

from remotemedia.core.pickling.trace import Trace

_MAX_PARTS = 1_000
_MAX_VISITS = 50_000
"""Of what is larger the parts are not measured, as each level would be another pickle of it all."""


def largest_part(node: Any, trace: Trace) -> tuple[str, int] | None:
    """The largest attribute of a node, or of an attribute where that is most of it.

    Args:
        node: the node.
        trace: one that has pickled it.

    Returns:
        The way to it and its size in bytes; None where nothing has a size.
    """
    largest: tuple[str, int, Trace, Any] | None = None
    for text, part in _fields(node, trace):
        measured = _measured(part)
        if measured is not None and (largest is None or measured.size > largest[1]):
            largest = (text, measured.size, measured, part)
    if largest is None:
        return None
    text, size, measured, part = largest
    while len(measured.visited) <= _MAX_VISITS:
        inner = _main_part(part, size)
        if inner is None:
            break
        step, size, measured, part = inner
        text += step
    return text, size


def size_of(target: Any) -> int:
    """How many bytes an object has when serialized, nearly; 0 where it cannot be."""
    measured = _measured(target)
    return 0 if measured is None else measured.size


def _measured(target: Any) -> Trace | None:
    trace = Trace()
    return None if trace.run(target) is not None else trace


def _fields(node: Any, trace: Trace) -> list[tuple[str, Any]]:
    reduction = trace.reduction_of(node)
    state: Any = reduction[2] if reduction is not None and len(reduction) > 2 else None
    dicts: list[Any] = list(state) if isinstance(state, tuple) else [state]  # pyright: ignore[reportUnknownArgumentType]
    fields: list[tuple[str, Any]] = []
    for fields_dict in dicts:
        if isinstance(fields_dict, dict):
            fields += [(str(name), value) for name, value in fields_dict.items()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return [*fields, ("<class>", type(node))]


def _main_part(value: Any, size: int) -> tuple[str, int, Trace, Any] | None:
    """The part that is more than half of a value."""
    parts = _parts(value)
    if len(parts) > _MAX_PARTS:
        return None
    for text, part in parts:
        measured = _measured(part)
        if measured is not None and measured.size * 2 > size:
            return text, measured.size, measured, part
    return None


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [(f"[{index}]", part) for index, part in enumerate(value)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if inspect.isroutine(value) or inspect.isclass(value):
        return []
    fields: dict[str, Any] = getattr(value, "__dict__", None) or {}
    return [(f".{name}", part) for name, part in fields.items()]
