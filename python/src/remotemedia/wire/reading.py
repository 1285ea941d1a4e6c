"""Values from bytes (``schema/wire.md``, Values); ``wire.values`` is the other direction."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec.msgpack import Decoder, Ext

from remotemedia.core.exceptions import ProtocolError
from remotemedia.wire.media import fields_type, has_numpy, media_from
from remotemedia.wire.tensors import tensor_from
from remotemedia.wire.values import (
    BIGINT,
    BYTEARRAY,
    COMPLEX,
    FLOAT,
    FROZENSET,
    MAP,
    MEDIA,
    SET,
    SLICE,
    TENSOR,
    TUPLE,
    MapDict,
)

if TYPE_CHECKING:
    from remotemedia.wire.slices import SliceReader

_NOT_OURS = (msgspec.DecodeError, ValueError, TypeError, KeyError, struct.error)
_PAIR = struct.Struct("<dd")
_FLOAT = struct.Struct("<d")


class UndecodableError(ProtocolError):
    """Bytes that are no value of the wire."""


class ValueReader:
    """Reads values of one origin.

    Attributes:
        slices: finds the bytes of slices; None where there is no shared memory.
    """

    def __init__(self, is_exact: bool = False, slices: SliceReader | None = None) -> None:
        """Prepare.

        Args:
            is_exact: whether a Python process has written them: what is no ``Map`` of TypeScript is a dict
                then, and what stands in a set has a hash.
            slices: finds the bytes of slices.
        """
        self.slices = slices
        self._any: Decoder[Any] = Decoder(ext_hook=self.value_of)
        self._list: Decoder[list[Any]] = Decoder(list[Any], ext_hook=self.value_of)
        self._media: dict[str, Decoder[msgspec.Struct]] = {}
        self._is_exact = is_exact
        self._hashable = _as_it_is if is_exact else _hashable
        self._make_map: Callable[[Any], Any] = dict if is_exact else MapDict

    def decode(self, data: bytes | bytearray | memoryview) -> Any:
        """Decode one value.

        Raises:
            UndecodableError: the bytes are not exactly one value of the wire.
        """
        return decode_with(self._any.decode, data)

    def decode_items(self, data: bytes | bytearray | memoryview) -> list[Any]:
        """Decode an array of values.

        Raises:
            UndecodableError: the bytes are not exactly one array of values.
        """
        return decode_with(self._list.decode, data)

    def value_of(self, code: int, data: memoryview) -> Any:
        """The value of an extension.

        Raises:
            ValueError: there is no such extension, or its bytes are wrong.
        """
        if code == TENSOR:
            return self._tensor(data)
        if code == TUPLE:
            return tuple(self._list.decode(data))
        if code == MAP:
            flat = self._list.decode(data)
            if len(flat) % 2:
                raise ValueError("a MAP has a key without a value")
            return self._make_map(zip(map(self._hashable, flat[::2]), flat[1::2], strict=True))
        if code == SET:
            return set(map(self._hashable, self._list.decode(data)))
        if code == FROZENSET:
            return frozenset(map(self._hashable, self._list.decode(data)))
        if code == MEDIA:
            return self._media_value(data)
        return self._leaf(code, data)

    def _leaf(self, code: int, data: memoryview) -> Any:
        if code == BYTEARRAY:
            return bytearray(data)
        if code == COMPLEX:
            return complex(*_PAIR.unpack(data))
        if code == FLOAT:
            return _FLOAT.unpack(data)[0]
        if code == BIGINT:
            if not data:
                raise ValueError("a BIGINT is empty")
            return int.from_bytes(data, "big", signed=True)
        if code == SLICE and self.slices is not None:
            return self.slices.copy(data)
        raise ValueError(f"there is no extension type {code}")

    def _tensor(self, data: memoryview) -> Any:
        name, shape, content, was_bare = _tensor_decoder.decode(data)
        data = self._lend(content) if isinstance(content, Ext) else content
        return tensor_from(name, shape, data, was_bare)

    def _media_value(self, data: memoryview) -> Any:
        kind, raw = _media_decoder.decode(data)
        decoder = self._media.get(kind)
        if decoder is None:
            decoder = self._media[kind] = Decoder(fields_type(kind), ext_hook=self.value_of)
        return media_from(kind, decoder.decode(raw), self._bulk)

    def _bulk(self, content: memoryview | Ext, kind: str) -> Any:
        """The bytes of a media value; in place, where they may be an array."""
        is_bytes = kind == "binary" or (kind == "video" and (self._is_exact or not has_numpy()))
        if not isinstance(content, Ext):
            return bytes(content) if is_bytes else content
        if content.code == TENSOR and self._is_exact and kind != "binary":
            return self._tensor(memoryview(content.data))
        if is_bytes:
            return self._leaf(content.code, memoryview(content.data))
        return self._lend(content).view(sys.modules["numpy"].ndarray)

    def _lend(self, content: Ext) -> Any:
        if content.code != SLICE or self.slices is None:
            raise ValueError(f"extension type {content.code} stands where bytes should be")
        return self.slices.lend(content.data)


def decode_with(decode_bytes: Callable[[Any], Any], data: Any) -> Any:
    """Decode with a decoder of the caller's.

    Raises:
        UndecodableError: it refuses the bytes.
    """
    try:
        return decode_bytes(data)
    except (*_NOT_OURS, RecursionError) as error:
        raise UndecodableError(f"bytes are no value of the wire: {error}") from error


def _as_it_is(value: Any) -> Any:
    return value


def _hashable(value: Any) -> Any:
    """What stands in a set or as a key for a value that has no hash: a tuple for a list, frozen sets."""
    if isinstance(value, list):
        return tuple(_hashable(entry) for entry in cast("list[Any]", value))
    return frozenset(cast("set[Any]", value)) if isinstance(value, set) else value


_tensor_decoder: Decoder[tuple[str, list[int], memoryview | Ext, bool]] = Decoder(
    tuple[str, list[int], memoryview | Ext, bool]
)
_media_decoder: Decoder[tuple[str, msgspec.Raw]] = Decoder(tuple[str, msgspec.Raw])
_reader = ValueReader()
decode = _reader.decode
decode_items = _reader.decode_items
