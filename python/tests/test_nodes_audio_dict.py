"""Audio as a dict and as an array."""

import json
from typing import Any

import numpy as np
import pytest

from remotemedia.audio_dict import audio_dict_to_numpy, numpy_to_audio_dict
from remotemedia.core.exceptions import InvalidArgumentError

# They are given what their types forbid as well.
to_dict: Any = numpy_to_audio_dict
to_numpy: Any = audio_dict_to_numpy


def test_one_channel_is_a_list_of_samples():
    audio = to_dict(np.array([0, 0.5, -1], np.float32), sample_rate=16000, channels=1)
    assert audio == {"type": "audio", "samples": [0.0, 0.5, -1.0], "sample_rate": 16000, "channels": 1}
    assert json.loads(json.dumps(audio)) == audio


@pytest.mark.parametrize("shape", [(6,), (3, 2)])
def test_two_channels_come_back_as_frames(shape):
    samples = np.linspace(-1, 1, 6, dtype=np.float32)
    back = to_numpy(to_dict(samples.reshape(shape), 44100, 2))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, samples.reshape(3, 2))


def test_one_channel_comes_back_with_one_dimension_and_other_floats_are_rounded():
    back = to_numpy(to_dict(np.array([[0.1], [0.2]]), np.int64(8000), 1))
    np.testing.assert_array_equal(back, np.array([0.1, 0.2], np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_dict(np.zeros(4, np.int16), 8000, 1), "got int16. Convert"),
        (lambda: to_dict(np.zeros(3), 8000, 2), r"for 2 channels, got \(3,\)"),
        (lambda: to_dict(np.zeros((2, 3)), 8000, 2), r"got \(2, 3\)"),
        (lambda: to_dict(np.zeros(2), 0, 1), "sample_rate must be a whole number"),
        (lambda: to_dict(np.zeros(2), 8000, 1.5), r"channels .* got 1\.5"),
        (lambda: to_numpy({"samples": [1]}), "lacks sample_rate, channels"),
        (lambda: to_numpy([1.0]), "must be a dict, got list"),
        (
            lambda: to_numpy({"samples": [1, 2, 3], "sample_rate": 1, "channels": 2}),
            "3 samples, which are no frames of 2",
        ),
        (
            lambda: to_numpy({"samples": ["x"], "sample_rate": 1, "channels": 1}),
            "must be a list of numbers",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(InvalidArgumentError, match=message):
        call()
