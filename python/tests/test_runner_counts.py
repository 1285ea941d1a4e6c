"""Counts of a chain, which come from what enters and what leaves it: exact also for the failing item."""

from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia.runner import Segment
from running import LOOP, plan_of


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
    segment = Segment(plan_of(*chain, items=range(count), has_metrics=has_metrics), LOOP)
    segment.open()
    segment.run()
    segment.close()
    assert [stage.count for stage in segment.stages] == [node.calls for node in chain]
    if has_metrics:
        assert [record["itemsIn"] for record in segment.metrics() or ()] == [node.calls for node in chain]
    failed = [
        (str(position), node.fails_at)
        for position, node in enumerate(chain)
        if node.fails_at is not None and node.calls > node.fails_at
    ]
    assert [(failure.node_id, failure.item_index) for failure in segment.failures] == failed
