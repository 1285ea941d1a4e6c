"""Bulk bytes cross in place: every dtype and layout, buffers of pickles, and who may write."""

from __future__ import annotations

import dataclasses
import gc
import re
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from item_nodes import Point
from remotemedia.data import AudioFrame, Binary, VideoFrame
from remotemedia.runner.context import NodeContext
from remotemedia.slabs.arena import LEAST_BYTES, Arena
from remotemedia.slabs.arrays import held_slice
from remotemedia.slabs.table import leased
from remotemedia.wire.tensors import is_bare, remember_bare
from slabs import MIB, Line

COUNT = LEAST_BYTES
NATIVE = ["?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d", "F", "D"]
TIMES = ["M8[ns]", ">M8[s]", "m8[us]", "f4,>M8[ms],(2,)m8[D]"]
RECORD = np.dtype({"names": ["a", "b"], "formats": ["u1", "<f8"], "offsets": [0, 8], "itemsize": 24})
DTYPES = [*NATIVE, *TIMES, ">f8", ">i2", "S5", "U7", "V6", "f4,(2,2)i2", RECORD]


@pytest.fixture
def line():
    return Line()


def filled(dtype: Any, count: int = COUNT) -> np.ndarray:
    dtype = np.dtype(dtype)
    raw = np.arange(count * dtype.itemsize, dtype=np.uint32).astype(np.uint8)
    return (raw & 1 if dtype.char == "?" else raw).view(dtype)


def assert_equal(left: np.ndarray, right: np.ndarray) -> None:
    assert type(left) is np.ndarray
    assert (left.dtype, left.shape) == (right.dtype, right.shape)
    assert left.flags.f_contiguous == right.flags.f_contiguous or not right.flags.forc
    assert left.tobytes() == right.tobytes()


def is_in_place(array: np.ndarray) -> bool:
    return held_slice(array if array.flags.c_contiguous else array.T) is not None


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
    [np.array(2.5), np.zeros(0), np.zeros((0, 5), "i2"), np.zeros((3, 0, 2)), filled("B", COUNT - 1)],
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
        [bytes(COUNT), "a", {"b": bytes(COUNT)}],
        (1, {bytes(COUNT), b"small"}),
        {"nested": [{"deep": (bytes(COUNT), 2)}], 5: bytes(COUNT)},
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
    arrived = line.send(AudioFrame(samples, 16_000, 5, {"more": bytes(COUNT)}, layout))
    assert_equal(arrived.samples, samples)
    assert (arrived.sample_rate, arrived.format, arrived.metadata) == (16_000, layout, {"more": bytes(COUNT)})
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


# Pickles


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


# Leases


def test_a_slice_goes_back_when_the_last_that_derives_from_its_array_has_gone(line):
    arrived = line.send(filled("f"))
    view, part = arrived.view(np.int32), memoryview(arrived[100:200].reshape(2, -1))
    other = np.frombuffer(arrived, np.uint8)[5:]
    del arrived
    assert line.returned == []
    del view
    assert line.returned == []
    del other
    assert line.returned == []
    part.release()
    assert len(line.returned) == 2


def test_a_slice_in_a_cycle_goes_back_with_the_garbage_in_whatever_thread_finds_it(line):
    cycle: list[Any] = [line.send(filled("f"))]
    cycle.append(cycle)
    gone = weakref.ref(cycle[0])
    del cycle
    thread = threading.Thread(target=gc.collect)
    thread.start()
    thread.join(20)
    assert gone() is None
    assert len(line.returned) == 2


def test_a_block_is_used_again_as_soon_as_it_is_free(line):
    addresses = set()
    for number in range(50):
        arrived = line.send(np.full(MIB, number, np.uint8))
        assert arrived[-1] == number
        addresses.add(line.sender.arena.reserved_bytes)
        del arrived
    assert addresses == {MIB}


def test_a_sole_consumer_may_write_and_the_producer_sees_it_in_what_it_allocated(line):
    allocated = NodeContext("n", line.sender.arena).allocate("f4", (256, 256))
    allocated[:] = 1
    arrived = line.send(allocated)
    assert arrived.flags.writeable
    arrived[3, 4] = 7
    assert allocated[3, 4] == 7
    assert line.send(allocated[10:200])[0, 0] == 1


def test_an_ordinary_array_is_copied_so_that_its_maker_may_go_on_with_it(line):
    array = np.zeros(MIB, np.uint8)
    arrived = line.send(array)
    array[:] = 1
    assert not arrived.any()
    arrived[:] = 2
    assert array.all()


def test_nobody_writes_to_what_several_get():
    line = Line(is_shared=True)
    allocated = NodeContext("n", line.sender.arena).allocate("u1", MIB)
    for array in (line.send(allocated), line.send(Point(1, allocated)).y, line.send([allocated])[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
    # This copy nobody else gets.
    assert line.send(np.zeros(MIB, np.uint8)).flags.writeable
    several = Line()
    several.table.is_shared = True
    assert not several.send(np.zeros(MIB, np.uint8)).flags.writeable


def test_what_only_passes_through_is_forwarded_and_lies_in_the_same_memory():
    first, second, third = Line(), Line(is_shared=True), Line()
    original = NodeContext("n", first.sender.arena).allocate("i4", MIB)
    original[:] = 1
    middle = first.send(original)
    far = third.send(second.send(middle[1000:-1000]))
    original[1000] = 42
    assert far[0] == 42
    assert not far.flags.writeable
    assert second.sender.arena.reserved_bytes == third.sender.arena.reserved_bytes == 0
    del middle
    assert first.returned == []
    del far
    assert [len(line.returned) for line in (first, second, third)] == [2, 2, 2]


def test_the_same_array_sent_twice_is_leased_twice():
    line = Line(is_shared=True)
    allocated = NodeContext("n", line.sender.arena).allocate("u1", MIB)
    once, twice = line.send([allocated, allocated])
    del once
    assert len(line.returned) == 2
    assert line.sender.kept() == 0
    line.credit()
    assert line.sender.kept() == MIB
    del twice
    del allocated
    assert line.sender.kept() == 0


def test_an_array_over_memory_that_was_forgotten_is_copied():
    first, second = Line(), Line()
    arrived = first.send(np.full(MIB, 3, np.uint8))
    first.table.close()
    again = second.send(arrived)
    assert second.sender.arena.reserved_bytes == MIB
    assert again.all()


def test_where_too_much_is_kept_further_arrays_are_copies_of_their_own():
    line = Line(most_kept_bytes=3 * MIB)
    kept = [line.send(np.full(MIB, number, np.uint8)) for number in range(5)]
    assert [is_in_place(array) for array in kept] == [True, True, True, False, False]
    assert [int(array[7]) for array in kept] == [0, 1, 2, 3, 4]
    assert all(array.flags.writeable for array in kept)
    del kept[0]
    assert is_in_place(line.send(np.zeros(MIB, np.uint8)))
    kept.clear()
    assert leased.add(3 * MIB, 3 * MIB)
    leased.remove(3 * MIB)


def test_a_lease_that_is_never_returned_is_counted_until_it_has_gone():
    first, second = Line(most_kept_bytes=MIB), Line()
    arrived = first.send(np.zeros(MIB, np.uint8))
    second.send(arrived)
    kept = second.lower(arrived)
    second.deliver(kept)
    second.sender.drop()
    assert not is_in_place(first.send(np.zeros(MIB, np.uint8)))
    del arrived, kept
    assert is_in_place(first.send(np.zeros(MIB, np.uint8)))


# ctx.allocate


@pytest.mark.parametrize(
    ("dtype", "shape"), [("f4", (100, 100)), (np.int16, 50_000), (">f8", (2, 3, 4096)), (RECORD, 4096)]
)
def test_an_allocated_array_is_what_numpy_makes(dtype, shape):
    array = NodeContext("n", Arena()).allocate(dtype, shape)
    expected = np.empty(shape, dtype)
    assert (array.dtype, array.shape, array.strides) == (expected.dtype, expected.shape, expected.strides)
    assert array.flags.writeable
    assert is_in_place(array)


@pytest.mark.parametrize(
    "shape", [np.int64(50_000), (np.int32(100), np.uint8(200)), [100, 200], np.prod((100, 200))]
)
def test_a_shape_may_be_of_whole_numbers_of_numpy(shape):
    array = NodeContext("n", Arena()).allocate("i4", shape)
    assert array.shape == np.empty(shape).shape
    assert is_in_place(array)


@pytest.mark.parametrize("shape", [-5, (-100, -1000), 1.5, (2.0, 100_000), "abc", (10**9, 10**9, 10**9)])
def test_a_shape_that_is_none_is_refused_as_numpy_does(shape):
    with pytest.raises((TypeError, ValueError, MemoryError)) as raised:
        NodeContext("n", Arena()).allocate("i4", shape)
    with pytest.raises(raised.type, match=re.escape(str(raised.value))):
        np.empty(shape, "i4")


@pytest.mark.parametrize(("dtype", "shape"), [("f4", 10), ("O", 10_000), ("f4", (0, 5)), ("f4", ())])
def test_an_allocated_array_that_is_small_or_holds_objects_is_ordinary(dtype, shape):
    array = NodeContext("n", Arena()).allocate(dtype, shape)
    assert array.shape == np.empty(shape, dtype).shape
    assert array.base is None


def test_an_allocated_array_is_ordinary_where_nothing_is_sent_or_there_is_no_room():
    assert NodeContext("n", None).allocate("f4", MIB).base is None
    assert NodeContext("n", Arena(limit=MIB)).allocate("u1", 2 * MIB).base is None
