"""The table of cases, on the runner alone: memory ports, no host."""

import pytest

import conformance_nodes
from cases import CASES, check, edges_of, ends_of, ids_of, limits_of, new_journal
from remotemedia.core.settings import read_settings
from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from remotemedia.runner.plan import OpenError


@pytest.fixture(scope="module")
def loop_thread():
    return LoopThread()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, loop_thread):
    journal = new_journal()
    owner = ids_of(case)
    made = {
        entry["id"]: getattr(conformance_nodes, entry["type"])(
            entry["id"], journal, **entry.get("params", {})
        )
        for entry in case["nodes"]
        if owner[entry["id"]] == entry["id"]
    }
    places = [
        Place(entry["id"], made[owner[entry["id"]]], read_settings(entry, entry["id"]))
        for entry in case["nodes"]
    ]
    outputs = []

    def take(item):
        outputs.append(item)
        if len(outputs) == case.get("cancelAfter"):
            segment.cancel()

    first, last = ends_of(case)
    plan = SegmentPlan(
        places,
        [(origin, target) for origin, target in edges_of(case)],
        [(MemoryInput(case["input"]), first)] if "input" in case else [],
        [(MemoryOutput(take), node_id) for node_id in last],
        queues=limits_of(case),
    )
    segment = Segment(plan, loop_thread)
    letters = []
    segment.on_dead_letter = letters.append
    failures = []
    try:
        segment.open()
        segment.run()
        failures += segment.failures
        failures += segment.close()
    except OpenError as error:
        failures.append(error.failure)
    entries = conformance_nodes.Journal(journal).entries()
    given_up = [(letter.node_id, letter.item_index, letter.item) for letter in letters]
    check(case, outputs, [failure.as_map() for failure in failures], entries, given_up)
