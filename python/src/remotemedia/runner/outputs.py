"""What kind of output a node gave: one value, many, or a promise of one."""

from __future__ import annotations

import functools
import inspect
import io
from collections.abc import Awaitable, Callable
from typing import Any, Final

ATOMS: Final[frozenset[type]] = frozenset(
    {int, float, str, bytes, bool, list, dict, tuple, set, frozenset, bytearray, complex}
)
"""Types of which a value is always one output; checked first because it is the fastest check."""

ONE, MANY, MANY_ASYNC, AWAITABLE = range(4)


def _kind_of(output_type: Any) -> int:
    """How an output of a type counts: ``ONE``, ``MANY``, ``MANY_ASYNC`` or ``AWAITABLE``.

    Only generators and iterators are many; open files, which are iterators as well, are one.
    """
    if issubclass(output_type, io.IOBase):
        return ONE
    if issubclass(output_type, Awaitable):
        return AWAITABLE
    if callable(getattr(output_type, "__next__", None)):
        return MANY
    if callable(getattr(output_type, "__anext__", None)):
        return MANY_ASYNC
    return ONE


kind_of: Callable[[Any], int] = functools.lru_cache(maxsize=512)(_kind_of)
"""``_kind_of`` remembered for each type, as it is asked for each item."""


class Traits:
    """What a node can do, as its attributes say.

    Attributes:
        is_async: whether ``process`` is a coroutine function or an async generator function.
        is_generator: whether it is a plain generator function.
    """

    __slots__ = (
        "has_cleanup",
        "has_flush",
        "has_initialize",
        "has_process",
        "is_async",
        "is_generator",
        "is_source",
        "is_streaming",
    )

    def __init__(self, node: object) -> None:
        """Look at a node."""
        process = getattr(node, "process", None)
        self.has_process = callable(process)
        self.has_initialize = callable(getattr(node, "initialize", None))
        self.has_cleanup = callable(getattr(node, "cleanup", None))
        self.has_flush = callable(getattr(node, "flush", None))
        self.is_streaming = getattr(node, "is_streaming", False) is True
        self.is_source = getattr(node, "is_source", False) is True
        self.is_async = _is_async(process)
        self.is_generator = inspect.isgeneratorfunction(process)

    def as_map(self) -> dict[str, bool]:
        """The traits as the wire states them."""
        return {
            "process": self.has_process,
            "initialize": self.has_initialize,
            "cleanup": self.has_cleanup,
            "flush": self.has_flush,
            "isStreaming": self.is_streaming,
            "isSource": self.is_source,
            "isAsync": self.is_async,
        }


def _is_async(function: Any) -> bool:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return True
    kind: Any = type(function)  # pyright: ignore[reportUnknownVariableType]
    call = getattr(kind, "__call__", None)  # noqa: B004 - a callable object may have an async __call__
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)
