"""What MessagePack carries to another Python process without a loss."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec.msgpack import Encoder, Ext

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.data import MEDIA_TYPES, AudioFrame, Binary, VideoFrame
from remotemedia.wire.media import media_fields
from remotemedia.wire.tensors import is_exact_tensor, tensor_fields
from remotemedia.wire.values import (
    BYTEARRAY,
    COMPLEX,
    FROZENSET,
    MAP,
    MEDIA,
    PLAIN,
    SET,
    SMALL,
    TENSOR,
    TUPLE,
    pack_complex,
)

if TYPE_CHECKING:
    from remotemedia.wire.slices import SliceWriter

    Slices = SliceWriter | None

_MAX_DEPTH = 500
_STR: frozenset[type] = frozenset({str})
_KEY_TYPES: frozenset[type] = PLAIN | {tuple, frozenset, complex}
_SEQUENCES: dict[type, int] = {tuple: TUPLE, set: SET, frozenset: FROZENSET}


class InexactError(Exception):
    """MessagePack would not carry this as it is."""


def lower_exactly(item: Any, slices: Slices) -> Any:
    """Lower an item that arrives as it is; plain ones are given back untouched.

    Raises:
        InexactError: it would not.
    """
    kind: type[Any] = type(item)  # pyright: ignore[reportUnknownVariableType]
    plain = PLAIN if slices is None else SMALL
    if kind in plain:
        return item
    if kind is dict:
        if _STR.issuperset(map(type, item)) and plain.issuperset(map(type, item.values())):
            return item
    elif kind is list and plain.issuperset(map(type, item)):
        return item
    return _copy(item, 0, slices)


def _copy(value: Any, depth: int, slices: Slices) -> Any:
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    plain = PLAIN if slices is None else SMALL
    if kind in plain:
        return value
    if depth > _MAX_DEPTH:
        raise InexactError
    if kind is dict and _STR.issuperset(map(type, value)):
        members = value.copy()
        for key, entry in value.items():
            if type(entry) not in plain:
                members[key] = _copy(entry, depth + 1, slices)
        return members
    if kind is list or kind in _SEQUENCES:
        entries = list(value)
        for index, entry in enumerate(entries):
            if type(entry) not in plain:
                entries[index] = _copy(entry, depth + 1, slices)
        return entries if kind is list else Ext(_SEQUENCES[kind], _encoder.encode(entries))
    copy_one = _COPY.get(kind)
    if copy_one is not None:
        return copy_one(value, depth, slices)
    if _is_exact_array(value):
        return Ext(TENSOR, _encoder.encode(tensor_fields(value, "", slices)))
    raise InexactError


def _copy_map(value: dict[Any, Any], depth: int, slices: Slices) -> Ext:
    flat: list[Any] = []
    for key, entry in value.items():
        if type(key) not in _KEY_TYPES:
            raise InexactError
        flat.append(_copy(key, depth + 1, slices))
        flat.append(_copy(entry, depth + 1, slices))
    return Ext(MAP, _encoder.encode(flat))


def _copy_complex(value: complex, depth: int, slices: Slices) -> Ext:
    return Ext(COMPLEX, pack_complex(value))


def _copy_datetime(value: datetime, depth: int, slices: Slices) -> datetime:
    if value.tzinfo is UTC and not value.fold:
        return value
    raise InexactError


def _copy_byte_array(value: bytearray, depth: int, slices: Slices) -> Ext:
    return Ext(BYTEARRAY, bytes(value))


def _copy_bytes(value: bytes, depth: int, slices: Slices) -> Any:
    return (slices and slices.place_bytes(value)) or value


def _copy_extension(value: Ext, depth: int, slices: Slices) -> Ext:
    """The bytes of a media value that lie in shared memory."""
    return value


def _copy_view(value: memoryview, depth: int, slices: Slices) -> Any:
    """Pickle has none of them: the one type that arrives as another."""
    flat = value.cast("B") if value.c_contiguous else value.tobytes()
    return (slices and slices.place_bytes(flat)) or bytes(flat)


def _copy_media(value: Any, depth: int, slices: Slices) -> Ext:
    if not _is_exact_media(value):
        raise InexactError

    def copy_part(entry: Any, _name: str) -> Any:
        return entry if type(entry) in SMALL else _copy(entry, depth + 1, slices)

    def copy_array(array: Any) -> Ext:
        return Ext(TENSOR, _encoder.encode(tensor_fields(array, "", slices)))

    try:
        return Ext(MEDIA, _encoder.encode(media_fields(value, "", copy_part, slices, copy_array)))
    except ValueTransferError as error:
        raise InexactError from error


def _is_exact_media(value: Any) -> bool:
    """Whether the fields are of the types that a reader makes them of."""
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is AudioFrame:
        has_format = value.format is None or type(value.format) is str
        return has_format and type(value.sample_rate) is int and _is_exact_array(value.samples)
    if kind is VideoFrame:
        is_plain = type(value.coded_width) is int and type(value.coded_height) is int
        return is_plain and (type(value.data) is bytes or _is_exact_array(value.data))
    return kind is not Binary or type(value.data) is bytes


def _is_exact_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and is_exact_tensor(value)


_COPY: dict[type, Callable[[Any, int, Slices], Any]] = {
    bytes: _copy_bytes,
    complex: _copy_complex,
    dict: _copy_map,
    datetime: _copy_datetime,
    bytearray: _copy_byte_array,
    memoryview: _copy_view,
    Ext: _copy_extension,
    **dict.fromkeys(MEDIA_TYPES, _copy_media),
}


_encoder = Encoder()
