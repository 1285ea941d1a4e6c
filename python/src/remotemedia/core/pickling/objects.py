"""Single objects as bytes: items on their way to another Python process, and the exceptions that come back.

What can be imported goes by reference, what cannot (classes of ``__main__``, of ``exec``, local ones) by
value. A class that went by value once is known to the other side, and goes by its number from then on. One
that comes home is the very one that left, as it is now: it is not made again, and nothing is set in it.
"""

from __future__ import annotations

import functools
import importlib
import io
import pickle
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol

from remotemedia.core.pickling.importable import make_reachable
from remotemedia.core.pickling.payload import pickler_class

if TYPE_CHECKING:
    from pickle import PickleBuffer

    from _typeshed import ReadableBuffer

    KeepsInside = Callable[[PickleBuffer], bool]

_PROTOCOL = 5
_CLOUDPICKLE = "cloudpickle.cloudpickle"
_MAKERS = ("_make_skeleton_class", "_make_skeleton_enum")
"""How cloudpickle begins a class that goes by value; the last but one argument is the number of the class."""
_FILLER = "_class_setstate"


class _Pickler(Protocol):
    made: dict[int, tuple[str, type]]

    def dump(self, obj: Any, /) -> None: ...


class ObjectWriter:
    """Writes objects for one reader, which reads them in the same order."""

    def __init__(self) -> None:
        """Nothing has been sent."""
        # By id, and with the class, so that the id stays its own.
        self._sent: dict[int, tuple[str, type]] = {}

    def write(self, obj: Any, keeps_inside: KeepsInside | None = None) -> bytes:
        """Pickle one object, whole but for its large buffers.

        Args:
            obj: the object.
            keeps_inside: is given each buffer of it, in order, and says whether that is copied into the
                pickle; else the reader has to be given it. Without it all are copied.

        Raises:
            Exception: whatever pickling raises, which runs code of the object.
        """
        if _is_of_numpy(obj) and (keeps_inside is None or _has_buffer(obj)):
            return pickle.dumps(obj, _PROTOCOL, buffer_callback=keeps_inside)
        sink = io.BytesIO()
        pickler = _pickler_type()(sink, self._sent, keeps_inside)
        pickler.dump(obj)
        self._sent.update(pickler.made)
        return sink.getvalue()


def _is_of_numpy(obj: Any) -> bool:
    """Whether this is an array or scalar that holds no class: then pickle alone does, and is much faster."""
    kind: type[Any] = type(obj)  # pyright: ignore[reportUnknownVariableType]
    dtype: Any = getattr(obj, "dtype", None) if kind.__module__ == "numpy" else None
    return dtype is not None and not dtype.hasobject and dtype.metadata is None


def _has_buffer(obj: Any) -> bool:
    """Whether numpy makes a buffer of an array: it does not of one with times in it."""
    dtype = obj.dtype
    return dtype.kind not in "mMV" or (dtype.kind == "V" and not _has_times(dtype))


def _has_times(dtype: Any) -> bool:
    if dtype.subdtype is not None:
        return _has_times(dtype.base)
    if dtype.names is not None:
        return any(_has_times(dtype[name]) for name in dtype.names)
    return dtype.kind in "mM"


class ObjectReader:
    """Reads what one writer wrote, in the same order."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._classes: dict[str, type] = {}

    def read(self, data: ReadableBuffer, buffers: Iterable[Any] = ()) -> Any:
        """Make one object; runs code of its classes.

        Args:
            data: what ``write`` gave.
            buffers: those that are not inside, in their order.

        Raises:
            Exception: whatever that code raises, or what is missing here.
        """
        return _Unpickler(io.BytesIO(data), self._classes, buffers).load()


@functools.cache
def _pickler_type() -> Callable[[io.BytesIO, dict[int, tuple[str, type]], KeepsInside | None], _Pickler]:
    base = pickler_class()

    class Pickler(base):
        """Writes one object, and notes the classes that it sends by value."""

        def __init__(
            self, sink: io.BytesIO, sent: dict[int, tuple[str, type]], keeps_inside: KeepsInside | None
        ) -> None:
            self._sent = sent
            self._has_buffers = keeps_inside is not None
            self.made: dict[int, tuple[str, type]] = {}
            super().__init__(sink, _PROTOCOL, keeps_inside)  # pyright: ignore[reportUnknownMemberType]

        def persistent_id(self, obj: Any) -> str | None:
            # No others are in there, as those that are have not been let go of.
            sent = self._sent.get(id(obj))
            return None if sent is None else sent[0]

        def reducer_override(self, obj: Any) -> Any:
            if self._has_buffers and _is_of_numpy(obj) and not _has_buffer(obj):
                return _as_bytes(obj)
            is_class = isinstance(obj, type)
            if is_class or isinstance(obj, FunctionType):
                make_reachable(obj.__module__)
            reduction: Any = super().reducer_override(obj)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if is_class and isinstance(reduction, tuple) and reduction[0].__name__ in _MAKERS:  # pyright: ignore[reportUnknownMemberType]
                self.made[id(obj)] = (reduction[1][-2], obj)
            return reduction  # pyright: ignore[reportUnknownVariableType]

    return Pickler


def _as_bytes(array: Any) -> Any:
    """How an array with times in it is made again, of one of which numpy makes a buffer."""
    return array.__class__.view, (array.view(f"V{array.dtype.itemsize}"), array.dtype)


class _Unpickler(pickle.Unpickler):
    """Reads one object, and leaves classes that are here already as they are."""

    def __init__(self, source: io.BytesIO, classes: dict[str, type], buffers: Iterable[Any]) -> None:
        super().__init__(source, buffers=buffers)
        self._classes = classes
        self._made: set[int] = set()

    def persistent_load(self, pid: str) -> type:
        return self._classes[pid]

    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name == _CLOUDPICKLE:
            if global_name in _MAKERS:
                return functools.partial(
                    self._make, getattr(importlib.import_module(module_name), global_name)
                )
            if global_name == _FILLER:
                return functools.partial(
                    self._fill, getattr(importlib.import_module(module_name), global_name)
                )
        return super().find_class(module_name, global_name)

    def _make(self, make: Callable[..., type], *arguments: Any) -> type:
        number: str = arguments[-2]
        known: Any = importlib.import_module(_CLOUDPICKLE)._DYNAMIC_CLASS_TRACKER_BY_ID
        kind: type | None = known.get(number)
        if kind is None:
            # Not before: making a class runs __init_subclass__ and metaclasses.
            kind = make(*arguments)
            self._made.add(id(kind))
        self._classes[number] = kind
        return kind

    def _fill(self, fill: Callable[[type, Any], Any], kind: type, state: Any) -> None:
        if id(kind) in self._made:
            fill(kind, state)
