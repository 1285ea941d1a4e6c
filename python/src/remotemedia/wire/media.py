"""Media kinds on the wire: ``[kind, fields]``."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct
from msgspec.msgpack import Ext

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.data import AudioFrame, Binary, Control, Json, Text, VideoFrame
from remotemedia.wire.tensors import array_bytes

if TYPE_CHECKING:
    import numpy as np

    from remotemedia.wire.slices import SliceWriter

    Slices = SliceWriter | None

LowerPart = Callable[[Any, str], Any]
"""Lowers what a node has put into a field; it is given that and the field's name on the wire."""

_NO_BYTES = memoryview(b"")

ReadBulk = Callable[[memoryview | Ext, str], Any]
"""Finds what a ``data`` field stands for, of a value of that kind: bytes or an array.

It gives a memoryview where the bytes are in the frame and are to be copied.
"""


class AudioFields(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Of an ``AudioFrame``. Between Python processes ``data`` is a TENSOR, which has its own shape."""

    format: Any = None
    sample_rate: Any
    number_of_channels: int | None = None
    number_of_frames: int | None = None
    timestamp_us: Any = None
    data: memoryview | Ext
    metadata: Any = None


class VideoFields(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Of a ``VideoFrame``."""

    format: Any
    coded_width: Any
    coded_height: Any
    timestamp_us: Any = None
    data: memoryview | Ext
    metadata: Any = None


class TextFields(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Of a ``Text``."""

    text: Any
    language: Any = None
    timestamp_us: Any = None
    metadata: Any = None


class JsonFields(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Of a ``Json``."""

    value: Any
    timestamp_us: Any = None
    metadata: Any = None


class BinaryFields(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Of a ``Binary``."""

    data: memoryview | Ext
    mime_type: Any = None
    timestamp_us: Any = None
    metadata: Any = None


class ControlFields(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Of a ``Control``."""

    type: Any
    payload: Any = None
    timestamp_us: Any = None


def media_fields(
    value: Any,
    path: str,
    lower_part: LowerPart,
    slices: Slices = None,
    lower_array: Callable[[Any], Ext] | None = None,
) -> tuple[str, Struct]:
    """Take a media value apart into its kind and the fields of the wire.

    Args:
        value: the media value.
        path: where it stands in the item.
        lower_part: lowers what may be of any type, unless it is None.
        slices: puts bulk bytes into shared memory; without it they go inline.
        lower_array: lowers arrays as they are, for another Python process; without it their bytes go in the
            layout of the wire.

    Raises:
        ValueTransferError: its fields do not fit together.
    """
    kind = _BY_TYPE.get(value.__class__) or _kind_of(value)
    try:
        return kind.name, kind.take_apart(value, lower_part, slices, lower_array)
    except ValueTransferError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueTransferError(f"{kind.type.__name__} has wrong fields: {error}", path) from error


def fields_type(kind: str) -> type[Struct]:
    """What the fields of a kind are decoded to.

    Raises:
        KeyError: there is no such kind.
    """
    return _BY_NAME[kind].fields


def media_from(kind: str, fields: Any, read_bulk: ReadBulk) -> Any:
    """Build the media value of a kind.

    Raises:
        KeyError: there is no such kind.
        TypeError: a field is wrong.
        ValueError: fields do not fit together.
    """
    return _BY_NAME[kind].build(fields, read_bulk)


def _audio_fields(frame: AudioFrame, part: LowerPart, slices: Slices, lower_array: Any) -> Struct:
    timestamp, metadata = frame.timestamp_us, frame.metadata
    fields = AudioFields(
        sample_rate=frame.sample_rate,
        timestamp_us=None if timestamp is None else part(timestamp, "timestampUs"),
        data=_NO_BYTES,
        metadata=None if metadata is None else part(metadata, "metadata"),
    )
    samples = frame.samples
    if lower_array is not None:
        fields.format = frame.format
        fields.data = lower_array(samples)
        return fields
    if samples.ndim == 1:
        samples = samples.reshape(1, -1)
    elif samples.ndim != 2:
        raise ValueError(f"samples must be [channels, frames], not of shape {samples.shape}")
    is_int16 = samples.dtype.char == "h"
    layout = frame.format or ("s16" if is_int16 else "f32-planar")
    if is_int16 != (layout == "s16"):
        raise ValueError(f"samples are {samples.dtype.name}, but the format is {layout}")
    fields.format = layout
    fields.sample_rate = int(frame.sample_rate)
    fields.number_of_channels, fields.number_of_frames = samples.shape
    ordered = samples if layout == "f32-planar" else samples.T
    fields.data = array_bytes(ordered, _sample_type(is_int16), slices)
    return fields


def _audio_from(fields: AudioFields, read_bulk: ReadBulk) -> AudioFrame:
    numpy, layout = _numpy(), fields.format
    data: Any = read_bulk(fields.data, "audio")
    is_lent = isinstance(data, numpy.ndarray)
    if fields.number_of_frames is None and is_lent:
        samples = data
    else:
        samples = numpy.frombuffer(data, _sample_type(layout == "s16"))
        channels, frames = fields.number_of_channels, fields.number_of_frames
        if layout == "f32-planar":
            samples = samples.reshape(channels, frames)
        elif layout in ("f32", "s16"):
            samples = numpy.ascontiguousarray(samples.reshape(frames, channels).T)
        else:
            raise ValueError(f"there is no audio format {layout!r}")
        # What lies in shared memory is used in place.
        if not is_lent and not samples.flags.owndata:
            samples = samples.copy()
    return AudioFrame(samples, fields.sample_rate, fields.timestamp_us, fields.metadata, layout)


def _video_fields(frame: VideoFrame, part: LowerPart, slices: Slices, lower_array: Any) -> Struct:
    as_array = None if type(frame.data) is bytes else lower_array
    return VideoFields(
        format=part(frame.format, "format"),
        coded_width=int(frame.coded_width),
        coded_height=int(frame.coded_height),
        timestamp_us=None if frame.timestamp_us is None else part(frame.timestamp_us, "timestampUs"),
        data=_bytes_of(frame.data, slices) if as_array is None else as_array(frame.data),
        metadata=None if frame.metadata is None else part(frame.metadata, "metadata"),
    )


def _video_from(fields: VideoFields, read_bulk: ReadBulk) -> VideoFrame:
    data: Any = read_bulk(fields.data, "video")
    return VideoFrame(
        _pixels(data) if type(data) is memoryview else data,
        fields.format,
        fields.coded_width,
        fields.coded_height,
        fields.timestamp_us,
        fields.metadata,
    )


def _pixels(data: memoryview[int]) -> Any:
    """As in shared memory: an array that may be written to, where there is numpy."""
    if not has_numpy():
        return bytes(data)
    numpy = _numpy()
    return numpy.frombuffer(bytearray(data), numpy.uint8)


@functools.cache
def has_numpy() -> bool:
    """Whether bytes can be given as an array."""
    return importlib.util.find_spec("numpy") is not None


def _text_fields(text: Text, part: LowerPart, slices: Slices, lower_array: Any) -> Struct:
    return TextFields(
        text=part(text.text, "text"),
        language=None if text.language is None else part(text.language, "language"),
        timestamp_us=None if text.timestamp_us is None else part(text.timestamp_us, "timestampUs"),
        metadata=None if text.metadata is None else part(text.metadata, "metadata"),
    )


def _text_from(fields: TextFields, read_bulk: ReadBulk) -> Text:
    return Text(fields.text, fields.language, fields.timestamp_us, fields.metadata)


def _json_fields(json: Json, part: LowerPart, slices: Slices, lower_array: Any) -> Struct:
    return JsonFields(
        value=part(json.value, "value"),
        timestamp_us=None if json.timestamp_us is None else part(json.timestamp_us, "timestampUs"),
        metadata=None if json.metadata is None else part(json.metadata, "metadata"),
    )


def _json_from(fields: JsonFields, read_bulk: ReadBulk) -> Json:
    return Json(fields.value, fields.timestamp_us, fields.metadata)


def _binary_fields(binary: Binary, part: LowerPart, slices: Slices, lower_array: Any) -> Struct:
    return BinaryFields(
        data=_bytes_of(binary.data, slices),
        mime_type=None if binary.mime_type is None else part(binary.mime_type, "mimeType"),
        timestamp_us=None if binary.timestamp_us is None else part(binary.timestamp_us, "timestampUs"),
        metadata=None if binary.metadata is None else part(binary.metadata, "metadata"),
    )


def _binary_from(fields: BinaryFields, read_bulk: ReadBulk) -> Binary:
    data = bytes(read_bulk(fields.data, "binary"))
    return Binary(data, fields.mime_type, fields.timestamp_us, fields.metadata)


def _control_fields(control: Control, part: LowerPart, slices: Slices, lower_array: Any) -> Struct:
    return ControlFields(
        type=part(control.type, "type"),
        payload=None if control.payload is None else part(control.payload, "payload"),
        timestamp_us=None if control.timestamp_us is None else part(control.timestamp_us, "timestampUs"),
    )


def _control_from(fields: ControlFields, read_bulk: ReadBulk) -> Control:
    return Control(fields.type, fields.payload, fields.timestamp_us)


def _bytes_of(data: Any, slices: Slices) -> Any:
    placed = None
    if slices is not None:
        placed = slices.place_bytes(data) if isinstance(data, bytes) else _place_view(data, slices)
    return bytes(data) if placed is None else placed


def _place_view(data: Any, slices: SliceWriter) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(data, numpy.ndarray) and not data.dtype.hasobject:
        return slices.place_array(data, data.dtype)
    view = memoryview(data)
    return slices.place_bytes(view.cast("B")) if view.c_contiguous else None


@functools.cache
def _sample_type(is_int16: bool) -> np.dtype[Any]:
    return _numpy().dtype("<i2" if is_int16 else "<f4")


@functools.cache
def _numpy() -> Any:
    return importlib.import_module("numpy")


class _Kind(NamedTuple):
    name: str
    type: type
    fields: type[Struct]
    take_apart: Callable[[Any, LowerPart, Slices, Any], Struct]
    build: Callable[[Any, ReadBulk], Any]


_KINDS = (
    _Kind("audio", AudioFrame, AudioFields, _audio_fields, _audio_from),
    _Kind("video", VideoFrame, VideoFields, _video_fields, _video_from),
    _Kind("text", Text, TextFields, _text_fields, _text_from),
    _Kind("json", Json, JsonFields, _json_fields, _json_from),
    _Kind("binary", Binary, BinaryFields, _binary_fields, _binary_from),
    _Kind("control", Control, ControlFields, _control_fields, _control_from),
)
_BY_NAME = {kind.name: kind for kind in _KINDS}
_BY_TYPE: dict[type, _Kind] = {kind.type: kind for kind in _KINDS}


def _kind_of(value: Any) -> _Kind:
    """The kind of a value of a subclass."""
    return next(kind for kind in _KINDS if isinstance(value, kind.type))
