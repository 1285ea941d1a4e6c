"""Inputs and outputs of a segment: relays, and failures of an input or an output."""

import pytest

from remotemedia.runner import MemoryInput, MemoryOutput, SegmentPlan
from runner_nodes import Async, Sync
from running import Refusing, failures_of, places, run_graph, run_plan


def test_items_go_from_an_input_to_an_output_without_a_node():
    taken = []
    thing = object()
    items = [1, None, thing, [None]]
    segment = run_plan(SegmentPlan([], [], [(MemoryInput(items), [MemoryOutput(taken.append)])]))
    assert segment.failures == []
    assert taken == items
    assert taken[2] is thing


def test_an_input_may_feed_nodes_and_outputs():
    relayed, same, same_async = [], [], []
    plan = SegmentPlan(
        places(a=Sync(), b=Async()),
        [],
        [(MemoryInput(range(500)), ["a", MemoryOutput(relayed.append), "b"])],
        [(MemoryOutput(same.append), "a"), (MemoryOutput(same_async.append), "b")],
    )
    assert run_plan(plan).failures == []
    assert relayed == same == same_async == list(range(500))


def test_an_item_that_a_relay_cannot_send_is_a_failure_of_the_input():
    output = Refusing()
    segment = run_plan(SegmentPlan([], [], [(MemoryInput(["good", "bad", "late"]), [output])]))
    assert failures_of(segment) == [(TypeError, "(input)", "source", 1)]
    assert output.taken == ["good"]


def test_an_item_that_an_output_cannot_send_is_a_failure_of_the_node_before_it():
    output = Refusing()
    items = ["good", "good", "bad", "late"]
    plan = SegmentPlan(
        places(a=Sync(), b=Sync()), [("a", "b")], [(MemoryInput(items), ["a"])], [(output, "b")]
    )
    assert failures_of(run_plan(plan)) == [(TypeError, "b", "process", 2)]
    assert output.taken == ["good", "good"]


@pytest.mark.parametrize("targets", [["a"], ["b"], ["a", "b"]])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_an_iterable_that_raises_is_a_failure_of_the_input(targets, count):
    def items():
        yield from range(count)
        raise OSError("disk")

    outputs = {"a": [], "b": []}
    plan = SegmentPlan(
        places(**{name: {"a": Sync(), "b": Async()}[name] for name in targets}),
        [],
        [(MemoryInput(items()), targets)],
        [(MemoryOutput(outputs[name].append), name) for name in targets],
    )
    assert failures_of(run_plan(plan)) == [(OSError, "(input)", "source", count)]
    assert outputs["a"] == (list(range(count)) if "a" in targets else [])


def test_a_segment_forgets_its_items_when_it_is_closed():
    class Thing:
        pass

    items = [Thing()]
    plan = SegmentPlan(places(a=Sync()), [], [(MemoryInput(items), ["a"])])
    segment = run_plan(plan)
    port = plan.inputs[0][0]
    assert segment.failures == []
    assert list(port._items) == []  # type: ignore[attr-defined]


def test_an_input_that_raises_is_a_failure_of_the_run():
    def items():
        yield 1
        raise OSError("disk")

    outputs, segment = run_graph({"a": Sync()}, [], ["a"], ["a"], items())
    assert outputs == [1]
    assert [str(failure.error) for failure in segment.failures] == ["disk"]
