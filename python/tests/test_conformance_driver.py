"""The table of cases, through a Python program: its own objects here, and behind a TypeScript node."""

import asyncio
import re

import pytest

import conformance_nodes
from cases import (
    CASES,
    SESSION_CASES,
    can_have_replicas,
    check,
    check_account,
    edges_of,
    ends_of,
    ids_of,
    limits_of,
    new_journal,
    queues_of,
    settings_in,
)
from remotemedia import Pipeline, execute_pipeline_sync, execute_pipeline_with_input_sync
from remotemedia.core.exceptions import NodeBusyError

NOTE = re.compile(r'^RemoteMedia: in (\w+)\(\) of node "([^"]+)"(?:, item (\d+))?$')


def manifest_of(case, journal, with_engine):
    """The case as nodes and connections, perhaps with a TypeScript node before all else."""
    owner = ids_of(case)
    made = {}
    for entry in case["nodes"]:
        if owner[entry["id"]] == entry["id"]:
            kind = getattr(conformance_nodes, entry["type"])
            made[entry["id"]] = kind(entry["id"], journal, **entry.get("params", {}))
    nodes = [
        {"id": entry["id"], "instance": made[owner[entry["id"]]], **settings_in(entry)}
        for entry in case["nodes"]
    ]
    edges = [tuple(edge) for edge in edges_of(case)]
    if with_engine and "input" in case:
        nodes.insert(0, {"id": "ts", "node_type": "typescript:PassThrough", "params": {}})
        first = ends_of(case)[0]
        edges += [("ts", each) for each in first if not getattr(made[owner[each]], "is_source", False)]
    return nodes, edges


class Letters(list):
    """Dead letters as the table states them."""

    def take(self, letter):
        assert isinstance(letter.error, Exception)
        self.append((letter.node_id, letter.item_index, letter.item))


async def stream(case, nodes, edges, letters):
    """Run it, leave where the case cancels; gives the outputs and the failure as the table states it."""
    pipeline = Pipeline(name="case")
    pipeline.nodes = nodes
    pipeline.connections = edges
    pipeline.queues = limits_of(case)
    outputs = []
    given = None

    async def items():
        for item in case["input"]:
            yield item

    if "input" in case:
        given = items()
    results = pipeline.process(given, on_dead_letter=letters.take)
    try:
        async for output in results:
            outputs.append(output)
            if len(outputs) == case.get("cancelAfter"):
                break
    except Exception as error:
        return outputs, [failure_of(error, case)]
    finally:
        await results.aclose()
    return outputs, []


def failure_of(error, case):
    noted = NOTE.match(error.__notes__[0])
    assert noted is not None
    method, node_id, index = noted.groups()
    # The note says which method failed, as a user knows it.
    phase = case["error"]["phase"] if method == "process" else method
    failure = {"nodeId": node_id, "phase": phase, "type": type(error).__name__, "message": str(error)}
    return failure | {"language": "python"} | ({} if index is None else {"itemIndex": int(index)})


@pytest.mark.parametrize("with_engine", [False, True], ids=["here", "between"])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, with_engine):
    journal = new_journal()
    nodes, edges = manifest_of(case, journal, with_engine)
    letters = Letters()
    outputs, failures = asyncio.run(stream(case, nodes, edges, letters))
    check(case, outputs, failures, conformance_nodes.Journal(journal).entries(), letters)


def give_replicas(case, nodes):
    """Give the first node two copies that may have some: each takes a process."""
    replicated = [entry["id"] for entry in case["nodes"] if can_have_replicas(case, entry)]
    for node in nodes:
        if node["id"] in replicated[:1]:
            node |= {"executor": "multiprocess", "replicas": 2}


REPLICATED = [case for case in CASES if any(can_have_replicas(case, entry) for entry in case["nodes"])]


@pytest.mark.parametrize("case", REPLICATED, ids=[case["name"] for case in REPLICATED])
def test_case_with_replicas(case):
    journal = new_journal()
    nodes, edges = manifest_of(case, journal, False)
    give_replicas(case, nodes)
    letters = Letters()
    outputs, failures = asyncio.run(stream(case, nodes, edges, letters))
    # What is noted in other processes stays there.
    check(case, outputs, failures, case.get("journal"), letters)


async def live_session(case, nodes, edges, letters):
    """Go through what the case says a live session goes through; gives the outputs."""
    pipeline = Pipeline(name="case")
    pipeline.nodes = nodes
    pipeline.connections = edges
    pipeline.queues = limits_of(case)
    outputs = []
    async with pipeline.open(accounting=True) as session:
        for step, *args in case["session"]:
            if step == "write":
                await session.write(args[0], survives=len(args) > 1)
            elif step == "read":
                outputs.append(await anext(session))
            else:
                getattr(session, step)()
        outputs += [output async for output in session]
        async for letter in session.dead_letters:
            letters.take(letter)
    check_account(case, session.account(), outputs)
    return outputs


@pytest.mark.parametrize("where", ["here", "between", "away", "replicas"])
@pytest.mark.parametrize("case", SESSION_CASES, ids=[case["name"] for case in SESSION_CASES])
def test_case_of_a_live_session(case, where):
    journal = new_journal()
    nodes, edges = manifest_of(case | {"input": []}, journal, where == "between")
    if where == "away":
        for node in nodes:
            node["executor"] = "multiprocess"
    if where == "replicas":
        give_replicas(case, nodes)
    letters = Letters()
    outputs = asyncio.run(live_session(case, nodes, edges, letters))
    entries = conformance_nodes.Journal(journal).entries()
    # What is noted in other processes stays there.
    check(case, outputs, [], case.get("journal") if where in ("away", "replicas") else entries, letters)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "cancelAfter" not in case],
    ids=[case["name"] for case in CASES if "cancelAfter" not in case],
)
def test_case_in_a_blocking_call(case):
    journal = new_journal()
    nodes, edges = manifest_of(case, journal, False)
    queues = queues_of(case)
    connections = [{"from": a, "to": b, "queue": queues.get((a, b))} for a, b in edges]
    manifest = {"version": "v1", "metadata": {"name": "case"}, "nodes": nodes, "connections": connections}
    outputs, failures, letters = case["outputs"], [], Letters()
    try:
        if "input" in case:
            result = execute_pipeline_with_input_sync(manifest, case["input"], on_dead_letter=letters.take)
        else:
            result = execute_pipeline_sync(manifest, on_dead_letter=letters.take)
        outputs = result if isinstance(result, list) and len(case["outputs"]) != 1 else [result]
    except NodeBusyError:
        raise
    except Exception as error:
        failures = [failure_of(error, case)]
    check(case, outputs, failures, conformance_nodes.Journal(journal).entries(), letters)
