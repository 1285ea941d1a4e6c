"""Frames and descriptors that lie: the channel closes with an error, and nothing outside a slab is read."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from remotemedia.core.exceptions import ProtocolError
from remotemedia.runner import Place, Segment, SegmentPlan
from remotemedia.runner.channel_input import ChannelInput
from remotemedia.runner.slab_sender import SlabSender
from remotemedia.slabs.arena import Arena
from remotemedia.slabs.folder import open_unnamed
from remotemedia.slabs.table import Returns, SlabTable
from remotemedia.wire.frames import (
    CREDIT,
    END,
    FORGET,
    ITEMS,
    RETURN,
    SLAB,
    FrameReader,
    decode_payload,
    encode_frame,
)
from remotemedia.wire.items import ForeignItems, PythonItems
from remotemedia.wire.reading import UndecodableError
from remotemedia.wire.slices import SliceReader
from remotemedia.wire.values import MEDIA, PICKLE_BUFFERS, SLICE, TENSOR
from slabs import Line

SIZE = 5000
CONTENT = bytes(number * 7 % 251 for number in range(SIZE))
encode = msgspec.msgpack.encode

near = st.integers(-2, SIZE + 2) | st.integers(-(2**63), 2**64 - 1) | st.sampled_from([0, SIZE - 1, SIZE])
values = st.recursive(
    st.none() | st.booleans() | near | st.floats() | st.text(max_size=5) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def slab_of(content: bytes = CONTENT) -> int:
    fd = open_unnamed("/dev/shm")
    os.write(fd, content)
    return fd


@pytest.fixture(scope="module")
def table():
    fd = slab_of()
    table = SlabTable(Returns(lambda: None, 1 << 40))
    table.announce({"slab": 3, "pid": os.getpid(), "fd": fd, "bytes": SIZE})
    os.close(fd)
    return table


def read(table, value, make) -> list[Any]:
    items = make()
    items.read_slices(SliceReader(table))
    return items.decode(encode([value]))


@pytest.mark.parametrize("make", [PythonItems, ForeignItems])
@settings(deadline=None, max_examples=300)
@given(number=st.sampled_from([3, 3, 3, 2, 4]) | near, offset=near, size=near, is_shared=st.booleans())
@example(3, 0, SIZE, False)
@example(3, SIZE, 0, True)
def test_a_slice_gives_what_lies_within_its_slab_or_an_error(table, make, number, offset, size, is_shared):
    is_right = number == 3 and offset >= 0 and size >= 0 and offset + size <= SIZE
    described = Ext(SLICE, encode((number, offset, size, is_shared)))
    array = Ext(TENSOR, encode(("uint8", [max(size, 0)], described, False)))
    if not is_right:
        for value in (described, array):
            with pytest.raises(UndecodableError):
                read(table, value, make)
        return
    assert read(table, described, make) == [CONTENT[offset : offset + size]]
    assert read(table, array, make)[0].tobytes() == CONTENT[offset : offset + size]


@pytest.mark.parametrize("make", [PythonItems, ForeignItems])
@settings(deadline=None, max_examples=300)
@given(
    dtype=st.sampled_from(
        ["uint8", "float64", "<M8[ns]", "|V7", "|S0", "<U0", "|O", "no", "f4,(3,)i8", "V0"]
    ),
    shape=st.lists(st.integers(-3, 3) | near, max_size=4),
    offset=st.integers(0, SIZE),
    size=st.integers(0, SIZE),
)
@example("|S0", [10**9], 0, 0)
@example("|V0", [-1], 0, 0)
@example("|V7", [-1, -7], 0, 49)
def test_an_array_never_reaches_beyond_its_slice(table, make, dtype, shape, offset, size):
    described = Ext(SLICE, encode((3, offset, size, False)))
    try:
        (array,) = read(table, Ext(TENSOR, encode((dtype, shape, described, False))), make)
    except UndecodableError:
        return
    assert array.nbytes == size
    assert array.tobytes() == CONTENT[offset : offset + size]


@pytest.mark.parametrize("make", [PythonItems, ForeignItems])
@settings(deadline=None, max_examples=300)
@given(code=st.sampled_from([SLICE, TENSOR, MEDIA]), data=st.binary(max_size=40) | values.map(encode))
def test_an_extension_of_anything_is_a_value_or_an_error(table, make, code, data):
    with contextlib.suppress(UndecodableError):
        read(table, Ext(code, data), make)


@settings(deadline=None, max_examples=200)
@given(buffers=st.lists(values | st.builds(lambda *a: Ext(SLICE, encode(a)), near, near, near), max_size=3))
def test_buffers_of_a_pickle_are_what_they_should_be_or_an_error(table, buffers):
    with contextlib.suppress(UndecodableError):
        read(table, Ext(PICKLE_BUFFERS, encode((b"\x80\x05N.", *buffers))), PythonItems)


@settings(deadline=None, max_examples=300)
@given(values | st.fixed_dictionaries(dict.fromkeys(("slab", "pid", "fd", "bytes"), near | values)))
def test_a_slab_or_forget_of_anything_is_refused(described):
    table = SlabTable(Returns(lambda: None, 1 << 40))
    with pytest.raises(ProtocolError):
        table.announce(described)
    if described != []:
        with pytest.raises(ProtocolError):
            table.forget(described)


def named(folder: str) -> int:
    return os.open(Path(folder) / "named", os.O_CREAT | os.O_RDWR, 0o600)


@pytest.mark.parametrize("what", ["short", "pipe", "folder", "named", "closed", "read-only"])
def test_a_file_that_is_no_slab_is_refused(what):
    with tempfile.TemporaryDirectory() as folder:
        opened = slab_of()
        size, fds = SIZE, [opened]
        if what == "short":
            size += 1
        elif what == "pipe":
            fds = list(os.pipe())
        elif what == "folder":
            fds = [os.open(folder, os.O_RDONLY)]
        elif what == "named":
            fds = [named(folder)]
            os.write(fds[0], CONTENT)
        elif what == "read-only":
            fds = [os.open("/etc/hostname", os.O_RDONLY)]
            size = 1
        elif what == "closed":
            os.close(opened)
        table = SlabTable(Returns(lambda: None, 1 << 40))
        with pytest.raises(ProtocolError, match="slab 1 cannot be used"):
            table.announce({"slab": 1, "pid": os.getpid(), "fd": fds[0], "bytes": size})
        for fd in {*fds, opened}:
            with contextlib.suppress(OSError):
                os.close(fd)


def test_a_slab_is_announced_once():
    fd = slab_of()
    table = SlabTable(Returns(lambda: None, 1 << 40))
    described = {"slab": 1, "pid": os.getpid(), "fd": fd, "bytes": SIZE}
    table.announce(described)
    with pytest.raises(ProtocolError, match="announced twice"):
        table.announce(described)
    os.close(fd)


@settings(deadline=None, max_examples=200)
@given(values | st.lists(near, max_size=4))
@example([1])
@example([10**6, 0])
def test_a_return_of_what_is_not_leased_is_refused(pairs):
    sender = SlabSender(Arena(), "n")
    if pairs == []:
        sender.returned(pairs)
    else:
        with pytest.raises(ProtocolError):
            sender.returned(pairs)


def test_a_slice_cannot_be_returned_twice():
    line = Line()
    line.send(np.zeros(1 << 20, np.uint8))
    with pytest.raises(ProtocolError, match="not leased"):
        line.sender.returned(list(line.returned))


class Count:
    def process(self, item):
        return None


def end_of(data: bytes) -> tuple[list[Any], set[int]]:
    """Feed a segment with bytes and the end of the stream: its failures, and kinds of frames it sent."""
    ours, theirs = socket.socketpair()
    port = ChannelInput("c", (64, 1 << 20), PythonItems())
    segment = Segment(SegmentPlan([Place("count", Count())], [], [(port, ["count"])]))
    segment.open()
    port.attach(FrameReader(theirs))

    def feed():
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)

    feeder = threading.Thread(target=feed)
    feeder.start()
    segment.run()
    segment.close()
    feeder.join(20)
    kinds: set[int] = set()
    reader = FrameReader(ours)
    with contextlib.suppress(OSError):
        while (frame := reader.read()) is not None:
            kinds.add(frame[0])
            decode_payload(frame[1])
    ours.close()
    return segment.failures, kinds


frames = st.lists(
    st.tuples(st.sampled_from([SLAB, FORGET, RETURN, CREDIT]), values)
    | st.tuples(
        st.just(ITEMS),
        st.lists(st.builds(lambda *a: Ext(SLICE, encode(a)), near, near, near, st.booleans()), max_size=2),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=150)
@given(frames)
def test_a_channel_with_frames_that_lie_ends_with_an_error(described):
    failures, _ = end_of(b"".join(encode_frame(kind, payload) for kind, payload in described))
    assert [failure.node_id for failure in failures] == ["count"]
    assert isinstance(failures[0].error, ProtocolError)


@settings(deadline=None, max_examples=100)
@given(number=st.just(9) | near, offset=near, size=near, cut=st.none() | st.integers(0, 300))
@example(9, 100, 400, None)
def test_a_slice_over_a_channel_is_right_or_ends_it(number, offset, size, cut):
    fd = slab_of()
    data = encode_frame(SLAB, {"slab": 9, "pid": os.getpid(), "fd": fd, "bytes": SIZE})
    data += encode_frame(ITEMS, [Ext(SLICE, encode((number, offset, size, False)))])
    data += encode_frame(END, {"failed": False})
    is_right = number == 9 and offset >= 0 and size >= 0 and offset + size <= SIZE
    is_whole = cut is None or cut >= len(data)
    failures, kinds = end_of(data[:cut])
    os.close(fd)
    if is_right and is_whole:
        assert failures == []
        assert RETURN in kinds
    else:
        assert isinstance(failures[0].error, ProtocolError)
