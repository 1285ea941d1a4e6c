"""Counts of a chain, which come from what enters and what leaves it: exact also for the failing item."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner_nodes import Async, Many, ManyAsync, Stream, Sync
from running import plan_of, run_graph, run_plan


class Node:
    """Gives each item ``times`` times, as a generator, but fails at its call number ``fails_at``."""

    def __init__(self, times, fails_at, gives_generator):
        self.times, self.fails_at, self.gives_generator = times, fails_at, gives_generator
        self.calls = 0

    def process(self, item):
        self.calls += 1
        if self.calls - 1 == self.fails_at:
            raise ValueError("boom")
        if self.gives_generator:
            return iter([item] * self.times)
        return item if self.times else None


nodes = st.builds(Node, st.integers(0, 3), st.one_of(st.none(), st.integers(0, 12)), st.booleans())


@settings(deadline=None)
@given(st.lists(nodes, min_size=1, max_size=5), st.integers(0, 10), st.booleans())
def test_every_node_is_counted_exactly(chain, count, has_metrics):
    for node in chain:
        node.calls = 0
    segment = run_plan(plan_of(*chain, items=range(count), has_metrics=has_metrics))
    assert [stage.count for stage in segment.stages] == [node.calls for node in chain]
    if has_metrics:
        assert [record["itemsIn"] for record in segment.metrics() or ()] == [node.calls for node in chain]
    failed = [
        (str(position), node.fails_at)
        for position, node in enumerate(chain)
        if node.fails_at is not None and node.calls > node.fails_at
    ]
    assert [(failure.node_id, failure.item_index) for failure in segment.failures] == failed


@pytest.mark.parametrize("make", [Sync, Async, lambda: Many(1), lambda: ManyAsync(1), Stream])
def test_metrics_count_the_same_for_every_kind(make):
    nodes = {"a": make()}
    _, segment = run_graph(nodes, [], ["a"], ["a"], range(1_200), has_metrics=True)
    (record,) = segment.metrics() or [{}]
    assert (record["itemsIn"], record["itemsOut"], record["errors"]) == (1_200, 1_200, 0)
    if not getattr(nodes["a"], "is_streaming", False):
        assert record["measured"] == 1_000 + len([n for n in range(1_000, 1_200) if n % 64 == 0])
