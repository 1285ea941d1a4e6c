"""What makes a serialized instance large. Arrays and buffers are counted, not written."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from remotemedia.core.pickling.state import by_name
from remotemedia.core.pickling.trace import Trace

_MAX_PARTS = 1_000
_MAX_VISITS = 50_000
"""Of what is larger the parts are not measured, as each level would be another pickle of it all."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a node.

    Attributes:
        path: the way to it.
        value: it.
        size: its bytes when serialized, nearly; what several parts share counts with the first of them.
        visits: how many objects are in it.
    """

    path: str
    value: Any
    size: int
    visits: int


def measure(parts: list[tuple[str, Any]]) -> list[Part] | None:
    """Measure parts in one pass; None where one of them cannot be pickled."""
    trace = Trace()
    measured: list[Part] = []
    for path, value in parts:
        size, visits = trace.size, len(trace.visited)
        # The pickler remembers what it has seen from one call to the next.
        if trace.run(value) is not None:
            return None
        measured.append(Part(path, value, trace.size - size, len(trace.visited) - visits))
    return measured


def fields_of(node: Any) -> list[tuple[str, Any]]:
    """The fields of a node that are pickled, and its class, which may travel as well."""
    reduction: Any = node.__reduce_ex__(5)
    state: Any = None if isinstance(reduction, str) else next(iter(reduction[2:]), None)
    return [*((str(name), value) for name, value in by_name(state).items()), ("<class>", type(node))]


def innermost(part: Part) -> Part:
    """The part of a part, and so on, that is more than half of it."""
    while part.visits <= _MAX_VISITS:
        inside = _parts(part.value)
        measured = measure(inside) if len(inside) <= _MAX_PARTS else None
        main = next((inner for inner in measured or () if inner.size * 2 > part.size), None)
        if main is None:
            break
        part = Part(part.path + main.path, main.value, main.size, main.visits)
    return part


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [(f"[{index}]", part) for index, part in enumerate(value)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if inspect.isroutine(value) or inspect.isclass(value):
        return []
    fields: dict[str, Any] = getattr(value, "__dict__", None) or {}
    return [(f".{name}", part) for name, part in fields.items()]
