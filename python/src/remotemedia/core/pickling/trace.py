"""Which object stops a pickle: a second pickle, into nothing, that notes what it visits.

The pickler asks ``persistent_id`` about every object before it saves it, parents before their parts, so that
the last one asked about is the one that failed. Who held it is found by going back through the visits: any
earlier object that holds it directly must be an ancestor, as a finished one would have failed before. So one
pass each way is all, and both run mostly in C.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import types
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.pickling.payload import pickler_class

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_ATOMS: frozenset[type] = frozenset({str, int, float, complex, bool, bytes, bytearray, type(None)})
_BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType)
_CONTAINERS: frozenset[type] = frozenset({list, tuple, set, frozenset})
_STATES = (dict, tuple, type)
_PROTOCOL = 5
_MISSING: Any = object()

Reduction = Sequence[Any]
"""What ``__reduce_ex__`` gives, its iterators made lists."""


class _Counter:
    """A file that only counts."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: ReadableBuffer) -> int:
        size = memoryview(data).nbytes
        self.size += size
        return size


_Pickler: Any = pickler_class()


class Trace(_Pickler):
    """A pickler that writes nothing and remembers what it visited.

    Attributes:
        visited: all objects in the order in which they were begun, those made on the way included.
        reductions: what objects that do not simply have a ``__dict__`` were reduced to, by id.
    """

    dispatch_table: Any
    visited: list[Any]
    reductions: dict[int, Reduction]

    def __init__(self) -> None:
        """Start with nothing visited."""
        self.visited = []
        self.reductions = {}
        self._plain: set[type] = set()
        self._counter = _Counter()
        self._array_bytes = 0
        numpy: Any = sys.modules.get("numpy")
        self._array_type: Any = getattr(numpy, "ndarray", None)
        super().__init__(self._counter, _PROTOCOL, buffer_callback=self._count_buffer)  # pyright: ignore[reportUnknownMemberType]

    @property
    def persistent_id(self) -> Callable[[Any], None]:
        """Note a visit: the list's own method, as this is called for each of perhaps millions."""
        return self.visited.append

    @property
    def size(self) -> int:
        """How many bytes a real pickle has, nearly."""
        return self._counter.size + self._array_bytes

    def run(self, target: Any) -> BaseException | None:
        """Pickle into nothing; what it failed with, if it did."""
        try:
            self.dump(target)
        except Exception as error:
            return error
        return None

    def reducer_override(self, obj: Any) -> Any:  # noqa: D102 - called by the pickler
        kind = type(cast("object", obj))
        if kind in self._plain:
            return NotImplemented
        if kind is self._array_type and not obj.dtype.hasobject:
            self._array_bytes += obj.nbytes
            return (int, ())
        reduction: Any = super().reducer_override(obj)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if reduction is NotImplemented:
            if isinstance(obj, _BY_NAME):
                return NotImplemented
            reduce = self.dispatch_table.get(kind)
            if reduce is None and is_plain(kind):
                self._plain.add(kind)
                return NotImplemented
            reduction = reduce(obj) if reduce is not None else obj.__reduce_ex__(_PROTOCOL)
        return self._recorded(obj, reduction)

    def chain(self) -> list[Any]:
        """From what was pickled to the object that failed, the dicts and tuples between them included."""
        visits = reversed(self.visited)
        chain = [next(visits)]
        for candidate in visits:
            kind: type[object] = type(candidate)  # pyright: ignore[reportUnknownVariableType]
            # Perhaps millions: what is no parent is to be left behind quickly.
            if kind in _ATOMS:
                continue
            child = chain[-1]
            if kind is dict:
                is_parent = _is_in(child, candidate.values()) or _is_in(child, candidate)
            elif kind in _CONTAINERS:
                is_parent = _is_in(child, candidate)
            elif kind in self._plain:
                is_parent = isinstance(child, _STATES) and _plain_holds(candidate, child)
            else:
                reduction = self.reductions.get(id(candidate))
                is_parent = reduction is not None and _reduction_holds(reduction, child)
            if is_parent:
                chain.append(candidate)
        chain.reverse()
        return chain

    def reduction_of(self, obj: object) -> Reduction | None:
        """What an object was reduced to; None for one that pickle knows, or whose reduction failed."""
        if type(obj) in self._plain:
            fields: dict[str, Any] | None = getattr(obj, "__dict__", None)
            return None, (obj.__class__,), fields
        return self.reductions.get(id(obj))

    def _count_buffer(self, buffer: ReadableBuffer) -> None:
        # A false answer: the buffer is not written at all.
        self._array_bytes += memoryview(buffer).nbytes

    def _recorded(self, obj: Any, reduction: Any) -> Any:
        if not isinstance(reduction, tuple):
            return reduction
        parts: list[Any] = list(reduction)  # pyright: ignore[reportUnknownArgumentType]
        for index in (3, 4):
            if len(parts) > index and parts[index] is not None:
                parts[index] = list(parts[index])
        self.reductions[id(obj)] = tuple(parts)
        for index in (3, 4):
            if len(parts) > index and parts[index] is not None:
                parts[index] = iter(parts[index])
        return tuple(parts)


@contextlib.contextmanager
def paused_collector() -> Generator[None]:
    """No garbage collection: of a million new objects each thousand would have it look at all others."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def is_new_arguments(reduction: Reduction, child: Any) -> bool:
    """Whether this is the tuple that the pickler makes of the arguments of ``__new__``, without the class."""
    function, arguments = reduction[:2]
    return (
        type(child) is tuple
        and getattr(function, "__name__", "") == "__newobj__"
        and len(child) == len(arguments) - 1  # pyright: ignore[reportUnknownArgumentType]
        and all(a is b for a, b in zip(child, arguments[1:], strict=True))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    )


def _is_in(child: Any, parts: Any) -> bool:
    return id(child) in map(id, parts)


def _reduction_holds(reduction: Reduction, child: Any) -> bool:
    if _is_in(child, reduction) or _is_in(child, reduction[1]) or is_new_arguments(reduction, child):
        return True
    if len(reduction) > 3 and reduction[3] is not None and _is_in(child, reduction[3]):
        return True
    return (
        len(reduction) > 4 and reduction[4] is not None and any(_is_in(child, pair) for pair in reduction[4])
    )


def slots_of(target: Any, child: Any) -> dict[str, Any] | None:
    """The slots in the pair that the pickler makes of ``__dict__`` and slots; None if it is no such pair."""
    if type(child) is not tuple or len(child) != 2 or type(child[1]) is not dict:  # pyright: ignore[reportUnknownArgumentType]
        return None
    slots = cast("dict[str, Any]", child[1])
    is_of_target = slots and all(
        type(name) is str and getattr(target, name, _MISSING) is value for name, value in slots.items()
    )
    return slots if is_of_target else None


def _plain_holds(target: Any, child: Any) -> bool:
    return (
        child is type(target)
        or child is getattr(target, "__dict__", None)
        or slots_of(target, child) is not None
    )


def is_plain(kind: type[Any]) -> bool:
    """Whether instances are saved as nothing but their class, their ``__dict__`` and their slots."""
    return (
        kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and getattr(kind, "__getstate__", None) is getattr(object, "__getstate__", None)
        and not hasattr(kind, "__getnewargs__")
        and not hasattr(kind, "__getnewargs_ex__")
        and not issubclass(kind, (list, dict))
        and _probe_shares_dict()
    )


class _Probe:
    """An instance to try the interpreter with."""


def _probe_shares_dict() -> bool:
    # Documented nowhere: whether the state of an object is its very __dict__.
    probe = _Probe()
    probe.__dict__["field"] = 1
    state: Any = probe.__reduce_ex__(_PROTOCOL)[2]
    return state is vars(probe)
