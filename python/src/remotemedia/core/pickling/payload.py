"""The bytes of an instance: a header that says who wrote them, and a pickle.

Header, integers little-endian: magic (8 bytes), format version (u8); Python version, implementation and
package version (each u8 length, UTF-8); length of the pickle (u64), of the class and of the node's name (u16
each); these two in UTF-8.
"""

from __future__ import annotations

import functools
import importlib
import io
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remotemedia.core.pickling.errors import DeserializationError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_MAGIC = b"\x89RMnode\n"
_FORMAT = 1
_PROTOCOL = 5
_LENGTHS = struct.Struct("<QHH")
_LENGTH = struct.Struct("<Q")
_MAX_NAME_BYTES = 1_000
_LARGE_BYTES = 4 << 20
_UNKNOWN = "unknown"
_ITSELF = "itself"


class TooLargeError(Exception):
    """The payload has passed the limit; what did so was not copied."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a payload.

    Attributes:
        python: version of Python, such as ``3.11``.
        implementation: such as ``cpython``.
        package: version of this package.
    """

    python: str
    implementation: str
    package: str


class _Sink(io.BytesIO):
    """Memory with a limit."""

    __slots__ = ("on_large", "room")
    room: int
    on_large: Callable[[], None] | None

    def write(self, data: ReadableBuffer, /) -> int:
        # A large array comes as a PickleBuffer, which has no len().
        size = len(data) if type(data) is bytes else memoryview(data).nbytes
        self.room -= size
        if self.room < 0:
            raise TooLargeError
        if self.on_large is not None and self.tell() + size > _LARGE_BYTES:
            on_large, self.on_large = self.on_large, None
            on_large()
        return super().write(data)


def write(
    content: Any,
    class_name: str,
    node_name: str,
    limit_bytes: int,
    on_large: Callable[[], None] | None = None,
    itself: Any | None = None,
) -> bytes:
    """Pickle into one piece of memory that begins with the header, so that nothing is copied twice.

    Args:
        content: what is pickled.
        class_name: class of the node, for errors of the reader.
        node_name: its name, for the same.
        limit_bytes: how many bytes there may be.
        on_large: called once when there are more than 4 MB; what it raises ends the writing.
        itself: an object that does not go along: the one that ``unpickle`` is given takes its place.

    Raises:
        TooLargeError: the bytes are more than ``limit_bytes``.
        Exception: whatever pickling raises, which runs code of the content.
    """
    prefix = _own_prefix()
    kind = class_name.encode("utf-8", "backslashreplace")[:_MAX_NAME_BYTES]
    name = node_name.encode("utf-8", "backslashreplace")[:_MAX_NAME_BYTES]
    header = prefix + _LENGTHS.pack(0, len(kind), len(name)) + kind + name
    sink = _Sink(header)
    sink.seek(len(header))
    sink.room = limit_bytes - len(header)
    sink.on_large = on_large
    pickler = pickler_class()(sink, _PROTOCOL) if itself is None else _pickler_without()(sink, itself)
    pickler.dump(content)
    _LENGTH.pack_into(sink.getbuffer(), len(prefix), sink.tell() - len(header))
    return sink.getvalue()


def read(data: ReadableBuffer) -> memoryview:
    """Check the header.

    Returns:
        The pickle, not copied.

    Raises:
        DeserializationError: these are no such bytes, not all of them, or another version wrote them.
        TypeError: this is no bytes at all.
    """
    view = memoryview(data).cast("B")
    prefix = _own_prefix()
    position = len(prefix)
    if view[:position].tobytes() != prefix:
        raise _foreign(view)
    try:
        length, kind_length, name_length = _LENGTHS.unpack_from(view, position)
    except struct.error:
        raise _truncated(len(view)) from None
    position += _LENGTHS.size + kind_length + name_length
    if len(view) != position + length:
        raise _truncated(len(view), position + length, _names(view, len(prefix))[1])
    return view[position:]


def names_of(data: ReadableBuffer) -> tuple[str, str]:
    """The class and the name of the node in bytes that ``read`` has accepted."""
    return _names(memoryview(data).cast("B"), len(_own_prefix()))


@functools.cache
def own_writer() -> Writer:
    """This program."""
    # The facade is above this room, but it is loaded whenever anything of the package is.
    version: str = sys.modules["remotemedia"].__version__
    major, minor = sys.version_info[:2]
    return Writer(f"{major}.{minor}", sys.implementation.name, version)


@functools.cache
def pickler_class() -> Any:
    """The pickler of cloudpickle, imported with the first instance that crosses."""
    return importlib.import_module("cloudpickle").Pickler


def unpickle(pickled: memoryview, itself: Any | None = None) -> Any:
    """The content; runs code of its classes."""
    return pickle.loads(pickled) if itself is None else _UnpicklerFor(pickled, itself).load()


@functools.cache
def _pickler_without() -> Any:
    base = pickler_class()

    class PicklerWithout(base):
        """Leaves one object out."""

        def __init__(self, sink: io.BytesIO, itself: Any) -> None:
            self._itself = itself
            super().__init__(sink, _PROTOCOL)  # pyright: ignore[reportUnknownMemberType]

        def persistent_id(self, obj: Any) -> str | None:
            return _ITSELF if obj is self._itself else None

    return PicklerWithout


class _UnpicklerFor(pickle.Unpickler):
    """Puts one object in."""

    def __init__(self, pickled: memoryview, itself: Any) -> None:
        self._itself = itself
        super().__init__(io.BytesIO(pickled))

    def persistent_load(self, pid: str) -> Any:
        if pid != _ITSELF:
            raise pickle.UnpicklingError(f"there is no object {pid!r}")
        return self._itself


@functools.cache
def _own_prefix() -> bytes:
    writer = own_writer()
    texts = [text.encode() for text in (writer.python, writer.implementation, writer.package)]
    return b"".join((_MAGIC, bytes([_FORMAT]), *(bytes([len(text)]) + text for text in texts)))


def _names(view: memoryview, position: int) -> tuple[str, str]:
    try:
        _, kind_length, name_length = _LENGTHS.unpack_from(view, position)
    except struct.error:
        raise _truncated(len(view)) from None
    start = position + _LENGTHS.size
    middle = start + kind_length
    name = view[middle : middle + name_length]
    return str(view[start:middle], "utf-8", "replace"), str(name, "utf-8", "replace")


def _foreign(view: memoryview) -> DeserializationError:
    """The error for bytes that this program would not write."""
    if not view or not _MAGIC.startswith(bytes(view[: len(_MAGIC)])):
        return DeserializationError(
            _UNKNOWN,
            f"these {len(view)} bytes are no serialized node",
            "Give the bytes that serialize_node_for_ipc returned, unchanged.",
        )
    if len(view) > len(_MAGIC) and view[len(_MAGIC)] != _FORMAT:
        return DeserializationError(
            _UNKNOWN,
            f"it was written in format {view[len(_MAGIC)]}, and this package reads format {_FORMAT}",
            "Use the same version of remotemedia on both sides.",
        )
    position = len(_MAGIC) + 1
    texts: list[str] = []
    for _ in range(3):
        end = position + 1 + view[position] if position < len(view) else position
        if end == position or end > len(view):
            return _truncated(len(view))
        texts.append(str(view[position + 1 : end], "utf-8", "replace"))
        position = end
    return _other_version(Writer(*texts), _names(view, position)[1])


def _other_version(writer: Writer, node_name: str) -> DeserializationError:
    own = own_writer()
    if (writer.python, writer.implementation) != (own.python, own.implementation):
        return DeserializationError(
            node_name,
            f"it was serialized by {writer.implementation} {writer.python}, and this is "
            f"{own.implementation} {own.python}: compiled code does not cross between Python versions",
            "Use the same Python on both sides.",
        )
    return DeserializationError(
        node_name,
        f"it was serialized by remotemedia {writer.package}, and this is remotemedia {own.package}",
        "Install the same version of remotemedia on both sides.",
    )


def _truncated(size: int, wanted: int | None = None, node_name: str = _UNKNOWN) -> DeserializationError:
    should = "and they end in the header" if wanted is None else f"and should be {wanted}"
    return DeserializationError(
        node_name,
        f"these are {size} bytes, {should}: they were cut off or added to on their way",
        "Hand over all bytes that serialize_node_for_ipc returned, and no others.",
    )
