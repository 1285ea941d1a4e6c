"""Inputs and outputs on the caller's loop: async iterables, and readers that wait, close or give up."""

import asyncio
import itertools
import threading

import pytest

from remotemedia.runner import (
    END,
    LoopInput,
    LoopOutput,
    MemoryInput,
    MemoryOutput,
    Place,
    Segment,
    SegmentPlan,
)
from remotemedia.runner.handoff import LIMIT
from runner_nodes import Async, Sync
from running import Refusing, failures_of, places


class FirstOnly:
    is_streaming = True

    async def process(self, stream):
        async for item in stream:
            yield item
            return


async def drive(plan, read=None):
    """Run a plan in a thread, with the running loop as the segment's; gives what ``read`` gives."""
    segment = Segment(plan, loop=asyncio.get_running_loop())

    def work():
        segment.open()
        segment.run()
        return segment.close()

    running = asyncio.ensure_future(asyncio.to_thread(work))
    result = await read(segment) if read is not None else None
    assert await running == []
    return segment, result


async def read_all(port):
    return [item async for item in port]


async def counted(count):
    for item in range(count):
        yield item


@pytest.mark.parametrize("nodes", [[Sync], [Async], [Sync, Async], [Async, Sync], [Sync, Async, Sync]])
@pytest.mark.parametrize("limit", [1, 2, LIMIT])
def test_many_items_go_through_loop_ports_in_order(nodes, limit):
    async def main():
        output = LoopOutput(limit)
        ids = [str(position) for position in range(len(nodes))]
        plan = SegmentPlan(
            [Place(node_id, node()) for node_id, node in zip(ids, nodes, strict=True)],
            list(itertools.pairwise(ids)),
            [(LoopInput(counted(1_000)), ids[:1])],
            [(output, ids[-1])],
        )
        return await drive(plan, lambda _: read_all(output))

    segment, items = asyncio.run(main())
    assert segment.failures == []
    assert items == list(range(1_000))


@pytest.mark.parametrize("make", [lambda items: MemoryInput(items), lambda items: LoopInput(given(items))])
def test_items_are_relayed_to_the_callers_loop_with_none_as_a_value(make):
    items = [1, None, "two", *range(3 * LIMIT)]

    async def main():
        output = LoopOutput()
        return await drive(SegmentPlan([], [], [(make(items), [output])]), lambda _: read_all(output))

    segment, taken = asyncio.run(main())
    assert segment.failures == []
    assert taken == items


async def endless(closed):
    """Numbers; notes that it was closed."""
    try:
        for item in itertools.count():
            yield item
    finally:
        closed.append(True)


async def given(items):
    for item in items:
        yield item


def test_none_is_an_item_for_a_node():
    class Text:
        def process(self, item):
            return repr(item)

    taken = []
    plan = SegmentPlan(
        places(a=Text()), [], [(LoopInput(given([None, 1])), ["a"])], [(MemoryOutput(taken.append), "a")]
    )
    asyncio.run(drive(plan))
    assert taken == ["None", "1"]


def test_the_outputs_may_be_read_after_the_segment_was_closed():
    async def main():
        output = LoopOutput()
        plan = SegmentPlan(places(a=Sync()), [], [(MemoryInput(range(50)), ["a"])], [(output, "a")])
        await drive(plan)
        return [await read_all(output), await output.get()]

    assert asyncio.run(main()) == [list(range(50)), END]


@pytest.mark.parametrize("target", ["a", "b"])
def test_an_async_iterable_that_raises_is_a_failure_of_the_input(target):
    async def items():
        for item in range(300):
            yield item
        raise OSError("disk")

    output = LoopOutput()
    node = {"a": Sync(), "b": Async()}[target]
    plan = SegmentPlan([Place(target, node)], [], [(LoopInput(items()), [target])], [(output, target)])

    segment, _ = asyncio.run(drive(plan, lambda _: read_all(output)))
    assert failures_of(segment) == [(OSError, "(input)", "source", 300)]


def test_what_is_no_async_iterable_is_a_failure_of_the_input():
    items: object = [1, 2]
    plan = SegmentPlan(places(a=Sync()), [], [(LoopInput(items), ["a"])])  # type: ignore[arg-type]
    segment, _ = asyncio.run(drive(plan))
    assert failures_of(segment) == [(TypeError, "(input)", "source", 0)]


def test_an_item_that_a_relay_from_the_loop_cannot_send_is_a_failure_of_the_input():
    output = Refusing()
    segment, _ = asyncio.run(
        drive(SegmentPlan([], [], [(LoopInput(given(["good", "bad", "late"])), [output])]))
    )
    assert failures_of(segment) == [(TypeError, "(input)", "source", 1)]
    assert output.taken == ["good"]


def test_an_async_iterable_waits_while_there_is_no_room():
    async def main():
        asked = []
        unread = asyncio.Event()

        async def items():
            for item in itertools.count():
                asked.append(item)
                if item == 2:
                    unread.set()
                yield item

        output = LoopOutput(limit=2)

        async def read(segment):
            await unread.wait()
            # Whoever is ready gets its turn: nothing more is asked for.
            for _ in range(10):
                await asyncio.sleep(0)
            before = len(asked)
            segment.cancel()
            return before

        _, before = await drive(SegmentPlan([], [], [(LoopInput(items()), [output])]), read)
        return before, len(asked)

    before, after = asyncio.run(main())
    assert before == after == 3


@pytest.mark.parametrize("make", [Sync, Async])
def test_a_reader_that_never_reads_does_not_hold_up_a_cancel(make):
    async def main():
        full = asyncio.Event()
        closed = []

        async def items():
            try:
                for item in itertools.count():
                    if item > 4 * LIMIT:
                        full.set()
                    yield item
            finally:
                closed.append(True)

        output = LoopOutput(limit=1)
        plan = SegmentPlan(places(a=make()), [], [(LoopInput(items()), ["a"])], [(output, "a")])

        async def read(segment):
            # The chain's queue, the node's and the output's fill up, or the input waits before.
            waiting = asyncio.ensure_future(full.wait())
            for _ in range(20):
                await asyncio.sleep(0)
            waiting.cancel()
            segment.cancel()
            return await output.get()

        segment, last = await drive(plan, read)
        return segment.failures, last, closed

    failures, last, closed = asyncio.run(main())
    assert failures == []
    assert last is END
    assert closed in ([], [True])


def test_a_thread_that_waits_for_a_reader_is_woken_by_a_cancel():
    async def main():
        asked = threading.Event()

        def items():
            for item in itertools.count():
                if item == 1:
                    asked.set()
                yield item

        output = LoopOutput(limit=1)
        plan = SegmentPlan(places(a=Sync()), [], [(MemoryInput(items()), ["a"])], [(output, "a")])

        async def read(segment):
            first = await output.get()
            await asyncio.to_thread(asked.wait)
            segment.cancel()
            return first, await output.get()

        segment, taken = await drive(plan, read)
        return segment.failures, taken

    assert asyncio.run(main()) == ([], (0, END))


def test_a_cancel_cancels_what_an_async_iterable_awaits_and_closes_it():
    async def main():
        seen = []
        waits = asyncio.Event()

        async def items():
            try:
                yield 1
                waits.set()
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            finally:
                await asyncio.sleep(0)
                seen.append("closed")

        async def read(segment):
            await waits.wait()
            segment.cancel()

        segment, _ = await drive(SegmentPlan(places(a=Sync()), [], [(LoopInput(items()), ["a"])]), read)
        return segment.failures, seen

    assert asyncio.run(main()) == ([], ["cancelled", "closed"])


@pytest.mark.parametrize("make", [Sync, Async])
@pytest.mark.parametrize("is_async_input", [False, True])
def test_a_reader_that_closes_ends_what_feeds_it(make, is_async_input):
    async def main():
        closed = []

        output = LoopOutput()
        port = LoopInput(endless(closed)) if is_async_input else MemoryInput(itertools.count())
        plan = SegmentPlan(places(a=make()), [], [(port, ["a"])], [(output, "a")])

        async def read(_):
            taken = [await output.get() for _ in range(3)]
            output.close()
            return [*taken, await output.get()]

        segment, taken = await drive(plan, read)
        return segment.failures, taken, closed

    failures, taken, closed = asyncio.run(main())
    assert failures == []
    assert taken == [0, 1, 2, END]
    assert closed == ([True] if is_async_input else [])


def test_an_early_end_closes_the_input():
    async def main():
        closed = []

        output = LoopOutput()
        plan = SegmentPlan(
            places(a=Sync(), b=FirstOnly()),
            [("a", "b")],
            [(LoopInput(endless(closed)), ["a"])],
            [(output, "b")],
        )
        segment, taken = await drive(plan, lambda _: read_all(output))
        return segment.failures, taken, closed

    assert asyncio.run(main()) == ([], [0], [True])


def test_a_reader_that_gives_up_waiting_misses_nothing():
    async def main():
        go_on = asyncio.Event()

        async def items():
            await go_on.wait()
            yield "item"

        output = LoopOutput()

        async def read(_):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(output.get(), 0)
            waiting = asyncio.ensure_future(output.get())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            go_on.set()
            return await read_all(output)

        return (await drive(SegmentPlan([], [], [(LoopInput(items()), [output])]), read))[1]

    assert asyncio.run(main()) == ["item"]
