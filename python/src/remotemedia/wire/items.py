"""Items on their way: what a channel writes and reads, which depends on the language at its other end.

To TypeScript, an item goes as the values of ``wire.values``. Between two Python processes every type arrives
as it was: an item that MessagePack carries without a loss goes by it, any other goes whole, as one PICKLE.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec.msgpack import Decoder, Encoder, Ext

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.core.pickling.objects import ObjectReader, ObjectWriter
from remotemedia.data import MEDIA_TYPES, AudioFrame, Binary, VideoFrame
from remotemedia.wire.media import media_fields, media_from
from remotemedia.wire.tensors import is_exact_tensor, tensor_fields
from remotemedia.wire.values import (
    BYTEARRAY,
    COMPLEX,
    FROZENSET,
    MAP,
    MEDIA,
    PICKLE,
    PLAIN,
    SET,
    TENSOR,
    TUPLE,
    decode_items,
    decode_with,
    lower,
    pack_complex,
    raise_ext,
    weigh,
    weigh_lowered,
)

_MAX_DEPTH = 500
_STR: frozenset[type] = frozenset({str})
_KEY_TYPES: frozenset[type] = PLAIN | {tuple, frozenset, complex}
_SEQUENCES: dict[type, int] = {tuple: TUPLE, set: SET, frozenset: FROZENSET}


class ItemCodec(Protocol):
    """What one channel's items become, and are made from."""

    def lower(self, item: Any) -> tuple[Any, int]:
        """What the frame's encoder takes for an item, and about how many bytes it will be.

        Raises:
            ValueTransferError: something in it cannot cross; ``path`` says where.
        """
        ...

    def decode(self, payload: bytes | memoryview) -> list[Any]:
        """The items of a frame.

        Raises:
            UndecodableError: these bytes are no items.
            ValueTransferError: an item cannot be made here.
        """
        ...


class ForeignItems:
    """Items from and to another language."""

    def lower(self, item: Any) -> tuple[Any, int]:
        """As ``ItemCodec``."""
        lowered = lower(item)
        return lowered, weigh(lowered, item)

    def decode(self, payload: bytes | memoryview) -> list[Any]:
        """As ``ItemCodec``."""
        return decode_items(payload)


class PythonItems:
    """Items from and to another Python process."""

    def __init__(self) -> None:
        """For one channel: the classes that went by value are not sent twice."""
        self._writer = ObjectWriter()
        self._reader = ObjectReader()
        self._decoder: Decoder[list[Any]] = Decoder(list[Any], ext_hook=self._raise_ext)

    def lower(self, item: Any) -> tuple[Any, int]:
        """As ``ItemCodec``."""
        try:
            lowered = _exact(item)
            return lowered, weigh_lowered(lowered)
        except (_InexactError, RecursionError, UnicodeEncodeError, OverflowError):
            # Not in here, where pickle's own error would have this one as its context.
            pass
        pickled = self._pickle(item)
        return Ext(PICKLE, pickled), len(pickled)

    def decode(self, payload: bytes | memoryview) -> list[Any]:
        """As ``ItemCodec``."""
        try:
            return decode_with(self._decoder.decode, payload)
        except _LoadError as error:
            problem = error.problem
            raise ValueTransferError(
                f"an item could not be made in this process: {type(problem).__name__}: {problem}. Both "
                "processes need the same modules; see __setstate__() and __init__() of its classes"
            ) from problem

    def _pickle(self, item: Any) -> bytes:
        try:
            return self._writer.write(item)
        except Exception as error:
            # Its import takes time, and only bad news needs it.
            from remotemedia.core.pickling.diagnosis import item_refusal

            raise item_refusal(item, error) from error

    def _raise_ext(self, code: int, data: memoryview) -> Any:
        if code != PICKLE:
            return _raise_exact(code, data)
        try:
            return self._reader.read(data)
        except Exception as error:
            # A ValueError would count as bytes that are no item.
            raise _LoadError(error) from error


class _InexactError(Exception):
    """MessagePack would not carry this as it is."""


class _LoadError(Exception):
    """A pickle of an item failed to load."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem


def _exact(item: Any) -> Any:
    """Lower an item that arrives as it is; plain ones are given back untouched.

    Raises:
        _InexactError: it would not.
    """
    kind: type[Any] = type(item)  # pyright: ignore[reportUnknownVariableType]
    if kind in PLAIN:
        return item
    if kind is dict:
        if _STR.issuperset(map(type, item)) and PLAIN.issuperset(map(type, item.values())):
            return item
    elif kind is list and PLAIN.issuperset(map(type, item)):
        return item
    return _copy(item, 0)


def _copy(value: Any, depth: int) -> Any:
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind in PLAIN:
        return value
    if depth > _MAX_DEPTH:
        raise _InexactError
    if kind is dict and _STR.issuperset(map(type, value)):
        members = value.copy()
        for key, entry in value.items():
            if type(entry) not in PLAIN:
                members[key] = _copy(entry, depth + 1)
        return members
    if kind is list or kind in _SEQUENCES:
        entries = list(value)
        for index, entry in enumerate(entries):
            if type(entry) not in PLAIN:
                entries[index] = _copy(entry, depth + 1)
        return entries if kind is list else Ext(_SEQUENCES[kind], _encoder.encode(entries))
    copy_one = _COPY.get(kind)
    if copy_one is not None:
        return copy_one(value, depth)
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray and is_exact_tensor(value):
        return Ext(TENSOR, _encoder.encode(tensor_fields(value, "")))
    raise _InexactError


def _copy_map(value: dict[Any, Any], depth: int) -> Ext:
    flat: list[Any] = []
    for key, entry in value.items():
        if type(key) not in _KEY_TYPES:
            raise _InexactError
        flat.append(_copy(key, depth + 1))
        flat.append(_copy(entry, depth + 1))
    return Ext(MAP, _encoder.encode(flat))


def _copy_complex(value: complex, depth: int) -> Ext:
    return Ext(COMPLEX, pack_complex(value))


def _copy_datetime(value: datetime, depth: int) -> datetime:
    if value.tzinfo is UTC and not value.fold:
        return value
    raise _InexactError


def _copy_byte_array(value: bytearray, depth: int) -> Ext:
    return Ext(BYTEARRAY, bytes(value))


def _copy_view(value: memoryview, depth: int) -> bytes:
    """Pickle has none of them: the one type that arrives as another."""
    return value.tobytes()


def _copy_media(value: Any, depth: int) -> Ext:
    if not _is_exact_media(value):
        raise _InexactError
    try:
        kind, fields = media_fields(value, "")
    except ValueTransferError as error:
        raise _InexactError from error
    return Ext(MEDIA, _encoder.encode([kind, _copy(fields, depth + 1)]))


def _is_exact_media(value: Any) -> bool:
    """Whether the fields are of the types that a reader makes them of."""
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is AudioFrame:
        samples = value.samples
        is_array = type(samples) is sys.modules["numpy"].ndarray and is_exact_tensor(samples)
        has_layout = value.format is not None and type(value.sample_rate) is int
        return is_array and has_layout and samples.ndim == 2 and samples.dtype.char in "fh"
    if kind is VideoFrame:
        is_plain = type(value.coded_width) is int and type(value.coded_height) is int
        return is_plain and type(value.data) is bytes
    return kind is not Binary or type(value.data) is bytes


_COPY: dict[type, Callable[[Any, int], Any]] = {
    complex: _copy_complex,
    dict: _copy_map,
    datetime: _copy_datetime,
    bytearray: _copy_byte_array,
    memoryview: _copy_view,
    **dict.fromkeys(MEDIA_TYPES, _copy_media),
}


def _raise_exact(code: int, data: memoryview) -> Any:
    """What is no ``Map`` of TypeScript is a dict."""
    if code == TUPLE:
        return tuple(_nested_decoder.decode(data))
    if code == MAP:
        flat = _nested_decoder.decode(data)
        return dict(zip(flat[::2], flat[1::2], strict=True))
    if code == SET:
        return set(_nested_decoder.decode(data))
    if code == FROZENSET:
        return frozenset(_nested_decoder.decode(data))
    if code == MEDIA:
        kind, fields = _media_decoder.decode(data)
        return media_from(kind, fields)
    return raise_ext(code, data)


_encoder = Encoder()
_nested_decoder: Decoder[list[Any]] = Decoder(list[Any], ext_hook=_raise_exact)
_media_decoder: Decoder[tuple[str, dict[str, Any]]] = Decoder(
    tuple[str, dict[str, Any]], ext_hook=_raise_exact
)
