"""What kind of output a node gave: one value, many, or a promise of one."""

from __future__ import annotations

import inspect
import io
from collections.abc import Awaitable
from types import FunctionType, MethodType
from typing import Any, Final

ONE, MANY, MANY_ASYNC, AWAITABLE, NOTHING = range(5)

_KEPT_TYPES = 512


def _kind_of(output_type: Any) -> int:
    """How an output of a type counts: ``ONE``, ``MANY``, ``MANY_ASYNC``, ``AWAITABLE`` or ``NOTHING``.

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


class _Kinds(dict[type, int]):
    """The kind of output for each type; found out when a type is first asked for."""

    def __missing__(self, output_type: type) -> int:
        if len(self) >= _KEPT_TYPES:
            # Types made by the thousand must not stay alive because of this.
            self.clear()
            self[type(None)] = NOTHING
        kind = self[output_type] = NOTHING if output_type is type(None) else _kind_of(output_type)
        return kind


KINDS: Final = _Kinds({type(None): NOTHING, int: ONE, float: ONE, str: ONE, bytes: ONE})
"""How an output of each type counts. ``ONE`` is the only one that is false, for it is asked for each item."""


def kind_of(output: object) -> int:
    """How an output counts."""
    return KINDS[type(output)]


class Traits:
    """What a node can do, as its attributes say.

    Attributes:
        is_async: whether ``process`` is a coroutine function or an async generator function.
        is_generator: whether it is a plain generator function.
        can_repeat: whether it goes on after an output, and so may give the same one again.
        run_on: which thread it asks for: ``"caller"``, ``"thread"`` or None. Anything else is refused later.
        takes_context: whether ``process`` has a parameter ``ctx``, which is not the one for its input.
    """

    __slots__ = (
        "can_repeat",
        "has_cleanup",
        "has_flush",
        "has_initialize",
        "has_process",
        "is_async",
        "is_generator",
        "is_source",
        "is_streaming",
        "run_on",
        "takes_context",
    )

    def __init__(self, node: object) -> None:
        """Look at a node; its class is not asked, as every attribute may be an instance's own."""
        process = getattr(node, "process", None)
        self.has_process = callable(process)
        self.has_initialize = callable(getattr(node, "initialize", None))
        self.has_cleanup = callable(getattr(node, "cleanup", None))
        self.has_flush = callable(getattr(node, "flush", None))
        self.is_streaming = getattr(node, "is_streaming", False) is True
        self.is_source = getattr(node, "is_source", False) is True
        self.run_on: Any = getattr(node, "run_on", None)
        function = process.__func__ if type(process) is MethodType else process
        if type(function) is FunctionType and not function.__dict__:
            # What inspect finds out in many more steps, for a function that nothing has marked.
            flags = function.__code__.co_flags
            self.is_async = flags & _ASYNC_FLAGS != 0
            self.is_generator = flags & inspect.CO_GENERATOR != 0
            self.takes_context = _CONTEXT in function.__code__.co_varnames and self._takes_context(process)
        else:
            self.is_async = _is_async(process)
            self.is_generator = inspect.isgeneratorfunction(process)
            self.takes_context = self._takes_context(process)
        is_many = self.is_generator or (self.is_async and inspect.isasyncgenfunction(process))
        self.can_repeat = is_many or self.is_streaming or self.is_source

    def _takes_context(self, process: Any) -> bool:
        try:
            parameters = list(inspect.signature(process).parameters.values())
        except (TypeError, ValueError):
            return False
        # Who calls the input itself so means the input.
        candidates = parameters if self.is_source else parameters[1:]
        return any(each.name == _CONTEXT and each.kind in _BY_NAME for each in candidates)

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


_CONTEXT: Final = "ctx"
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ASYNC_FLAGS: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def _is_async(function: Any) -> bool:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return True
    kind: Any = type(function)  # pyright: ignore[reportUnknownVariableType]
    call = getattr(kind, "__call__", None)  # noqa: B004 - a callable object may have an async __call__
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)
