"""The segment runner beyond the table of cases: hand-offs, order, memory, threads."""

import asyncio
import contextvars
import itertools
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from remotemedia.runner.handoff import LIMIT, Inbox

LOOP = LoopThread()


class Sync:
    def process(self, item):
        return item


class Async:
    async def process(self, item):
        await asyncio.sleep(0)
        return item


class Stream:
    is_streaming = True

    async def process(self, stream):
        async for item in stream:
            yield item


class Many:
    def __init__(self, times):
        self.times = times

    def process(self, item):
        for _ in range(self.times):
            yield item


class ManyAsync(Many):
    async def process(self, item):
        for _ in range(self.times):
            yield item


class Hold:
    """Keeps everything until the end."""

    def __init__(self):
        self.items = []

    def process(self, item):
        self.items.append(item)

    def flush(self):
        return iter(self.items)


class Drop:
    def process(self, item):
        return None


def run(nodes, edges, inputs, outputs_of, items, loop_thread=LOOP, has_metrics=False):
    outputs = []
    plan = SegmentPlan(
        [Place(node_id, node) for node_id, node in nodes.items()],
        edges,
        [(MemoryInput(items), inputs)],
        [(MemoryOutput(outputs.append), node_id) for node_id in outputs_of],
        has_metrics,
    )
    segment = Segment(plan, loop_thread)
    segment.open()
    segment.run()
    assert segment.close() == []
    return outputs, segment


def run_chain(*made, items, **options):
    nodes = {str(position): node for position, node in enumerate(made)}
    ids = list(nodes)
    outputs, segment = run(nodes, list(itertools.pairwise(ids)), ids[:1], ids[-1:], items, **options)
    assert segment.failures == []
    return outputs


def test_many_more_items_than_a_hand_off_holds_stay_in_order():
    nodes = [Sync(), Async(), Sync(), Stream(), Many(3), ManyAsync(2), Sync()]
    expected = [item for item in range(500) for _ in range(6)]
    assert run_chain(*nodes, items=range(500)) == expected


def test_a_chain_may_be_longer_than_the_stack():
    assert run_chain(*(Sync() for _ in range(2_000)), items=[1, 2]) == [1, 2]


KINDS = [Sync, Async, Stream, lambda: Many(3), lambda: ManyAsync(2), Hold, Drop]


@st.composite
def graphs(draw):
    count = draw(st.integers(2, 7))
    kinds = [draw(st.integers(0, len(KINDS) - 1)) for _ in range(count)]
    edges = [
        (str(origin), str(target))
        for target in range(1, count)
        for origin in draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=3))
    ]
    return kinds, edges


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 400))
def test_random_acyclic_graphs_come_to_an_end(graph, count):
    kinds, edges = graph
    nodes = {str(position): KINDS[kind]() for position, kind in enumerate(kinds)}
    last = [node_id for node_id in nodes if all(origin != node_id for origin, _ in edges)]
    _, segment = run(nodes, edges, ["0"], last, range(count))
    assert segment.failures == []


@pytest.fixture
def quick_switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.integers(200, 400))
def test_random_graphs_come_to_an_end_however_threads_alternate(quick_switching, graph, count):
    kinds, edges = graph
    nodes = {str(position): KINDS[kind]() for position, kind in enumerate(kinds)}
    last = [node_id for node_id in nodes if all(origin != node_id for origin, _ in edges)]
    _, segment = run(nodes, edges, ["0"], last, range(count))
    assert segment.failures == []


def test_a_thread_that_waits_for_room_and_meanwhile_waited_for_the_same_room_deeper_is_woken(quick_switching):
    # "a" waits for room at "d"; the thread serves "c" meanwhile, which waits for room at "d" as well.
    edges = [("a", "d"), ("a", "b"), ("b", "c"), ("c", "d")]
    for _ in range(20):
        nodes = {"a": Many(3), "b": ManyAsync(2), "c": Many(3), "d": Async()}
        outputs, segment = run(nodes, edges, ["a"], ["d"], range(200))
        assert segment.failures == []
        assert len(outputs) == 200 * (3 + 3 * 2 * 3)


def test_an_inbox_tells_the_thread_of_room_also_after_a_nested_wait():
    notified = []

    class Thread:
        depth = 0

        def notify(self):
            notified.append(self.depth)

        def serve_until(self, has_space, level):
            self.depth += 1
            if self.depth == 1:
                # A deeper chain gives to the same node, and waits as well.
                inbox.put_from_thread("deeper", 2)
                while not has_space():
                    asyncio.run(inbox.get())
            self.depth -= 1

    class Run:
        thread = Thread()
        loop = None
        is_tagged = False

    inbox: Any = Inbox(Run())  # pyright: ignore[reportArgumentType]
    for _ in range(LIMIT):
        inbox.put_from_thread("item", 0)
    assert notified == []
    inbox.put_from_thread("one too many", 0)
    assert notified == [1]
    asyncio.run(inbox.get())
    assert notified == [1]


def test_items_that_a_closed_inbox_drops_count_as_done():
    done = []

    class Run:
        loop = thread = None
        is_tagged = False

    inbox: Any = Inbox(Run())  # pyright: ignore[reportArgumentType]
    for position in range(3):
        inbox.put_from_thread("item", -1, lambda position=position: done.append(position))
    inbox.close()
    assert done == [0, 1, 2]


class Meeting:
    """Waits, with the first item, until as many are there."""

    def __init__(self, size):
        self.barrier = threading.Barrier(size, timeout=30)

    async def meet(self):
        await asyncio.to_thread(self.barrier.wait)


class MeetingMany:
    def __init__(self, meeting):
        self.meeting = meeting

    def process(self, item):
        if item == "first":
            self.meeting.barrier.wait()
        yield "second"
        yield "second"


class MeetingManyAsync(MeetingMany):
    async def process(self, item):
        if item == "first":
            await self.meeting.meet()
        yield "second"
        yield "second"


@pytest.mark.parametrize("make", [MeetingMany, MeetingManyAsync])
def test_two_runs_may_share_two_generators_in_opposite_order(make):
    meeting = Meeting(2)
    first, second = make(meeting), make(meeting)
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(run_chain, *nodes, items=["first"] + ["second"] * 200)
            for nodes in ((first, second), (second, first))
        ]
        assert [one.result() for one in runs] == [["second"] * 4 * 201] * 2


@pytest.mark.parametrize("size", [1, 3 * LIMIT])
def test_calls_at_once_emit_as_they_go_and_in_order(size):
    taken = asyncio.Event()
    outputs = []

    def take(output):
        outputs.append(output)
        taken.set()

    class Slow:
        async def process(self, item):
            yield (item, "first")
            if item == 0:
                await taken.wait()
            for position in range(size):
                yield (item, position)

    plan = SegmentPlan(
        [Place("a", Slow(), concurrency=3)],
        [],
        [(MemoryInput(range(5)), ["a"])],
        [(MemoryOutput(take), "a")],
    )
    segment = Segment(plan, LOOP)
    segment.open()
    segment.run()
    assert segment.close() == []
    assert segment.failures == []
    assert outputs == [(item, what) for item in range(5) for what in ("first", *range(size))]


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
        [Place("a", Endless(), concurrency=3)],
        [],
        [(MemoryInput(range(3)), ["a"])],
        [(MemoryOutput(lambda _: segment.cancel()), "a")],
    )
    segment = Segment(plan, LOOP)
    segment.open()
    segment.run()
    assert segment.close() == []
    assert segment.failures == []
    assert set(closed) <= {0, 1, 2}
    assert 0 in closed


def test_async_calls_of_a_segment_share_a_context():
    variable = contextvars.ContextVar("variable", default="none")

    class Setter:
        async def initialize(self):
            variable.set("initialized")

        async def process(self, item):
            return variable.get()

        async def cleanup(self):
            seen.append(variable.get())

    seen = []
    assert run_chain(Setter(), items=[1]) == ["initialized"]
    assert seen == ["initialized"]
    assert variable.get() == "none"


def test_a_cancel_ends_what_a_sync_node_waits_for():
    class Lazy:
        def process(self, item):
            segment.cancel()
            return self.forever()

        async def forever(self):
            await asyncio.get_running_loop().create_future()

    plan = SegmentPlan([Place("a", Lazy())], [], [(MemoryInput([1, 2]), ["a"])], [])
    segment = Segment(plan, LOOP)
    segment.open()
    segment.run()
    assert segment.close() == []
    assert segment.failures == []


def test_every_call_of_a_node_is_made_in_one_thread():
    class Watched:
        def __init__(self):
            self.threads = set()

        def note(self):
            self.threads.add(threading.get_ident())

        def initialize(self):
            self.note()

        def process(self, item):
            self.note()
            return item

        def flush(self):
            self.note()

        def cleanup(self):
            self.note()

    class WatchedAsync(Watched):
        async def process(self, item):
            self.note()
            await asyncio.sleep(0)
            return item

    sync, on_loop = Watched(), WatchedAsync()
    run_chain(sync, on_loop, Sync(), items=range(300))
    assert sync.threads == {threading.get_ident()}
    assert len(on_loop.threads) == 1
    assert on_loop.threads != sync.threads


def test_nodes_see_the_context_of_the_caller():
    variable = contextvars.ContextVar("variable", default="none")

    class Reader:
        async def process(self, item):
            return variable.get()

    variable.set("mine")
    assert run_chain(Reader(), items=[1]) == ["mine"]


def test_a_sync_node_may_give_back_an_awaitable_or_an_async_generator():
    class Lazy:
        def process(self, item):
            return asyncio.sleep(0, item)

    class LazyMany:
        def process(self, item):
            return ManyAsync(2).process(item)

    assert run_chain(Lazy(), LazyMany(), items=[1, None, 2]) == [1, 1, 2, 2]


def test_a_sync_node_may_be_initialized_and_cleaned_up_asynchronously():
    class Both:
        def __init__(self):
            self.calls = []

        async def initialize(self):
            await asyncio.sleep(0)
            self.calls.append("initialize")

        def process(self, item):
            return item

        async def cleanup(self):
            await asyncio.sleep(0)
            self.calls.append("cleanup")

    node = Both()
    assert run_chain(node, items=[1]) == [1]
    assert node.calls == ["initialize", "cleanup"]


def test_the_very_objects_flow_and_are_not_kept():
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    outputs = run_chain(Sync(), Async(), Sync(), items=[thing])
    assert outputs.pop() is thing
    del thing, outputs
    assert gone() is None


def test_an_input_that_raises_is_a_failure_of_the_run():
    def items():
        yield 1
        raise OSError("disk")

    outputs, segment = run({"a": Sync()}, [], ["a"], ["a"], items())
    assert outputs == [1]
    assert [str(failure.error) for failure in segment.failures] == ["disk"]


def test_an_open_file_is_one_output(tmp_path):
    path = tmp_path / "file"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        assert run_chain(Sync(), items=[file]) == [file]


@pytest.mark.parametrize("make", [Sync, Async, lambda: Many(1), lambda: ManyAsync(1), Stream])
def test_metrics_count_the_same_for_every_kind(make):
    nodes = {"a": make()}
    _, segment = run(nodes, [], ["a"], ["a"], range(1_200), has_metrics=True)
    (record,) = segment.metrics() or [{}]
    assert (record["itemsIn"], record["itemsOut"], record["errors"]) == (1_200, 1_200, 0)
    if not getattr(nodes["a"], "is_streaming", False):
        assert record["measured"] == 1_000 + len([n for n in range(1_000, 1_200) if n % 64 == 0])


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
    segment.open()
    segment.run()
    segment.close()
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

    _, segment = run({"a": Sync(), "b": Fails()}, [("a", "b")], ["a"], ["b"], range(10_000))
    assert [(failure.node_id, failure.phase) for failure in segment.failures] == [("b", "stream")]


def test_an_early_end_spares_other_branches():
    class First:
        is_streaming = True

        async def process(self, stream):
            async for item in stream:
                yield ("first", item)
                return

    nodes = {"a": Sync(), "b": First(), "c": Sync()}
    outputs, segment = run(nodes, [("a", "b"), ("a", "c")], ["a"], ["b", "c"], range(5))
    assert segment.failures == []
    assert sorted(map(str, outputs)) == sorted(map(str, [("first", 0), *range(5)]))


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
    assert run_chain(Sync(), node, Async(), items=range(300)) == list(range(1, 301))
    assert len(node.threads) == 1
    assert (node.calls[0], node.calls[-2:]) == ("initialize", ["end", "cleanup"])


def test_a_plain_generator_may_end_before_its_input():
    node = Blocking(stop_after=3)
    assert run_chain(Sync(), node, items=itertools.count()) == [1, 2, 3]


def test_a_cancel_ends_a_plain_generator_that_waits_for_input():
    taken = []

    def take(item):
        taken.append(item)
        segment.cancel()

    class Never:
        is_source = True

        async def process(self):
            yield 1
            await asyncio.get_running_loop().create_future()

    node = Blocking()
    plan = SegmentPlan([Place("a", Never()), Place("b", node)], [("a", "b")], [], [(MemoryOutput(take), "b")])
    segment = Segment(plan, LOOP)
    segment.open()
    segment.run()
    assert segment.close() == []
    assert segment.failures == []
    assert taken == [2]
    assert node.calls[-2:] == ["end", "cleanup"]
