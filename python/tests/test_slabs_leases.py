"""How long slices are leased, who may write to them, and arrays that nodes allocate in place."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from item_nodes import Point
from remotemedia.runner.context import NodeContext
from remotemedia.slabs.arena import Arena
from remotemedia.slabs.table import leased
from slabs import MIB, RECORD, Line, filled, is_in_place


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
