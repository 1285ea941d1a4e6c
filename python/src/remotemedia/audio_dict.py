"""Audio as a plain dict, the form that JSON and existing RemoteMedia code know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from remotemedia.core.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["AudioDict", "audio_dict_to_numpy", "numpy_to_audio_dict"]


class AudioDict(TypedDict):
    """A stretch of audio.

    Attributes:
        type: ``"audio"``.
        samples: -1…1, the channels of a frame beside one another (interleaved).
        sample_rate: frames per second, in Hz.
        channels: how many channels there are.
    """

    type: str
    samples: list[float]
    sample_rate: int
    channels: int


def numpy_to_audio_dict(arr: npt.NDArray[np.floating[Any]], sample_rate: int, channels: int) -> AudioDict:
    """Write audio as a dict.

    Args:
        arr: ``[frames * channels]``, interleaved, or ``[frames, channels]``; float32 in -1…1; other floats
            are rounded to it.
        sample_rate: frames per second, in Hz.
        channels: how many channels there are, from 1.

    Returns:
        ``{"type": "audio", "samples": [...], "sample_rate": …, "channels": …}``; the samples are copies.

    Raises:
        InvalidArgumentError: the array does not hold floats, or its shape does not go with the channels.

    Example:
        >>> import numpy as np
        >>> numpy_to_audio_dict(np.zeros(2, np.float32), sample_rate=16000, channels=1)
        {'type': 'audio', 'samples': [0.0, 0.0], 'sample_rate': 16000, 'channels': 1}
    """
    import numpy as np

    array: npt.NDArray[Any] = np.asarray(arr)
    _check_positive("sample_rate", sample_rate)
    _check_positive("channels", channels)
    if array.dtype.kind != "f":
        raise InvalidArgumentError(
            f"arr must be an array of float32 in -1…1, got {array.dtype}. "
            "Convert int16 with arr.astype('float32') / 32768."
        )
    is_interleaved = array.ndim == 1 and array.size % channels == 0
    if not is_interleaved and not (array.ndim == 2 and array.shape[1] == channels):
        raise InvalidArgumentError(
            f"arr must be of shape (frames * {channels},) or (frames, {channels}) for {channels} channels, "
            f"got {array.shape}."
        )
    return {
        "type": "audio",
        "samples": array.astype(np.float32).ravel().tolist(),
        "sample_rate": int(sample_rate),
        "channels": int(channels),
    }


def audio_dict_to_numpy(audio_dict: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Read audio from a dict.

    Args:
        audio_dict: what ``numpy_to_audio_dict`` gives; ``samples`` may be an array as well.

    Returns:
        A new array, ``[frames]`` for one channel, else ``[frames, channels]``; float32.

    Raises:
        InvalidArgumentError: it is no dict, a field is missing, or the samples are no whole number of frames.

    Example:
        >>> audio_dict_to_numpy({"samples": [0.5, -0.5], "sample_rate": 16000, "channels": 2}).shape
        (1, 2)
    """
    import numpy as np

    fields: Any = audio_dict
    if not isinstance(fields, Mapping):
        raise InvalidArgumentError(f"audio_dict must be a dict, got {type(audio_dict).__name__}.")
    missing = [name for name in ("samples", "sample_rate", "channels") if name not in audio_dict]
    if missing:
        raise InvalidArgumentError(f"audio_dict lacks {', '.join(missing)}.")
    channels = audio_dict["channels"]
    _check_positive("channels", channels)
    try:
        samples = np.array(audio_dict["samples"], np.float32).ravel()
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"samples of audio_dict must be a list of numbers: {error}.") from error
    if samples.size % channels != 0:
        raise InvalidArgumentError(
            f"audio_dict has {samples.size} samples, which are no frames of {channels}."
        )
    return samples if channels == 1 else samples.reshape(-1, channels)


def _check_positive(name: str, value: Any) -> None:
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not is_whole or value < 1:
        raise InvalidArgumentError(f"{name} must be a whole number of at least 1, got {value!r}.")
