"""How much memory an item takes that waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, cast

_OTHER: Final = 8
_DEPTH: Final = 4
"""How far down values are looked at."""


def byte_size_of(value: Any, depth: int = _DEPTH) -> int:
    """About how many bytes a value takes: those of its buffers and texts; other things count 8 each."""
    if isinstance(value, (bytes, bytearray, str)):
        return len(value)
    size: Any = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if depth == 0:
        return _OTHER
    return _OTHER + sum(byte_size_of(part, depth - 1) for part in _parts_of(value))


def _parts_of(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[Any, Any]", value).values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(cast("list[Any]", value))
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return list(getattr(value, "__dict__", {}).values())
