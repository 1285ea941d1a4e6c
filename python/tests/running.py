"""Builds segments for the runner's tests, and runs several at once."""

import itertools
import threading

from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan

LOOP = LoopThread()


def plan_of(*nodes, items=(1,), take=None, **settings) -> SegmentPlan:
    """A chain of nodes with the ids "0", "1", and so on, between memory ports."""
    ids = [str(position) for position in range(len(nodes))]
    return SegmentPlan(
        [Place(node_id, node) for node_id, node in zip(ids, nodes, strict=True)],
        list(itertools.pairwise(ids)),
        [(MemoryInput(items), ids[:1])],
        [(MemoryOutput(take or (lambda _: None)), ids[-1])],
        **settings,
    )


def run(*nodes, items=(1,)):
    """The outputs of a chain of nodes, which must not fail."""
    outputs = []
    segment = Segment(plan_of(*nodes, items=items, take=outputs.append), LOOP)
    segment.open()
    segment.run()
    assert segment.close() == []
    assert segment.failures == []
    return outputs


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
