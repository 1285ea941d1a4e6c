"""Media kinds: typed values that may flow through a pipeline besides plain ones.

Times are microseconds, rates are Hz. Numpy arrays are tensors by themselves and need no class here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

AudioFormat = Literal["f32-planar", "f32", "s16"]


@dataclass(slots=True, eq=False)
class AudioFrame:
    """A stretch of audio.

    Attributes:
        samples: ``[channels, frames]``; float32 in -1…1, or int16. One dimension means one channel.
        sample_rate: frames per second, in Hz.
        timestamp_us: time of the first frame, in microseconds.
        metadata: whatever the producer adds.
        format: how it is laid out when it crosses to another process; by default ``f32-planar``, and ``s16``
            (interleaved) for int16 samples.
    """

    samples: npt.NDArray[Any]
    sample_rate: int
    timestamp_us: int | None = None
    metadata: dict[str, Any] | None = None
    format: AudioFormat | None = None

    @property
    def number_of_channels(self) -> int:
        """How many channels the samples have."""
        return 1 if self.samples.ndim == 1 else int(self.samples.shape[0])

    @property
    def number_of_frames(self) -> int:
        """How many frames (samples per channel) there are."""
        return int(self.samples.shape[-1])

    @property
    def duration_us(self) -> int:
        """How long the audio is, in microseconds."""
        return round(self.number_of_frames * 1_000_000 / self.sample_rate)


@dataclass(slots=True, eq=False)
class VideoFrame:
    """One picture.

    Attributes:
        data: the pixels, as ``format`` lays them out. From a TypeScript node they come as an array of one
            dimension, which may lie in shared memory (as ``bytes`` where there is no numpy).
        format: a WebCodecs pixel format, such as ``I420`` or ``RGBA``.
        coded_width: width in pixels.
        coded_height: height in pixels.
        timestamp_us: presentation time, in microseconds.
        metadata: whatever the producer adds.
    """

    data: bytes | npt.NDArray[np.uint8]
    format: str
    coded_width: int
    coded_height: int
    timestamp_us: int | None = None
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class Text:
    """A text with what is known of it; a plain ``str`` flows as well."""

    text: str
    language: str | None = None
    timestamp_us: int | None = None
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class Json:
    """A plain value with a time."""

    value: Any
    timestamp_us: int | None = None
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class Binary:
    """Bytes with a media type; plain ``bytes`` flow as well."""

    data: bytes
    mime_type: str | None = None
    timestamp_us: int | None = None
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class Control:
    """A message between nodes, such as ``barge-in``.

    Attributes:
        type: what it says.
        payload: what belongs to it.
        timestamp_us: when, in microseconds.
    """

    type: str
    payload: Any = None
    timestamp_us: int | None = None


MEDIA_TYPES = (AudioFrame, VideoFrame, Text, Json, Binary, Control)
