"""The calls of a segment's nodes: several at once, in which thread and context, and what they may give."""

import asyncio
import contextvars
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from remotemedia.core.settings import NodeSettings
from remotemedia.runner import MemoryInput, MemoryOutput, Place, SegmentPlan
from remotemedia.runner.handoff import LIMIT
from runner_nodes import Async, ManyAsync, Sync, Watched
from running import run, run_plan


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
            pool.submit(run, *nodes, items=["first"] + ["second"] * 200)
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
        [Place("a", Slow(), NodeSettings(concurrency=3))],
        [],
        [(MemoryInput(range(5)), ["a"])],
        [(MemoryOutput(take), "a")],
    )
    segment = run_plan(plan)
    assert segment.failures == []
    assert outputs == [(item, what) for item in range(5) for what in ("first", *range(size))]


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
    assert run(Setter(), items=[1]) == ["initialized"]
    assert seen == ["initialized"]
    assert variable.get() == "none"


def test_every_call_of_a_node_is_made_in_one_thread():
    class WatchedAsync(Watched):
        async def process(self, item):
            self.note()
            await asyncio.sleep(0)
            return item

    sync, on_loop = Watched(), WatchedAsync()
    run(sync, on_loop, Sync(), items=range(300))
    assert sync.threads == {threading.get_ident()}
    assert len(on_loop.threads) == 1
    assert on_loop.threads != sync.threads


def test_nodes_see_the_context_of_the_caller():
    variable = contextvars.ContextVar("variable", default="none")

    class Reader:
        async def process(self, item):
            return variable.get()

    variable.set("mine")
    assert run(Reader(), items=[1]) == ["mine"]


def test_a_sync_node_may_give_back_an_awaitable_or_an_async_generator():
    class Lazy:
        def process(self, item):
            return asyncio.sleep(0, item)

    class LazyMany:
        def process(self, item):
            return ManyAsync(2).process(item)

    assert run(Lazy(), LazyMany(), items=[1, None, 2]) == [1, 1, 2, 2]


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
    assert run(node, items=[1]) == [1]
    assert node.calls == ["initialize", "cleanup"]


def test_the_very_objects_flow_and_are_not_kept():
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    outputs = run(Sync(), Async(), Sync(), items=[thing])
    assert outputs.pop() is thing
    del thing, outputs
    assert gone() is None


def test_an_open_file_is_one_output(tmp_path):
    path = tmp_path / "file"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        assert run(Sync(), items=[file]) == [file]
