"""Bulk bytes cross in place: every dtype and layout, media, and buffers of pickles."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from item_nodes import Point
from remotemedia.data import AudioFrame, Binary, VideoFrame
from remotemedia.slabs.arena import LEAST_BYTES
from remotemedia.wire.tensors import is_bare, remember_bare
from slabs import MIB, RECORD, Line, assert_equal, filled, is_in_place

NATIVE = ["?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d", "F", "D"]
TIMES = ["M8[ns]", ">M8[s]", "m8[us]", "f4,>M8[ms],(2,)m8[D]"]
DTYPES = [*NATIVE, *TIMES, ">f8", ">i2", "S5", "U7", "V6", "f4,(2,2)i2", RECORD]


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_of_every_dtype_arrives_equal_and_in_place(line, dtype):
    array = filled(dtype)
    arrived = line.send(array)
    assert_equal(arrived, array)
    assert is_in_place(arrived)
    assert line.inline < 1000


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(filled("f8").reshape(2, -1)),
        filled("f8").reshape(4, 4, -1).transpose(1, 2, 0),
        filled("f8")[::2],
        filled("f8")[::-1],
        filled("i4").reshape(64, -1)[3:, 5:],
        filled("f4").reshape(8, -1)[None, :, None],
        np.broadcast_to(np.arange(300.0), (300, 300)),
    ],
    ids=["fortran", "transposed", "stepped", "reversed", "cut out", "new axes", "broadcast"],
)
def test_an_array_of_every_layout_arrives_equal(line, array):
    arrived = line.send(array)
    assert arrived.tobytes() == array.tobytes()
    assert arrived.flags.f_contiguous == array.flags.f_contiguous or not array.flags.forc
    assert arrived.flags.writeable
    assert line.inline < 1000


@pytest.mark.parametrize(
    "array",
    [np.array(2.5), np.zeros(0), np.zeros((0, 5), "i2"), np.zeros((3, 0, 2)), filled("B", LEAST_BYTES - 1)],
)
def test_what_is_small_or_empty_goes_inline(line, array):
    assert_equal(line.send(array), array)
    assert line.returned == []


@settings(deadline=None, max_examples=60)
@given(
    dtype=hnp.scalar_dtypes() | hnp.array_dtypes(hnp.scalar_dtypes(), max_size=3),
    shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=30, max_side=50),
    is_fortran=st.booleans(),
    seed=st.integers(0, 255),
)
def test_any_array_arrives_equal(dtype, shape, is_fortran, seed):
    size = int(np.prod(shape)) * dtype.itemsize
    array = (np.arange(size, dtype=np.uint32) + seed).astype(np.uint8)
    array = (array & 1 if _has_bool(dtype) else array).view(dtype).reshape(shape)
    if is_fortran:
        array = np.asfortranarray(array)
    arrived = Line().send(array)
    assert arrived.shape == shape
    assert arrived.dtype.newbyteorder("=") == dtype.newbyteorder("=")
    assert arrived.astype(dtype).tobytes() == array.tobytes()


def _has_bool(dtype):
    return "?" in np.dtype(dtype).str or (dtype.names and any(_has_bool(dtype[name]) for name in dtype.names))


@pytest.mark.parametrize("is_python", [True, False])
@pytest.mark.parametrize(
    "item",
    [
        bytes(range(256)) * 4096,
        [bytes(LEAST_BYTES), "a", {"b": bytes(LEAST_BYTES)}],
        (1, {bytes(LEAST_BYTES), b"small"}),
        {"nested": [{"deep": (bytes(LEAST_BYTES), 2)}], 5: bytes(LEAST_BYTES)},
        {"bytes": bytes(10), "array": b"x" * MIB},
    ],
    ids=["bytes", "list", "set", "map", "dict"],
)
def test_bytes_wherever_they_stand_arrive_equal_and_are_given_back_at_once(is_python, item):
    line = Line(is_python=is_python)
    assert line.send(item) == item
    assert line.inline < 1000
    assert len(line.returned) >= 2


def test_a_view_of_bytes_arrives_as_bytes(line):
    data = bytearray(b"ab" * MIB)
    assert line.send(memoryview(data)) == bytes(data)
    assert line.send([memoryview(data)[::2]]) == [b"a" * MIB]
    assert line.inline < 1000


@pytest.mark.parametrize("is_python", [True, False])
@pytest.mark.parametrize("layout", ["f32-planar", "f32", "s16"])
def test_audio_is_used_in_place_where_its_layout_is_that_of_the_wire(is_python, layout):
    line = Line(is_python=is_python)
    samples = filled("h" if layout == "s16" else "f").reshape(2, -1)
    arrived = line.send(AudioFrame(samples, 16_000, 5, {"more": bytes(LEAST_BYTES)}, layout))
    assert_equal(arrived.samples, samples)
    assert (arrived.sample_rate, arrived.format, arrived.metadata) == (
        16_000,
        layout,
        {"more": bytes(LEAST_BYTES)},
    )
    # Between Python processes the layout stays as it is.
    assert is_in_place(arrived.samples) is (is_python or layout == "f32-planar")
    assert arrived.samples.flags.writeable
    mono = AudioFrame(samples[:1], 16_000, format=layout)
    assert is_in_place(line.send(mono).samples)


PICTURES = [bytes(range(256)) * 1024, np.arange(MIB, dtype=np.uint8), bytearray(MIB)]


@pytest.mark.parametrize("data", PICTURES, ids=["bytes", "array", "bytearray"])
def test_pictures_from_another_language_are_lent_and_binaries_arrive_as_bytes(data):
    line = Line(is_python=False)
    frame = line.send(VideoFrame(data, "RGBA", 512, 512))
    assert type(frame.data) is np.ndarray
    assert frame.data.tobytes() == bytes(data)
    assert frame.data.flags.writeable
    assert is_in_place(frame.data)
    assert line.send(Binary(data)).data == bytes(data)
    assert line.inline < 1000


def test_a_short_picture_from_another_language_is_as_a_long_one():
    frame = Line(is_python=False).send(VideoFrame(b"\1\2\3\4", "RGBA", 1, 1))
    assert type(frame.data) is np.ndarray
    assert frame.data.tolist() == [1, 2, 3, 4]
    assert frame.data.flags.writeable


def test_pictures_and_binaries_of_bytes_stay_bytes_between_python_processes():
    line = Line()
    data = bytes(range(256)) * 1024
    assert line.send(VideoFrame(data, "RGBA", 512, 512)).data == data
    assert line.send(Binary(data)).data == data
    assert line.inline < 1000


def test_a_picture_that_is_an_array_is_lent_as_it_is_to_another_python_process():
    line = Line()
    pixels = np.arange(MIB, dtype=np.uint8).reshape(512, 512, 4)
    frame = line.send(VideoFrame(pixels, "RGBA", 512, 512))
    assert_equal(frame.data, pixels)
    assert is_in_place(frame.data)


@pytest.mark.parametrize(
    "samples", [filled("f"), filled("d").reshape(4, -1), filled("h").reshape(2, -1)], ids=str
)
def test_audio_of_no_format_goes_as_it_is_to_another_python_process(samples):
    line = Line()
    arrived = line.send(AudioFrame(samples, 16_000))
    assert arrived.format is None
    assert_equal(arrived.samples, samples)
    assert is_in_place(arrived.samples)


def test_a_typed_array_of_typescript_stays_one():
    line = Line(is_python=False)
    array = filled("f")
    remember_bare(array)
    arrived = line.send(array)
    assert is_bare(arrived)
    assert is_in_place(arrived)


@dataclasses.dataclass
class Five:
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    e: np.ndarray
    note: str = "five"


def test_a_dataclass_with_five_arrays_crosses_in_place(line):
    arrays = [
        filled("f"),
        np.asfortranarray(filled("d").reshape(4, -1)),
        filled(RECORD),
        filled(">i4"),
        filled("q")[::3],
    ]
    arrived = line.send(Five(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]))
    assert type(arrived) is Five
    for field, array in zip("abcde", arrays, strict=True):
        value = getattr(arrived, field)
        assert value.dtype == array.dtype
        assert value.tobytes() == array.tobytes()
        assert value.flags.writeable
    assert all(is_in_place(getattr(arrived, field)) for field in "abcd")
    # The one that is not in one piece is copied by numpy, into the pickle.
    assert line.inline < arrays[4].nbytes + 10_000


def test_buffers_that_may_not_be_written_to_stay_so(line):
    array = filled("f")
    array.flags.writeable = False
    arrived = line.send(Point(1, array))
    assert is_in_place(arrived.y)
    assert not arrived.y.flags.writeable


def test_what_was_placed_before_an_item_turned_out_to_need_a_pickle_is_used_for_it(line):
    arrays = [filled("f"), filled("d")]
    line.writer.lower({"arrays": arrays, "last": Point(1, 2)})
    placed = line.sender.writer.take()
    assert [each.bytes for each in placed] == [array.nbytes for array in arrays]
    arrived = line.send({"arrays": arrays, "last": Point(1, 2)})
    assert [is_in_place(array) for array in arrived["arrays"]] == [True, True]
    for array, value in zip(arrays, arrived["arrays"], strict=True):
        assert_equal(value, array)
    assert line.sender.arena.reserved_bytes == sum(array.nbytes for array in arrays) * 2


def test_small_buffers_stay_inside_the_pickle(line):
    arrived = line.send(Point(1, np.arange(10.0)))
    assert arrived.y.tolist() == list(range(10))
    assert line.returned == []
