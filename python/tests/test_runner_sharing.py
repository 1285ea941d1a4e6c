"""Objects that several runs use at once: never inside ``process`` twice, and no run waits for ever."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remotemedia.core import lifecycle
from remotemedia.runner import Segment
from running import LOOP, at_once, plan_of, run


class Exclusive:
    """Notes when it is entered while it is inside."""

    def __init__(self):
        self.is_inside = False
        self.overlaps = 0

    def enter(self):
        self.overlaps += self.is_inside
        self.is_inside = True
        for _ in range(20):
            pass
        self.is_inside = False

    def process(self, item):
        self.enter()
        return item


class Dropping(Exclusive):
    def process(self, item):
        self.enter()
        return item if item % 2 else None


class Iterating(Exclusive):
    """A plain function that gives many, so that calls and steps alternate."""

    def process(self, item):
        self.enter()
        return map(self.give, (item, item))

    def give(self, item):
        self.enter()
        return item


class Flushing(Exclusive):
    def flush(self):
        self.enter()


class Gate:
    """Holds the first call until it is told to go on."""

    def __init__(self):
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.inside = []
        self.seen = []

    def process(self, item):
        self.inside.append(item)
        self.seen.append(list(self.inside))
        if item == "first":
            self.entered.set()
            assert self.go_on.wait(30)
        self.inside.remove(item)
        return item


def test_a_run_that_comes_later_waits_for_the_call_that_is_inside():
    node = Gate()
    opened = threading.Event()

    def second():
        assert node.entered.wait(30)
        segment = Segment(plan_of(node, items=["second"]), LOOP)
        segment.open()
        opened.set()
        segment.run()
        segment.close()

    def release():
        assert opened.wait(30)
        # The other run is about to call the node, or waits already: either way it is not inside.
        node.go_on.set()

    at_once(lambda: run(node, items=["first", "third"]), second, release)
    assert all(len(inside) == 1 for inside in node.seen)
    assert len(node.seen) == 3


def test_opening_waits_for_no_call_of_another_run():
    # The call inside ends only after a run has ended that opens the same node.
    node = Gate()

    def second():
        assert node.entered.wait(30)
        segment = Segment(plan_of(node, items=[]), LOOP)
        segment.open()
        segment.close()
        node.go_on.set()

    outputs, _ = at_once(lambda: run(node, items=["first"]), second)
    assert outputs == ["first"]


@pytest.mark.parametrize("make", [Exclusive, Dropping, Iterating, Flushing])
def test_runs_that_come_and_go_are_never_inside_together(quick_switching, make):
    node = make()

    def many_short():
        for _ in range(60):
            run(node, items=range(10))

    at_once(lambda: run(node, items=range(20_000)), many_short, many_short)
    assert node.overlaps == 0


def test_a_run_alone_calls_the_very_method():
    node = Exclusive()
    segment = Segment(plan_of(node), LOOP)
    segment.open()
    assert segment.stages[0].process == node.process
    segment.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.permutations(range(4)), min_size=2, max_size=5), st.integers(1, 200))
def test_runs_that_share_nodes_in_any_order_come_to_an_end(quick_switching, orders, count):
    nodes = [Exclusive(), Iterating(), Exclusive(), Flushing()]
    runs = [
        lambda order=order: run(*(nodes[position] for position in order), items=range(count))
        for order in orders
    ]
    for outputs in at_once(*runs):
        assert outputs == [item for item in range(count) for _ in range(2)]
    assert [node.overlaps for node in nodes] == [0, 0, 0, 0]


def test_a_node_may_run_a_pipeline_with_other_nodes_of_its_own_run():
    later = Exclusive()

    class Outer:
        def process(self, item):
            return run(later, items=[item])[0]

    assert run(Outer(), later, items=range(50)) == list(range(50))
    assert later.overlaps == 0


def test_a_node_may_run_a_pipeline_with_itself():
    class Halving:
        def process(self, item):
            return item if item < 2 else run(self, items=[item // 2])[0]

    assert run(Halving(), items=[1, 8, 100]) == [1, 1, 1]


def test_two_runs_whose_nodes_run_each_others_nodes_come_to_an_end(quick_switching):
    shared = [Exclusive(), Exclusive()]

    class Outer:
        def __init__(self, inner):
            self.inner = inner

        def process(self, item):
            return run(self.inner, items=[item])[0]

    first = [Outer(shared[0]), shared[1]]
    second = [Outer(shared[1]), shared[0]]
    results = at_once(lambda: run(*first, items=range(200)), lambda: run(*second, items=range(200)))
    assert results == [list(range(200))] * 2
    assert [node.overlaps for node in shared] == [0, 0]


def test_a_run_that_has_ended_is_not_waited_for():
    class Failing:
        def process(self, item):
            raise KeyboardInterrupt

    node = Failing()
    segment = Segment(plan_of(node), LOOP)
    segment.open()
    segment.run()
    other = Segment(plan_of(node), LOOP)
    other.open()
    segment.close()
    at_once(other.run)
    assert [type(failure.error) for failure in other.failures] == [KeyboardInterrupt]
    other.close()


def test_the_count_of_users_comes_back_to_none():
    node = Exclusive()
    at_once(*(lambda: run(node, items=range(100)) for _ in range(4)))
    record = lifecycle.record_of(node)
    assert record.enter(lambda: False)
    record.initialized(False)
