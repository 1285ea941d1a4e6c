"""Builds segments for the runner's tests, and runs them, also several at once."""

import itertools
import threading

from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan

LOOP = LoopThread()


class Refusing(MemoryOutput):
    """Cannot send the item "bad"."""

    def __init__(self):
        self.taken = []
        super().__init__(self.take)

    def take(self, item):
        if item == "bad":
            raise TypeError("cannot be sent")
        self.taken.append(item)


def places(**nodes) -> list[Place]:
    """Nodes by their ids."""
    return [Place(node_id, node) for node_id, node in nodes.items()]


def plan_of(*nodes, items=(1,), take=None, **settings) -> SegmentPlan:
    """A chain of nodes with the ids "0", "1", and so on, between memory ports."""
    ids = [str(position) for position in range(len(nodes))]
    return SegmentPlan(
        places(**dict(zip(ids, nodes, strict=True))),
        list(itertools.pairwise(ids)),
        [(MemoryInput(items), ids[:1])],
        [(MemoryOutput(take or (lambda _: None)), ids[-1])],
        **settings,
    )


def complete(segment: Segment) -> None:
    """Open, run and close a segment, whose ``cleanup`` must not fail."""
    segment.open()
    segment.run()
    assert segment.close() == []


def run_plan(plan, **options) -> Segment:
    """The segment of a plan after its run."""
    segment = Segment(plan, LOOP, **options)
    complete(segment)
    return segment


def run(*nodes, items=(1,)):
    """The outputs of a chain of nodes, which must not fail."""
    outputs = []
    assert run_plan(plan_of(*nodes, items=items, take=outputs.append)).failures == []
    return outputs


def run_graph(nodes, edges, inputs, outputs_of, items, has_metrics=False):
    """The outputs of all nodes that are named last, as they come, and the segment."""
    outputs = []
    plan = SegmentPlan(
        places(**nodes),
        edges,
        [(MemoryInput(items), inputs)],
        [(MemoryOutput(outputs.append), node_id) for node_id in outputs_of],
        has_metrics,
    )
    return outputs, run_plan(plan)


def failures_of(segment: Segment):
    """Class, node, phase and item of each failure of a run."""
    return [
        (type(failure.error), failure.node_id, failure.phase, failure.item_index)
        for failure in segment.failures
    ]


def failures_in(*nodes, items=(1,), outputs=None, cancel_at=None):
    """What fails in a chain of nodes, which is cancelled when an output equals ``cancel_at``."""

    def take(item):
        if outputs is not None:
            outputs.append(item)
        if item == cancel_at:
            segment.cancel()

    segment = Segment(plan_of(*nodes, items=items, take=take), LOOP)
    complete(segment)
    return segment.failures


def at_once(*calls):
    """What calls give that are made in a thread each; an error of one is raised here."""
    results = {}

    def work(position, call):
        try:
            results[position] = call()
        except BaseException as error:
            results[position] = error

    threads = [
        threading.Thread(target=work, args=(position, call), daemon=True)
        for position, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == len(calls), "a call has not come back: deadlock"
    for result in results.values():
        if isinstance(result, BaseException):
            raise result
    return [results[position] for position in range(len(calls))]
