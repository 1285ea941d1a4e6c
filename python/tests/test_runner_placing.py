"""``run_on``: which thread a node's code runs in."""

import asyncio
import sqlite3
import threading

import pytest

from remotemedia.core.exceptions import InvalidNodeError
from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from runner_nodes import Watched
from running import LOOP, at_once, plan_of, run


class Generating(Watched):
    def process(self, item):
        self.note()
        yield item
        self.note()


class Source(Watched):
    is_source = True

    def process(self):
        self.note()
        yield from (1, 2, 3)


class OfClass(Watched):
    run_on = "caller"


async def run_beside(*nodes, items=(1, 2, 3)):
    """Run a chain in a thread beside the running loop; the outputs, and that thread."""
    outputs = []
    plan = plan_of(*nodes, items=items, take=outputs.append)
    return outputs, await run_plan_beside(plan)


async def run_plan_beside(plan):
    segment = Segment(plan, loop=asyncio.get_running_loop())

    def work():
        segment.open()
        segment.run()
        assert segment.close() == []
        return threading.get_ident()

    ident = await asyncio.to_thread(work)
    assert segment.failures == []
    return ident


@pytest.mark.parametrize(
    "make", [OfClass, lambda: Watched(run_on="caller"), lambda: Generating(run_on="caller")]
)
def test_a_node_that_asks_for_it_runs_on_the_callers_loop(make):
    node, other = make(), Watched()
    outputs, ident = asyncio.run(run_beside(other, node, Watched(run_on="thread")))
    assert outputs == [1, 2, 3, "flushed", "flushed", "flushed"]
    assert node.threads == {threading.get_ident()}
    assert other.threads == {ident}
    assert ident != threading.get_ident()


def test_a_source_that_asks_for_it_runs_on_the_callers_loop():
    node, outputs = Source(run_on="caller"), []
    plan = SegmentPlan([Place("a", node)], [], [], [(MemoryOutput(outputs.append), "a")])
    asyncio.run(run_plan_beside(plan))
    assert outputs == [1, 2, 3]
    assert node.threads == {threading.get_ident()}


def test_it_is_an_ordinary_node_where_the_segments_thread_is_the_callers():
    node = Watched(run_on="caller")
    loop_thread = LoopThread()
    segment = Segment(plan_of(node), loop=loop_thread.loop, is_callers_thread=True)
    assert not segment.stages[0].is_on_loop
    segment.open()
    segment.run()
    segment.close()
    assert node.threads == {threading.get_ident()}


def test_an_object_that_is_bound_to_the_callers_thread_can_be_used():
    class Store:
        run_on = "caller"

        def __init__(self):
            self.database = sqlite3.connect(":memory:")
            self.database.execute("create table items (item)")

        def process(self, item):
            self.database.execute("insert into items values (?)", (item,))
            return item

    async def main():
        node = Store()
        await run_beside(node, items=range(50))
        count = node.database.execute("select count(*) from items").fetchone()
        node.database.close()
        return count

    assert asyncio.run(main()) == (50,)


def test_the_error_of_an_object_that_is_bound_to_another_thread_names_the_cure():
    class Store:
        def __init__(self):
            self.database = sqlite3.connect(":memory:")

        def process(self, item):
            self.database.execute("select 1")

    node = Store()
    segment = Segment(plan_of(node), LOOP)

    def work():
        segment.open()
        segment.run()
        segment.close()

    at_once(work)
    node.database.close()
    (failure,) = segment.failures
    assert 'run_on = "caller"' in "".join(failure.error.__notes__)


def test_the_callers_loop_goes_on_while_many_sync_items_run_on_it():
    seen = []

    class Endless(Watched):
        run_on = "caller"
        begun: asyncio.Event

        def process(self, item):
            self.begun.set()
            # Something else that the loop has to do.
            return None if seen else item

    async def main():
        Endless.begun = asyncio.Event()
        segment = Segment(plan_of(Endless(), items=iter(int, 1)), loop=asyncio.get_running_loop())

        def work():
            segment.open()
            segment.run()
            return segment.close()

        running = asyncio.ensure_future(asyncio.to_thread(work))
        # A cancel while it opens would be another story.
        await Endless.begun.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        seen.append("a turn")
        segment.cancel()
        return await running

    assert asyncio.run(main()) == []
    assert seen == ["a turn"]


@pytest.mark.parametrize("run_on", ["main", "", 1, True])
def test_another_value_is_refused_by_name(run_on):
    with pytest.raises(InvalidNodeError, match=f'Node "0" has run_on = {run_on!r}'):
        Segment(plan_of(Watched(run_on=run_on)), LOOP)


def test_a_blocking_generator_cannot_have_the_callers_thread():
    class Blocking:
        is_streaming = True
        run_on = "caller"

        def process(self, stream):
            yield from stream

    with pytest.raises(InvalidNodeError, match="async generator"):
        Segment(plan_of(Blocking()), LOOP)


@pytest.mark.parametrize("run_on", [None, "thread"])
def test_the_other_values_leave_a_sync_node_in_the_segments_thread(run_on):
    node = Watched(run_on=run_on)
    _, ident = asyncio.run(run_beside(node))
    assert node.threads == {ident}


def test_one_object_on_a_loop_and_in_a_thread_is_never_inside_twice():
    inside, overlaps = [], []

    class Shared:
        run_on = "caller"

        def process(self, item):
            overlaps.append(len(inside))
            inside.append(item)
            for _ in range(50):
                pass
            inside.remove(item)
            return item

    node = Shared()

    async def beside():
        outputs, _ = await run_beside(node, items=range(2_000))
        return outputs

    results = at_once(lambda: asyncio.run(beside()), lambda: run(node, items=range(2_000)))
    assert results == [list(range(2_000))] * 2
    assert max(overlaps) == 0


def test_a_memory_input_feeds_a_node_on_the_callers_loop():
    node, outputs = Watched(run_on="caller"), []
    plan = SegmentPlan(
        [Place("a", node)], [], [(MemoryInput(range(300)), ["a"])], [(MemoryOutput(outputs.append), "a")]
    )
    asyncio.run(run_plan_beside(plan))
    assert outputs == [*range(300), "flushed"]
