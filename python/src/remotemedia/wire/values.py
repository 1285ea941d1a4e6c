"""The value codec: what may cross to another process, and as which bytes (``schema/wire.md``, Values).

``wire.reading`` is the other direction.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec.msgpack import Encoder, Ext

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.data import MEDIA_TYPES
from remotemedia.wire.media import media_fields
from remotemedia.wire.tensors import tensor_fields

if TYPE_CHECKING:
    from remotemedia.wire.slices import SliceWriter

    Slices = SliceWriter | None

BIGINT, FLOAT, COMPLEX, TUPLE, SET, MAP, TENSOR, MEDIA, PICKLE, FROZENSET, BYTEARRAY = range(0x51, 0x5C)
SLICE, PICKLE_BUFFERS, SEALED = 0x5C, 0x5D, 0x5E

PLAIN: frozenset[type] = frozenset({int, float, str, bool, bytes, type(None)})
"""Types that msgspec writes as the wire wants them, without a look inside."""

SMALL: frozenset[type] = PLAIN - {bytes}
"""As ``PLAIN``, where bytes may go through shared memory."""

_STR: frozenset[type] = frozenset({str})
_NUMBERS: frozenset[type] = frozenset({int, float, bool, type(None)})
NUMBER_BYTES = 9
"""How many bytes a number takes at most."""
_SEQUENCES: dict[type, int] = {list: 0, tuple: TUPLE, set: SET, frozenset: FROZENSET}
_MAX_DEPTH = 500
_PROTO = "__proto__"
"""A key that JavaScript objects treat specially: a dict with it goes as a MAP."""
_TOO_DEEP = f"the value is cyclic or nested deeper than {_MAX_DEPTH} levels"
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1


class MapDict(dict[Any, Any]):
    """A dict that was a ``Map`` in TypeScript, and goes back as one."""


def lower(value: Any, slices: Slices = None) -> Any:
    """Turn a value into one that msgspec writes as the wire wants it; plain ones are given back untouched.

    Args:
        value: what is to be written.
        slices: puts bulk bytes into shared memory; without it they go inline.

    Raises:
        ValueTransferError: something in it cannot cross; ``path`` says where.
    """
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    plain = PLAIN if slices is None else SMALL
    if kind in plain:
        return value
    if kind is dict:
        if (
            _STR.issuperset(map(type, value))
            and plain.issuperset(map(type, value.values()))
            and _PROTO not in value
        ):
            return value
    elif kind is list and plain.issuperset(map(type, value)):
        return value
    return _lower_whole(value, False, slices)


def encode(value: Any) -> bytes:
    """Encode one value.

    Raises:
        ValueTransferError: something in it cannot cross.
    """
    return encode_lowered(lower(value), value)


def encode_lowered(lowered: Any, original: Any) -> bytes:
    """Encode what ``lower`` gave; integers beyond 64 bits and bad strings are found only here."""
    try:
        return _encoder.encode(lowered)
    except (OverflowError, UnicodeEncodeError):
        return _encoder.encode(_lower_whole(original, True))


def encode_items_into(items: list[Any], buffer: bytearray, offset: int) -> None:
    """Encode items that ``lower`` has prepared as one array into ``buffer`` from ``offset`` on.

    Raises:
        ValueTransferError: a string cannot be written as UTF-8.
    """
    try:
        _encoder.encode_into(items, buffer, offset)
    except (OverflowError, UnicodeEncodeError):
        _encoder.encode_into([_lower_whole(item, True) for item in items], buffer, offset)


def weigh(lowered: Any, original: Any) -> int:
    """About how many bytes something that ``lower`` gave will take, and whether its strings can be written.

    Raises:
        ValueTransferError: a string cannot be written as UTF-8.
    """
    try:
        return weigh_lowered(lowered)
    except UnicodeEncodeError:
        _lower_whole(original, True)
        raise


def weigh_lowered(value: Any) -> int:
    """As ``weigh``; a string that cannot be written is a ``UnicodeEncodeError``."""
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is list:
        if _NUMBERS.issuperset(map(type, value)):
            return NUMBER_BYTES * (1 + len(value))
        return NUMBER_BYTES + _weigh_all(value)
    if kind is dict:
        return NUMBER_BYTES + _weigh_all(value) + _weigh_all(value.values())
    return _weigh_all((value,))


def _weigh_all(values: Iterable[Any]) -> int:
    total = 0
    for value in values:
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
        if kind is str:
            total += len(value if value.isascii() else value.encode())
        elif kind is bytes:
            total += len(value)
        elif kind is list or kind is dict:
            total += weigh_lowered(value)
        elif kind is Ext:
            total += len(value.data)
        total += NUMBER_BYTES
    return total


def _lower_whole(value: Any, is_strict: bool, slices: Slices = None) -> Any:
    try:
        return _lower(value, "", 0, is_strict, slices)
    except RecursionError as error:
        raise ValueTransferError(_TOO_DEEP) from error


def _lower(value: Any, path: str, depth: int, is_strict: bool, slices: Slices) -> Any:
    """Lower one value. Lists and dicts are done in this very frame, so that 500 levels fit Python's stack."""
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    plain = PLAIN if slices is None else SMALL
    if kind in plain:
        return _strict_scalar(value, path) if is_strict else value
    if depth > _MAX_DEPTH:
        raise ValueTransferError(_TOO_DEEP, path[:60] + "…")
    if kind in _SEQUENCES:
        ext = _SEQUENCES[kind]
        is_strict = is_strict or ext != 0
        sequence: list[Any] = []
        for index, entry in enumerate(value):
            if type(entry) in plain and not is_strict:
                sequence.append(entry)
            else:
                sequence.append(_lower(entry, f"{path}[{index}]", depth + 1, is_strict, slices))
        return Ext(ext, _encoder.encode(sequence)) if ext else sequence
    if kind is dict and _STR.issuperset(map(type, value)) and _PROTO not in value:
        lowered: dict[str, Any] = {}
        for key, entry in value.items():
            if type(entry) in plain and not is_strict:
                lowered[key] = entry
            else:
                lowered[_strict_scalar(key, path)] = _lower(
                    entry, _member(path, key), depth + 1, is_strict, slices
                )
        return lowered
    lower_one = _LOWER.get(kind) or _lowering_of(value)
    if lower_one is None:
        raise ValueTransferError(_refusal(value), path)
    return lower_one(value, path, depth + 1, is_strict, slices)


def _strict_scalar(value: Any, path: str) -> Any:
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        size = (value if value >= 0 else ~value).bit_length() // 8 + 1
        return Ext(BIGINT, value.to_bytes(size, "big", signed=True))
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueTransferError(
                "a string has a lone surrogate, which UTF-8 cannot hold", path
            ) from error
    return value


def _lower_dict(value: dict[Any, Any], path: str, depth: int, is_strict: bool, slices: Slices) -> Any:
    if _STR.issuperset(map(type, value)) and _PROTO not in value:
        return _lower(dict(value), path, depth - 1, is_strict, slices)
    return _lower_map(value, path, depth, is_strict, slices)


def _lower_map(value: dict[Any, Any], path: str, depth: int, is_strict: bool, slices: Slices) -> Ext:
    flat: list[Any] = []
    for key, entry in value.items():
        flat.append(_lower(key, f"{path} key {key!r:.40}", depth, True, slices))
        flat.append(_lower(entry, f"{path}[{key!r:.40}]", depth, True, slices))
    return Ext(MAP, _encoder.encode(flat))


def _lower_complex(value: complex, path: str, depth: int, is_strict: bool, slices: Slices) -> Ext:
    return Ext(COMPLEX, pack_complex(value))


def pack_complex(value: complex) -> bytes:
    """The content of a COMPLEX."""
    return _PAIR.pack(value.real, value.imag)


def _lower_datetime(value: datetime, path: str, depth: int, is_strict: bool, slices: Slices) -> datetime:
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueTransferError(
            "a datetime without a time zone cannot cross; give one, such as timezone.utc", path
        )
    return value


def _lower_extension(value: Ext, path: str, depth: int, is_strict: bool, slices: Slices) -> Ext:
    """What has been lowered already: one item of many turned out to need a second, strict look."""
    return value


def _lower_bytes(value: bytes, path: str, depth: int, is_strict: bool, slices: Slices) -> Any:
    return (slices and slices.place_bytes(value)) or value


def _lower_view(value: memoryview, path: str, depth: int, is_strict: bool, slices: Slices) -> Any:
    flat = value.cast("B") if value.c_contiguous else value.tobytes()
    return (slices and slices.place_bytes(flat)) or bytes(flat)


def _lower_byte_array(value: bytearray, path: str, depth: int, is_strict: bool, slices: Slices) -> Ext:
    # A copy: what it is made of may change before it is sent.
    return Ext(BYTEARRAY, bytes(value))


def _lower_media(value: Any, path: str, depth: int, is_strict: bool, slices: Slices) -> Ext:
    def lower_part(entry: Any, name: str) -> Any:
        return _lower(entry, f"{path}.{name}", depth + 1, True, slices)

    return Ext(MEDIA, _encoder.encode(media_fields(value, path, lower_part, slices)))


def _lower_tensor(value: Any, path: str, depth: int, is_strict: bool, slices: Slices) -> Ext:
    return Ext(TENSOR, _encoder.encode(tensor_fields(value, path, slices)))


def _lower_numpy_scalar(value: Any, path: str, depth: int, is_strict: bool, slices: Slices) -> Any:
    return _lower(value.item(), path, depth, is_strict, slices)


def _lower_as(base: Callable[[Any], Any]) -> Lowering:
    """For a subclass of a plain type: the plain value goes."""

    def lower_one(value: Any, path: str, depth: int, is_strict: bool, slices: Slices) -> Any:
        return _lower(base(value), path, depth, is_strict, slices)

    return lower_one


Lowering = Callable[[Any, str, int, bool, "Slices"], Any]

_LOWER: dict[type, Lowering] = {
    bytes: _lower_bytes,
    dict: _lower_dict,
    MapDict: _lower_map,
    complex: _lower_complex,
    datetime: _lower_datetime,
    bytearray: _lower_byte_array,
    Ext: _lower_extension,
    memoryview: _lower_view,
    **dict.fromkeys(MEDIA_TYPES, _lower_media),
}

_BASES: tuple[tuple[type | tuple[type, ...], Lowering], ...] = (
    (int, _lower_as(int)),
    (float, _lower_as(float)),
    (str, _lower_as(str.__str__)),
    (bytes, _lower_as(bytes)),
    (MapDict, _lower_map),
    (dict, _lower_dict),
    (list, _lower_as(list)),
    (tuple, _lower_as(tuple)),
    (datetime, _lower_datetime),
    (MEDIA_TYPES, _lower_media),
)


def _lowering_of(value: Any) -> Lowering | None:
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _lower_tensor
        if isinstance(value, (numpy.number, numpy.bool_, numpy.str_, numpy.bytes_)):
            return None if isinstance(value.item(), numpy.generic) else _lower_numpy_scalar
    if isinstance(value, Enum):
        return None
    return next((lowering for base, lowering in _BASES if isinstance(value, base)), None)


def _refusal(value: Any) -> str:
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, Enum):
        return f"an enum member of {name} cannot cross; give its .value"
    if callable(value):
        return f"a function or callable ({name}) cannot cross; give plain values"
    return f"an instance of {name} cannot cross; give plain values, arrays or the classes of remotemedia.data"


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r:.40}]"


def _refuse_unknown(value: Any) -> Any:
    raise ValueTransferError(_refusal(value))


_PAIR = struct.Struct("<dd")
_encoder = Encoder(enc_hook=_refuse_unknown)
