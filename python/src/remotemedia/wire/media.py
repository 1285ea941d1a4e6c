"""Media kinds on the wire: ``[kind, fields]``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.data import AudioFrame, Binary, Control, Json, Text, VideoFrame
from remotemedia.wire.tensors import array_bytes

if TYPE_CHECKING:
    from remotemedia.wire.slices import SliceWriter

    Slices = SliceWriter | None


def media_fields(value: Any, path: str, slices: Slices = None) -> tuple[str, dict[str, Any]]:
    """Take a media value apart into its kind and the fields of the wire; absent optional ones are left out.

    Bulk bytes are SLICEs where ``slices`` has shared memory for them.

    Raises:
        ValueTransferError: its fields do not fit together.
    """
    for kind, (media_type, take_apart, _build) in _KINDS.items():
        if isinstance(value, media_type):
            try:
                fields = take_apart(value, slices)
            except (AttributeError, TypeError, ValueError) as error:
                raise ValueTransferError(f"{media_type.__name__} has wrong fields: {error}", path) from error
            return kind, {
                name: entry for name, entry in fields.items() if entry is not None or name == "value"
            }
    raise ValueTransferError(f"{type(value).__name__} is no media kind", path)


def media_from(kind: str, fields: dict[str, Any]) -> Any:
    """Build the media value of a kind.

    Raises:
        KeyError: there is no such kind, or a field is missing.
    """
    return _KINDS[kind][2](fields)


def _audio_fields(frame: AudioFrame, slices: Slices) -> dict[str, Any]:
    samples = frame.samples.reshape(1, -1) if frame.samples.ndim == 1 else frame.samples
    if samples.ndim != 2:
        raise ValueError(f"samples must be [channels, frames], not of shape {samples.shape}")
    is_int16 = samples.dtype.name == "int16"
    layout = frame.format or ("s16" if is_int16 else "f32-planar")
    if is_int16 != (layout == "s16"):
        raise ValueError(f"samples are {samples.dtype.name}, but the format is {layout}")
    ordered = samples if layout == "f32-planar" else samples.T
    return {
        "format": layout,
        "sampleRate": int(frame.sample_rate),
        "numberOfChannels": int(samples.shape[0]),
        "numberOfFrames": int(samples.shape[1]),
        "timestampUs": frame.timestamp_us,
        "data": array_bytes(ordered, _numpy().dtype("<i2" if is_int16 else "<f4"), slices),
        "metadata": frame.metadata,
    }


def _audio_from(fields: dict[str, Any]) -> AudioFrame:
    numpy = _numpy()
    layout, data = fields["format"], fields["data"]
    channels, frames = fields["numberOfChannels"], fields["numberOfFrames"]
    samples = numpy.frombuffer(data, dtype="<i2" if layout == "s16" else "<f4")
    if layout == "f32-planar":
        samples = samples.reshape(channels, frames)
    else:
        samples = numpy.ascontiguousarray(samples.reshape(frames, channels).T)
    # What lies in shared memory is used in place.
    if not isinstance(data, numpy.ndarray) and not samples.flags.owndata:
        samples = samples.copy()
    return AudioFrame(
        samples, fields["sampleRate"], fields.get("timestampUs"), fields.get("metadata"), layout
    )


def _video_fields(frame: VideoFrame, slices: Slices) -> dict[str, Any]:
    return {
        "format": frame.format,
        "codedWidth": int(frame.coded_width),
        "codedHeight": int(frame.coded_height),
        "timestampUs": frame.timestamp_us,
        "data": _bytes_of(frame.data, slices),
        "metadata": frame.metadata,
    }


def _video_from(fields: dict[str, Any]) -> VideoFrame:
    return VideoFrame(
        fields["data"],
        fields["format"],
        fields["codedWidth"],
        fields["codedHeight"],
        fields.get("timestampUs"),
        fields.get("metadata"),
    )


def _text_fields(text: Text, slices: Slices) -> dict[str, Any]:
    return {
        "text": text.text,
        "language": text.language,
        "timestampUs": text.timestamp_us,
        "metadata": text.metadata,
    }


def _text_from(fields: dict[str, Any]) -> Text:
    return Text(fields["text"], fields.get("language"), fields.get("timestampUs"), fields.get("metadata"))


def _json_fields(json: Json, slices: Slices) -> dict[str, Any]:
    return {"value": json.value, "timestampUs": json.timestamp_us, "metadata": json.metadata}


def _json_from(fields: dict[str, Any]) -> Json:
    return Json(fields["value"], fields.get("timestampUs"), fields.get("metadata"))


def _binary_fields(binary: Binary, slices: Slices) -> dict[str, Any]:
    return {
        "data": _bytes_of(binary.data, slices),
        "mimeType": binary.mime_type,
        "timestampUs": binary.timestamp_us,
        "metadata": binary.metadata,
    }


def _binary_from(fields: dict[str, Any]) -> Binary:
    return Binary(fields["data"], fields.get("mimeType"), fields.get("timestampUs"), fields.get("metadata"))


def _control_fields(control: Control, slices: Slices) -> dict[str, Any]:
    return {"type": control.type, "payload": control.payload, "timestampUs": control.timestamp_us}


def _control_from(fields: dict[str, Any]) -> Control:
    return Control(fields["type"], fields.get("payload"), fields.get("timestampUs"))


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


def _numpy() -> Any:
    return importlib.import_module("numpy")


_KINDS: dict[str, tuple[type, Callable[[Any, Slices], dict[str, Any]], Callable[[dict[str, Any]], Any]]] = {
    "audio": (AudioFrame, _audio_fields, _audio_from),
    "video": (VideoFrame, _video_fields, _video_from),
    "text": (Text, _text_fields, _text_from),
    "json": (Json, _json_fields, _json_from),
    "binary": (Binary, _binary_fields, _binary_from),
    "control": (Control, _control_fields, _control_from),
}
