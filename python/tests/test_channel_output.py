"""The producer's end of a channel by itself: what it keeps, and how it cuts frames."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.data import AudioFrame
from remotemedia.runner import LoopThread
from remotemedia.runner.channel_output import ChannelOutput
from remotemedia.runner.plan import SegmentPlan
from remotemedia.runner.tags import TAG, Tag
from remotemedia.runner.thread import ThreadSide
from remotemedia.runner.unit import Unit
from remotemedia.wire.frames import CREDIT, END, ITEMS, TAGS, FrameReader, decode_payload, encode_frame
from remotemedia.wire.values import encode, lower, weigh

LOOP = LoopThread()
MIB = 1 << 20


class Producer(Unit):
    def __init__(self):
        super().__init__()
        self.errors = []

    def emission_failed(self, error):
        self.errors.append(error)


class Run:
    """What a port needs of its segment."""

    has_failed = more = is_tagged = False
    stale_before = 0.0
    thread = ThreadSide()
    loop = LOOP.loop
    plan = SegmentPlan([], None)

    def __init__(self):
        self.finished_units = []
        self.lost = []

    def lose(self, _node_id, tag):
        self.lost.append(tag)

    def finished(self, unit):
        self.finished_units.append(unit)

    def is_stale(self, tag):
        return tag.stamp < self.stale_before and not tag.survives


def port_of(window) -> tuple[ChannelOutput, Producer]:
    port = ChannelOutput("c", window)
    producer = Producer()
    segment: Any = Run()
    port.link(segment, producer)
    return port, producer


def frames_of(sock):
    """The items of each frame, which are given back at once."""
    reader = FrameReader(sock)
    while (frame := reader.read()) is not None and frame[0] != END:
        assert frame[0] == ITEMS
        items = decode_payload(frame[1])
        yield items, len(frame[1])
        sock.sendall(encode_frame(CREDIT, [len(items), len(frame[1])]))


def connect(port):
    ours, theirs = socket.socketpair()
    port.start(ours)
    return theirs


def test_what_is_pending_is_bounded_by_bytes():
    async def put_all(port, count):
        futures = [port.put(bytes(2 * MIB)) for _ in range(count)]
        port.end_from_loop()
        return futures

    port, _ = port_of((1000, 4 * MIB))
    futures = LOOP.run(put_all(port, 3))
    assert futures[0] is None
    assert futures[1] is not None
    theirs = connect(port)
    with theirs:
        assert [len(items) for items, _ in frames_of(theirs)] == [1, 1, 1]

        async def wait():
            await asyncio.gather(*(future for future in futures if future is not None))

        LOOP.run(wait())
    port.release()


def test_a_thread_does_not_run_ahead_of_the_window_by_more_than_an_item():
    port, _ = port_of((1000, 4 * MIB))
    port.segment.more = True
    theirs = connect(port)

    def produce():
        for _ in range(10):
            port.append(bytes(3 * MIB))
            pending = port._taken_in_bytes - port._taken_out_bytes
            ahead.append((pending + 4 * MIB - port._credit.bytes_left) // MIB)
        port.end_from_thread()

    ahead = []
    with theirs, ThreadPoolExecutor(1) as pool:
        produced = pool.submit(produce)
        assert [len(items) for items, _ in frames_of(theirs)] == [1] * 10
        produced.result()
    port.release()
    assert max(ahead) <= 7


@pytest.mark.parametrize(("size", "count", "most"), [(100_000, 50, MIB), (MIB // 2, 8, MIB), (5 * MIB, 3, 0)])
@pytest.mark.parametrize(
    "make", [bytes, lambda size: np.zeros(size, np.uint8), lambda size: "é" * (size // 2)]
)
def test_frames_are_cut_by_bytes(size, count, most, make):
    async def put_all():
        for _ in range(count):
            port.put(make(size))
        port.end_from_loop()

    port, _ = port_of((1000, 16 * MIB))
    LOOP.run(put_all())
    theirs = connect(port)
    with theirs:
        frames = list(frames_of(theirs))
    port.release()
    assert sum(len(items) for items, _ in frames) == count
    assert all(size <= most + 100 or len(items) == 1 for items, size in frames)
    assert len(frames) <= -(-count * size // MIB) * 2


def test_what_is_new_waits_for_no_credit_of_what_is_stale():
    def give(stamp):
        TAG.set(Tag(float(stamp), survives=stamp == 2))
        port.append(stamp)
        port.flush()

    def interrupt(before):
        segment.stale_before = before
        port.interrupt()

    port, _ = port_of((3, MIB))
    segment: Any = port.segment
    segment.is_tagged = True
    theirs = connect(port)
    with theirs, ThreadPoolExecutor(1) as pool:
        reader = FrameReader(theirs)
        for stamp in (1, 2, 3):
            pool.submit(give, stamp).result()
        # The window is used up.
        fourth = pool.submit(give, 4)
        assert [_item_of(reader) for _ in range(3)] == [1, 2, 3]
        assert not fourth.done()
        interrupt(5)
        fourth.result()
        for stamp in (5, 6):
            pool.submit(give, stamp).result()
        # The second one has survived, and still counts.
        seventh = pool.submit(give, 7)
        assert [_item_of(reader) for _ in range(2)] == [5, 6]
        assert not seventh.done()
        theirs.sendall(encode_frame(CREDIT, [3, 3]))
        assert _item_of(reader) == 7
        seventh.result()
    assert [tag.stamp for tag in segment.lost] == [4]
    port.release()


def _item_of(reader):
    """The item of the next frame, which holds one."""
    kind, payload = reader.read()
    while kind == TAGS:
        kind, payload = reader.read()
    assert kind == ITEMS
    (item,) = decode_payload(payload)
    return item


def test_every_item_arrives_before_the_end_whoever_sends_it():
    items = [bytes(300_000 + position) for position in range(200)]

    def produce():
        port.segment.more = True
        for item in items:
            port.append(item)
        port.end_from_thread()

    port, _ = port_of((3, 2 * MIB))
    theirs = connect(port)
    with theirs, ThreadPoolExecutor(1) as pool:
        produced = pool.submit(produce)
        assert [len(item) for frame, _ in frames_of(theirs) for item in frame] == list(map(len, items))
        produced.result()
    port.release()


def test_small_items_share_frames():
    async def put_all():
        for position in range(1000):
            port.put({"position": position})
        port.end_from_loop()

    port, _ = port_of((4096, 16 * MIB))
    LOOP.run(put_all())
    theirs = connect(port)
    with theirs:
        assert [len(items) for items, _ in frames_of(theirs)] == [1000]
    port.release()


@pytest.mark.parametrize(
    "bad", ["\ud800", ["a", "\ud800"], {"\ud800": 1}, {"a": [{"b": "\ud800"}]}, object()]
)
def test_nothing_after_an_output_that_cannot_cross_is_sent(bad):
    async def put_all():
        for item in (1, bad, 2):
            port.put(item)
        assert len(producer.errors) == 1
        port.end_from_loop()

    port, producer = port_of((100, MIB))
    LOOP.run(put_all())
    theirs = connect(port)
    with theirs:
        assert [items for items, _ in frames_of(theirs)] == [[1]]
    port.release()
    assert isinstance(producer.errors[0], ValueTransferError)


def test_an_output_that_was_changed_into_a_bad_one_ends_the_outputs():
    async def put_all():
        for item in (1, changed, 2):
            port.put(item)
        changed.append("\ud800")
        port.end_from_loop()

    changed: list[Any] = []
    port, producer = port_of((100, MIB))
    LOOP.run(put_all())
    theirs = connect(port)
    with theirs:
        assert [items for items, _ in frames_of(theirs)] == [[1]]
    port.release()
    assert [error.path for error in producer.errors] == ["[0]"]


def audio():
    return AudioFrame(np.zeros((2, 1000), np.float32), 16_000)


@pytest.mark.parametrize(
    "value",
    [
        None, 1, 2.5, 1 << 70, "text", "é" * 1000, bytes(1000), bytearray(1000), [1.5] * 1000, ["ab"] * 1000,
        {"a": bytes(1000), "b": [1, "c"]}, (1, "a"), {1, 2}, {1: "a"}, np.zeros((10, 100)),
        {"deep": [np.zeros(1000)]}, audio,
    ],
)  # fmt: skip
def test_a_weight_is_about_the_bytes(value):
    value = value() if callable(value) else value
    size = len(encode(value))
    assert size - 16 <= weigh(lower(value), value) <= 9 * size + 32
    if size > 2000 and not isinstance(value, list):
        assert weigh(lower(value), value) <= size + 100


@pytest.mark.parametrize(
    "payload", [None, 5, [1], [1, 2, 3], ["a", 1], [1, 2.0], [True, 1], [-1, 0], [0, -1], [2, 0], [0, MIB]]
)
def test_credit_that_is_none_or_more_than_is_out_closes_the_channel(payload):
    port, _ = port_of((1, MIB))
    theirs = connect(port)
    with theirs:
        LOOP.run(put_one(port, "item"))
        reader = FrameReader(theirs)
        assert reader.read() is not None
        theirs.sendall(encode_frame(CREDIT, payload))
        assert reader.read() is None
    assert port.is_dead
    port.release()


async def put_one(port, item):
    port.put(item)
