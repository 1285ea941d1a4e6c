"""Runs that end before their input: cancelled, stopped, or because a node fails or wants no more."""

import asyncio
import itertools

from remotemedia.core.settings import NodeSettings
from remotemedia.runner import MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from runner_nodes import Sync
from running import LOOP, complete, places, run_graph


def test_a_cancel_ends_calls_at_once_and_closes_their_generators():
    closed = []

    class Endless:
        async def process(self, item):
            try:
                yield item
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0)
                closed.append(item)

    plan = SegmentPlan(
        [Place("a", Endless(), NodeSettings(concurrency=3))],
        [],
        [(MemoryInput(range(3)), ["a"])],
        [(MemoryOutput(lambda _: segment.cancel()), "a")],
    )
    segment = Segment(plan, LOOP)
    complete(segment)
    assert segment.failures == []
    assert set(closed) <= {0, 1, 2}
    assert 0 in closed


def test_a_cancel_ends_what_a_sync_node_waits_for():
    class Lazy:
        def process(self, item):
            segment.cancel()
            return self.forever()

        async def forever(self):
            await asyncio.get_running_loop().create_future()

    plan = SegmentPlan([Place("a", Lazy())], [], [(MemoryInput([1, 2]), ["a"])], [])
    segment = Segment(plan, LOOP)
    complete(segment)
    assert segment.failures == []


def test_a_stop_lets_no_new_item_in_and_skips_the_flush():
    seen = []

    class Endless:
        is_source = True

        def process(self):
            return iter(itertools.count())

    class Ten:
        def process(self, item):
            seen.append(item)
            if item == 9:
                segment.stop()

        def flush(self):
            seen.append("flush")

    plan = SegmentPlan([Place("a", Endless()), Place("b", Ten())], [("a", "b")])
    segment = Segment(plan, LOOP)
    complete(segment)
    assert seen == list(range(10))
    assert segment.failures == []


def test_a_streaming_node_that_fails_releases_a_blocked_source():
    class Fails:
        is_streaming = True

        async def process(self, stream):
            async for item in stream:
                if item == 3:
                    raise ValueError("boom")
                yield item

    _, segment = run_graph({"a": Sync(), "b": Fails()}, [("a", "b")], ["a"], ["b"], range(10_000))
    assert [(failure.node_id, failure.phase) for failure in segment.failures] == [("b", "stream")]


def test_an_early_end_spares_other_branches():
    class First:
        is_streaming = True

        async def process(self, stream):
            async for item in stream:
                yield ("first", item)
                return

    nodes = {"a": Sync(), "b": First(), "c": Sync()}
    outputs, segment = run_graph(nodes, [("a", "b"), ("a", "c")], ["a"], ["b", "c"], range(5))
    assert segment.failures == []
    assert sorted(map(str, outputs)) == sorted(map(str, [("first", 0), *range(5)]))


def test_a_stop_ends_an_endless_input():
    seen = []

    class Ten:
        def process(self, item):
            seen.append(item)
            if item == 9:
                segment.stop()

    segment = Segment(SegmentPlan(places(a=Ten()), [], [(MemoryInput(itertools.count()), ["a"])]), LOOP)
    complete(segment)
    assert seen == list(range(10))
