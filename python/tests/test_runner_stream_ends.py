"""How streaming nodes with a sync ``process`` end: early, cancelled, by errors, and with nothing left."""

import gc
import itertools
import threading
import weakref

import pytest

from remotemedia.runner import MemoryOutput, Place, Segment, SegmentPlan
from runner_nodes import Async, AsyncAtOnce, Stalling, Streaming, Sync, plain
from running import LOOP, complete, failures_in, run, run_plan


def test_an_early_end_closes_a_generator_and_what_feeds_it():
    calls = []

    def noting(items):
        try:
            yield from items
        finally:
            calls.append("closed")

    def first_three(items):
        return list(itertools.islice(items, 3))

    assert run(Streaming(noting), Streaming(first_three), items=itertools.count()) == [[0, 1, 2]]
    assert calls == ["closed"]


def test_an_early_end_wakes_a_thread_that_waits_for_an_item():
    class FirstThree:
        is_streaming = True

        async def process(self, items):
            yield [await anext(items) for _ in range(3)]

    outputs = []
    nodes = [Place("a", Stalling(3)), Place("b", Streaming(plain)), Place("c", FirstThree())]
    plan = SegmentPlan(nodes, None, [], [(MemoryOutput(outputs.append), "c")])
    segment = run_plan(plan)
    assert (segment.failures, outputs) == ([], [[0, 1, 2]])


@pytest.mark.parametrize(
    "form",
    [plain, lambda items: map(int, items), lambda items: items],
    ids=["generator", "iterator", "input"],
)
def test_a_cancel_ends_a_node_that_gives_without_end(form):
    assert failures_in(Sync(), Streaming(form), Sync(), items=itertools.count(), cancel_at=500) == []


def test_a_cancel_wakes_a_node_that_gives_nothing_before_the_end_of_its_input():
    seen = []

    def note(items):
        for item in items:
            seen.append(item)
            if item == 5:
                segment.cancel()
        seen.append("end")

    segment = Segment(SegmentPlan([Place("a", Stalling(6)), Place("b", Streaming(note))], None), LOOP)
    complete(segment)
    assert segment.failures == []
    assert seen == [0, 1, 2, 3, 4, 5]


def test_an_error_while_a_generator_is_closed_is_a_failure():
    def fails_at_the_end(items):
        try:
            yield from items
        finally:
            raise ValueError("at the end")

    def first(items):
        return next(items)

    outputs = []
    nodes = [Streaming(fails_at_the_end), Streaming(first)]
    (failure,) = failures_in(*nodes, items=itertools.count(), outputs=outputs)
    assert (str(failure.error), failure.node_id) == ("at the end", "0")
    assert outputs == [0]


def test_many_small_runs_lose_no_wake_up():
    nodes = [Sync, AsyncAtOnce, lambda: Streaming(plain), lambda: Streaming(lambda items: items)]
    for round_, makes in enumerate(
        itertools.islice(itertools.cycle(itertools.product(nodes, repeat=3)), 256)
    ):
        count = round_ * 7 % 300
        assert run(*(make() for make in makes), items=range(count)) == list(range(count))


def test_a_run_leaves_nothing_behind():
    node = Streaming(plain)
    gone = weakref.ref(node)
    run(node, items=range(3))
    del node
    gc.collect()
    assert gone() is None


class Blocking:
    """A streaming node written as a plain generator."""

    is_streaming = True

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.threads = set()
        self.calls = []

    def note(self, what):
        self.threads.add(threading.get_ident())
        self.calls.append(what)

    def initialize(self):
        self.note("initialize")

    def process(self, stream):
        try:
            for position, item in enumerate(stream):
                self.note("item")
                if position == self.stop_after:
                    return
                yield item + 1
        finally:
            self.note("end")

    def cleanup(self):
        self.note("cleanup")


def test_a_streaming_node_may_be_a_plain_generator_in_a_thread_of_its_own():
    node = Blocking()
    assert run(Sync(), node, Async(), items=range(300)) == list(range(1, 301))
    assert len(node.threads) == 1
    assert (node.calls[0], node.calls[-2:]) == ("initialize", ["end", "cleanup"])


def test_a_plain_generator_may_end_before_its_input():
    node = Blocking(stop_after=3)
    assert run(Sync(), node, items=itertools.count()) == [1, 2, 3]


def test_a_cancel_ends_a_plain_generator_that_waits_for_input():
    taken = []

    def take(item):
        taken.append(item)
        segment.cancel()

    node = Blocking()
    plan = SegmentPlan(
        [Place("a", Stalling(1)), Place("b", node)], [("a", "b")], [], [(MemoryOutput(take), "b")]
    )
    segment = Segment(plan, LOOP)
    complete(segment)
    assert segment.failures == []
    assert taken == [1]
    assert node.calls[-2:] == ["end", "cleanup"]
