"""Items that are handed from thread to thread: in order, without a deadlock, and with no wake-up lost."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remotemedia.runner.handoff import LIMIT, Inbox
from runner_nodes import Async, Many, ManyAsync, Stream, Sync
from running import run, run_graph


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


def test_many_more_items_than_a_hand_off_holds_stay_in_order():
    nodes = [Sync(), Async(), Sync(), Stream(), Many(3), ManyAsync(2), Sync()]
    expected = [item for item in range(500) for _ in range(6)]
    assert run(*nodes, items=range(500)) == expected


def test_a_chain_may_be_longer_than_the_stack():
    assert run(*(Sync() for _ in range(2_000)), items=[1, 2]) == [1, 2]


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
    _, segment = run_graph(nodes, edges, ["0"], last, range(count))
    assert segment.failures == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.integers(200, 400))
def test_random_graphs_come_to_an_end_however_threads_alternate(quick_switching, graph, count):
    kinds, edges = graph
    nodes = {str(position): KINDS[kind]() for position, kind in enumerate(kinds)}
    last = [node_id for node_id in nodes if all(origin != node_id for origin, _ in edges)]
    _, segment = run_graph(nodes, edges, ["0"], last, range(count))
    assert segment.failures == []


def test_a_thread_that_waits_for_room_and_meanwhile_waited_for_the_same_room_deeper_is_woken(quick_switching):
    # "a" waits for room at "d"; the thread serves "c" meanwhile, which waits for room at "d" as well.
    edges = [("a", "d"), ("a", "b"), ("b", "c"), ("c", "d")]
    for _ in range(20):
        nodes = {"a": Many(3), "b": ManyAsync(2), "c": Many(3), "d": Async()}
        outputs, segment = run_graph(nodes, edges, ["a"], ["d"], range(200))
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
