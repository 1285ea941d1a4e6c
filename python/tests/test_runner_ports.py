"""Inputs and outputs of a segment: relays, failures of the input, ports on the caller's loop."""

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
from running import LOOP


class Same:
    def process(self, item):
        return item


class SameAsync:
    async def process(self, item):
        await asyncio.sleep(0)
        return item


class FirstOnly:
    is_streaming = True

    async def process(self, stream):
        async for item in stream:
            yield item
            return


class Refusing(MemoryOutput):
    """Cannot send the item "bad"."""

    def __init__(self):
        self.taken = []
        super().__init__(self.take)

    def take(self, item):
        if item == "bad":
            raise TypeError("cannot be sent")
        self.taken.append(item)


def places(**nodes):
    return [Place(node_id, node) for node_id, node in nodes.items()]


def run_here(plan, **options):
    segment = Segment(plan, LOOP, **options)
    segment.open()
    segment.run()
    assert segment.close() == []
    return segment


def failures_of(segment):
    return [
        (type(failure.error), failure.node_id, failure.phase, failure.item_index)
        for failure in segment.failures
    ]


# Relays


def test_items_go_from_an_input_to_an_output_without_a_node():
    taken = []
    thing = object()
    items = [1, None, thing, [None]]
    segment = run_here(SegmentPlan([], [], [(MemoryInput(items), [MemoryOutput(taken.append)])]))
    assert segment.failures == []
    assert taken == items
    assert taken[2] is thing


def test_an_input_may_feed_nodes_and_outputs():
    relayed, same, same_async = [], [], []
    plan = SegmentPlan(
        places(a=Same(), b=SameAsync()),
        [],
        [(MemoryInput(range(500)), ["a", MemoryOutput(relayed.append), "b"])],
        [(MemoryOutput(same.append), "a"), (MemoryOutput(same_async.append), "b")],
    )
    assert run_here(plan).failures == []
    assert relayed == same == same_async == list(range(500))


def test_an_item_that_a_relay_cannot_send_is_a_failure_of_the_input():
    output = Refusing()
    segment = run_here(SegmentPlan([], [], [(MemoryInput(["good", "bad", "late"]), [output])]))
    assert failures_of(segment) == [(TypeError, "(input)", "source", 1)]
    assert output.taken == ["good"]


def test_an_item_that_an_output_cannot_send_is_a_failure_of_the_node_before_it():
    output = Refusing()
    items = ["good", "good", "bad", "late"]
    plan = SegmentPlan(
        places(a=Same(), b=Same()), [("a", "b")], [(MemoryInput(items), ["a"])], [(output, "b")]
    )
    assert failures_of(run_here(plan)) == [(TypeError, "b", "process", 2)]
    assert output.taken == ["good", "good"]


# Failures of an input


@pytest.mark.parametrize("targets", [["a"], ["b"], ["a", "b"]])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_an_iterable_that_raises_is_a_failure_of_the_input(targets, count):
    def items():
        yield from range(count)
        raise OSError("disk")

    outputs = {"a": [], "b": []}
    plan = SegmentPlan(
        places(**{name: {"a": Same(), "b": SameAsync()}[name] for name in targets}),
        [],
        [(MemoryInput(items()), targets)],
        [(MemoryOutput(outputs[name].append), name) for name in targets],
    )
    assert failures_of(run_here(plan)) == [(OSError, "(input)", "source", count)]
    assert outputs["a"] == (list(range(count)) if "a" in targets else [])


def test_a_stop_ends_an_endless_input():
    seen = []

    class Ten:
        def process(self, item):
            seen.append(item)
            if item == 9:
                segment.stop()

    segment = Segment(SegmentPlan(places(a=Ten()), [], [(MemoryInput(itertools.count()), ["a"])]), LOOP)
    segment.open()
    segment.run()
    segment.close()
    assert seen == list(range(10))


def test_a_segment_forgets_its_items_when_it_is_closed():
    class Thing:
        pass

    items = [Thing()]
    plan = SegmentPlan(places(a=Same()), [], [(MemoryInput(items), ["a"])])
    segment = run_here(plan)
    port = plan.inputs[0][0]
    assert segment.failures == []
    assert list(port._items) == []  # type: ignore[attr-defined]


# On the caller's loop


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


@pytest.mark.parametrize(
    "nodes", [[Same], [SameAsync], [Same, SameAsync], [SameAsync, Same], [Same, SameAsync, Same]]
)
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
        plan = SegmentPlan(places(a=Same()), [], [(MemoryInput(range(50)), ["a"])], [(output, "a")])
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
    node = {"a": Same(), "b": SameAsync()}[target]
    plan = SegmentPlan([Place(target, node)], [], [(LoopInput(items()), [target])], [(output, target)])

    segment, _ = asyncio.run(drive(plan, lambda _: read_all(output)))
    assert failures_of(segment) == [(OSError, "(input)", "source", 300)]


def test_what_is_no_async_iterable_is_a_failure_of_the_input():
    items: object = [1, 2]
    plan = SegmentPlan(places(a=Same()), [], [(LoopInput(items), ["a"])])  # type: ignore[arg-type]
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


@pytest.mark.parametrize("make", [Same, SameAsync])
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
        plan = SegmentPlan(places(a=Same()), [], [(MemoryInput(items()), ["a"])], [(output, "a")])

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

        segment, _ = await drive(SegmentPlan(places(a=Same()), [], [(LoopInput(items()), ["a"])]), read)
        return segment.failures, seen

    assert asyncio.run(main()) == ([], ["cancelled", "closed"])


@pytest.mark.parametrize("make", [Same, SameAsync])
@pytest.mark.parametrize("is_async_input", [False, True])
def test_a_reader_that_closes_ends_what_feeds_it(make, is_async_input):
    async def main():
        closed = []

        async def endless():
            try:
                for item in itertools.count():
                    yield item
            finally:
                closed.append(True)

        output = LoopOutput()
        port = LoopInput(endless()) if is_async_input else MemoryInput(itertools.count())
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

        async def endless():
            try:
                for item in itertools.count():
                    yield item
            finally:
                closed.append(True)

        output = LoopOutput()
        plan = SegmentPlan(
            places(a=Same(), b=FirstOnly()), [("a", "b")], [(LoopInput(endless()), ["a"])], [(output, "b")]
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
