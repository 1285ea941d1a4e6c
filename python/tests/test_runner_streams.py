"""Streaming nodes with a sync ``process``, in a thread of their own, and what their input refuses."""

import asyncio
import itertools
import threading
from functools import partial
from typing import Any

import pytest

from remotemedia.core.exceptions import InvalidNodeError
from remotemedia.runner import MemoryInput, MemoryOutput, Place, SegmentPlan
from remotemedia.runner.ports import InputPort
from runner_nodes import AsyncAtOnce, Streaming, Sync, plain
from running import LOOP, failures_in, run, run_plan


def total(items):
    result = 0
    for item in items:
        result += item
    return result


def with_nones(items):
    for item in items:
        yield item
        yield None


async def doubled(items):
    async for item in items:
        yield item * 2


async def counted(items):
    return len([item async for item in items])


async def iterator_later(items):
    return (item for item in items)


N = 1_000
ALL = list(range(N))
FORMS = {
    "a list is one output": (lambda items: [item for item in items], [ALL]),  # noqa: C416 - as users write it
    "a text is one output": (lambda items: "".join(map(str, items)), ["".join(map(str, ALL))]),
    "a value": (total, [sum(ALL)]),
    "None is no output": (lambda items: [None for _ in items].clear(), []),
    "an iterator": (lambda items: map(str, items), [str(item) for item in ALL]),
    "a generator": (plain, ALL),
    "a generator over what was taken before": (lambda items: (item for item in list(items)), ALL),
    "None among others": (with_nones, ALL),
    "its input": (lambda items: items, ALL),
    "an async generator": (doubled, [item * 2 for item in ALL]),
    "an awaitable": (counted, [N]),
    "an awaitable of an iterator": (iterator_later, ALL),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", [Sync, AsyncAtOnce])
def test_what_a_sync_process_returns_counts_as_it_does_for_any_node(form, around):
    make, expected = FORMS[form]
    assert run(around(), Streaming(make), around(), items=range(N)) == expected


def test_an_open_file_is_one_output(tmp_path):
    (tmp_path / "lines").write_text("one\ntwo\n")
    with (tmp_path / "lines").open() as file:
        assert run(Streaming(lambda items: file if list(items) else None)) == [file]
        assert not file.closed


def test_the_whole_life_of_the_node_is_in_one_thread_that_is_not_the_loops():
    node = Streaming(lambda items: list(map(str, items)))
    run(node, items=range(3))
    loop_thread = LOOP.run(ident_of_this_thread())
    assert len(node.threads) == 1
    assert node.threads.isdisjoint({loop_thread, threading.get_ident()})


async def ident_of_this_thread():
    return threading.get_ident()


def taken_by_for(items):
    async def process():
        return [item for item in items]  # noqa: C416 - as users write it

    return process()


async def generated_by_for(items):
    for item in items:
        yield item


class Wrong:
    is_streaming = True

    async def process(self, items):
        return [item for item in items]  # noqa: C416 - as users write it


class WrongGenerator:
    is_streaming = True

    async def process(self, items):
        for item in items:
            yield item


class WrongInTheCallersThread:
    is_streaming = True
    run_on = "caller"

    def process(self, items):
        return list(items)


WRONG = [
    Wrong,
    WrongGenerator,
    WrongInTheCallersThread,
    lambda: Streaming(taken_by_for),
    lambda: Streaming(generated_by_for),
]


@pytest.mark.parametrize("make", WRONG)
def test_a_plain_for_on_the_loop_fails_at_once_and_says_what_to_write(make):
    (failure,) = failures_in(Sync(), make(), items=range(3))
    assert (failure.node_id, failure.phase) == ("1", "stream")
    assert isinstance(failure.error, InvalidNodeError)
    assert 'Node "1"' in str(failure.error)
    assert "use async for" in str(failure.error)


def test_an_async_node_may_read_its_input_in_another_thread():
    class Apart:
        is_streaming = True

        async def process(self, items):
            return await asyncio.to_thread(list, items)

    assert run(Sync(), Apart(), items=range(N)) == [ALL]


def test_outputs_before_an_error_come_and_the_error_names_the_node():
    def fail_at_300(items):
        for item in items:
            if item == 300:
                raise ValueError("boom")
            yield item

    outputs = []
    (failure,) = failures_in(Sync(), Streaming(fail_at_300), Sync(), items=range(N), outputs=outputs)
    assert (str(failure.error), failure.node_id, failure.phase) == ("boom", "1", "stream")
    assert outputs == ALL[:300]


@pytest.mark.parametrize("items", [(), range(3)])
def test_next_after_the_last_item_is_an_error_of_the_node(items):
    def one_too_many(items):
        while True:
            next(items)

    (failure,) = failures_in(Streaming(one_too_many), items=items)
    assert isinstance(failure.error, RuntimeError)
    assert isinstance(failure.error.__cause__, StopIteration)
    assert failure.node_id == "0"


class Telling:
    """Tells that an item has come."""

    def __init__(self, came):
        self.came = came

    async def process(self, item):
        self.came.set()


def test_an_output_does_not_wait_for_more_input():
    came = threading.Event()

    def one_by_one():
        for item in range(200):
            came.clear()
            yield item
            assert came.wait(30), f"output {item} waits for the next item"

    assert run(Streaming(plain), Telling(came), items=one_by_one()) == []


def test_an_output_does_not_wait_for_the_work_on_the_next_item():
    came = threading.Event()

    def waits_for_its_output(items):
        for item in items:
            came.clear()
            yield item
            assert came.wait(30), f"output {item} waits for the next one"

    assert run(Streaming(waits_for_its_output), Telling(came), items=range(500)) == []


def test_a_node_is_not_far_ahead_of_the_one_behind_it():
    given, ahead = itertools.count(), []
    state = {"given": 0}

    def count(items):
        for item in items:
            state["given"] = next(given) + 1
            yield item

    class Slow:
        async def process(self, item):
            for _ in range(5):
                await asyncio.sleep(0)
            ahead.append(state["given"] - item)

    run(Streaming(count), Slow(), items=range(3_000))
    assert len(ahead) == 3_000
    assert max(ahead) < 600


def test_several_inputs_all_come():
    ends = {name: Sync() for name in "ab"}
    outputs = []
    plan = SegmentPlan(
        [*(Place(name, node) for name, node in ends.items()), Place("c", Streaming(plain))],
        [("a", "c"), ("b", "c")],
        [(MemoryInput(range(N)), ["a"]), (MemoryInput(range(N, 2 * N)), ["b"])],
        [(MemoryOutput(outputs.append), "c")],
    )
    segment = run_plan(plan)
    assert segment.failures == []
    assert sorted(outputs) == list(range(2 * N))


def test_items_are_done_when_the_next_one_is_asked_for():
    done, outputs = [], []

    class Channel(InputPort):
        is_pulled = True

        def step(self, limit):
            target: Any = self.targets[0]
            for item in range(300):
                target.inbox.put_from_thread(item, -1, partial(done.append, item))
            self.finish()

    def look(items):
        for item in items:
            yield item, len(done)

    plan = SegmentPlan(
        [Place("a", Streaming(look))], [], [(Channel(), ["a"])], [(MemoryOutput(outputs.append), "a")]
    )
    segment = run_plan(plan)
    assert segment.failures == []
    assert outputs == [(item, item) for item in range(300)]
    assert done == list(range(300))
