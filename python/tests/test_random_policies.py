"""Random graphs with failure policies and queues, against a model of what comes out of every path."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia import FailurePolicy, Node, Pipeline, QueueLimits, RetryPolicy

Item = tuple[int, str]
"""What passes: its number, and the nodes that it has passed."""


@dataclass
class Spec:
    kind: str
    failures: int
    attempts: int
    concurrency: int
    queue: QueueLimits | None

    def fails(self, item: Item) -> bool:
        return self.failures > 0 and item[0] % 3 == 0

    def gives_up(self, item: Item) -> bool:
        return self.fails(item) and self.failures > self.attempts


class Passing(Node):
    """Passes items; every third one fails so often before that."""

    def __init__(self, number: int, spec: Spec) -> None:
        super().__init__()
        self.number, self.spec = number, spec
        self.calls: Counter[Item] = Counter()
        self.concurrency = spec.concurrency
        self.input_queue = spec.queue
        retry = RetryPolicy(spec.attempts, delay_ms=0) if spec.attempts else None
        self.failure_policy = FailurePolicy("skip", retry)

    def passed(self, item: Item) -> Item:
        self.calls[item] += 1
        if self.spec.fails(item) and self.calls[item] <= self.spec.failures:
            raise ValueError(item)
        return item[0], f"{item[1]}>{self.number}"


class Sync(Passing):
    def process(self, item: Item) -> Any:
        return self.passed(item)


class Later(Passing):
    async def process(self, item: Item) -> Any:
        await asyncio.sleep(0)
        return self.passed(item)


class Many(Passing):
    def process(self, item: Item) -> Any:
        yield self.passed(item)


class ManyLater(Passing):
    async def process(self, item: Item) -> Any:
        await asyncio.sleep(0)
        yield self.passed(item)


KINDS = {"sync": Sync, "later": Later, "many": Many, "many later": ManyLater}


@dataclass
class Graph:
    specs: list[Spec]
    edges: dict[tuple[int, int], QueueLimits | None]
    count: int


@dataclass
class Taken:
    outputs: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    letters: Counter[tuple[int, Item]] = field(default_factory=Counter[tuple[int, Item]])

    def note(self, items: list[Item]) -> None:
        for number, path in items:
            self.outputs.setdefault(path, []).append(number)


BLOCKING = st.builds(QueueLimits, max_items=st.integers(1, 3))
DROPPING = st.builds(
    QueueLimits,
    max_items=st.integers(1, 3),
    when_full=st.sampled_from(["drop-oldest", "drop-newest", "latest"]),
)


@st.composite
def graphs(draw: st.DrawFn, queues: st.SearchStrategy[QueueLimits | None]) -> Graph:
    specs = draw(
        st.lists(
            st.builds(
                Spec,
                kind=st.sampled_from(sorted(KINDS)),
                failures=st.sampled_from([0, 0, 1, 2]),
                attempts=st.integers(0, 2),
                concurrency=st.sampled_from([1, 1, 3]),
                queue=queues,
            ),
            min_size=2,
            max_size=6,
        )
    )
    edges: dict[tuple[int, int], QueueLimits | None] = {}
    for target in range(1, len(specs)):
        before = draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=3))
        edges |= {(origin, target): draw(queues) for origin in sorted(before)}
    return Graph(specs, edges, draw(st.integers(0, 30)))


def expected_of(graph: Graph) -> Taken:
    """What comes out of every path from the first node to a last one, and what is given up on the way."""
    taken = Taken()

    def give(number: int, items: list[Item]) -> None:
        spec = graph.specs[number]
        taken.letters.update((number, item) for item in items if spec.gives_up(item))
        made = [(item[0], f"{item[1]}>{number}") for item in items if not spec.gives_up(item)]
        after = [target for origin, target in graph.edges if origin == number]
        if not after:
            taken.note(made)
        for target in after:
            give(target, made)

    give(0, [(index, "") for index in range(graph.count)])
    return taken


async def taken_from(graph: Graph) -> Taken:
    """What a run gives; every item that was given to a node has come to it, or was dropped there."""
    taken = Taken()
    pipeline = Pipeline(name="random", enable_metrics=True)
    pipeline.nodes = [
        {"id": f"n{number}", "instance": KINDS[spec.kind](number, spec)}
        for number, spec in enumerate(graph.specs)
    ]
    pipeline.connections = [(f"n{origin}", f"n{target}") for origin, target in graph.edges]
    pipeline.queues = {
        (f"n{origin}", f"n{target}"): limits
        for (origin, target), limits in graph.edges.items()
        if limits is not None
    }
    items: list[Item] = [(index, "") for index in range(graph.count)]

    def take(letter: Any) -> None:
        taken.letters[int(letter.node_id[1:]), letter.item] += 1

    outputs = await pipeline.run(items, on_dead_letter=take)
    taken.note([outputs] if isinstance(outputs, tuple) else outputs)
    records = {record["node_id"]: record for record in (pipeline.get_metrics() or {})["node_metrics"]}
    for number in range(len(graph.specs)):
        record = records[f"n{number}"]
        before = [records[f"n{origin}"]["items_out"] for origin, target in graph.edges if target == number]
        assert record["items_in"] + record["items_dropped"] == (sum(before) if number else graph.count)
    return taken


@settings(max_examples=60, deadline=None)
@given(graphs(st.none() | BLOCKING))
def test_each_item_comes_out_of_every_path_or_is_given_up_where_its_policy_says_so(graph: Graph) -> None:
    taken, expected = asyncio.run(asyncio.wait_for(taken_from(graph), 30)), expected_of(graph)
    assert taken.outputs == expected.outputs
    assert taken.letters == expected.letters


@settings(max_examples=60, deadline=None)
@given(graphs(st.none() | BLOCKING | DROPPING))
def test_queues_that_drop_lose_nothing_that_is_not_counted_and_keep_the_order(graph: Graph) -> None:
    taken, expected = asyncio.run(asyncio.wait_for(taken_from(graph), 30)), expected_of(graph)
    for path, numbers in taken.outputs.items():
        assert numbers == [number for number in expected.outputs[path] if number in set(numbers)]
    assert taken.letters <= expected.letters
    assert set(chain.from_iterable(taken.outputs.values())) <= set(range(graph.count))
