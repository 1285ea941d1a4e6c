"""The table of cases, over a real host process: control messages and channels, on Unix sockets and TCP."""

import contextlib
import secrets
import threading
from pathlib import Path

import pytest

from cases import CASES, check, edges_of, ends_of, ids_of, new_journal, queues_of, settings_in
from engine import SECONDS, WINDOW, Engine, Feed, RequestError, Sink, segment
from remotemedia.runner.joined import inputs_of

NODES = str(Path(__file__).parent / "conformance_nodes.py")


@pytest.fixture(scope="module", params=["unix", "tcp"])
def engine(request, tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("h"), request.param)
    yield engine
    engine.close()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, engine):
    journal = new_journal()
    reader = engine.create(file=NODES, **{"class": "Journal"}, args=[journal], kwargs={})
    owner = ids_of(case)
    made = {
        entry["id"]: engine.create(
            file=NODES,
            **{"class": entry["type"]},
            args=[],
            kwargs={"id": entry["id"], "journal": journal, **entry.get("params", {})},
        )
        for entry in case["nodes"]
        if owner[entry["id"]] == entry["id"]
    }
    nodes = [
        {
            "id": entry["id"],
            "object": made[owner[entry["id"]]],
            **settings_in(entry),
            **inputs_in(case, entry),
        }
        for entry in case["nodes"]
    ]
    first, last = ends_of(case)
    name = secrets.token_hex(4)
    channel, token = f"{name}-in", secrets.token_hex(8)
    sinks = [Sink(engine) for _ in last]
    description = segment(
        name,
        nodes,
        edges_of(case),
        [{"channel": channel, "token": token, "to": first, "window": WINDOW}] if "input" in case else [],
        [
            {
                "channel": f"{name}-{node_id}",
                "token": sink.token,
                "from": node_id,
                "address": sink.address,
                "window": WINDOW,
            }
            for node_id, sink in zip(last, sinks, strict=True)
        ],
    )
    outputs, failures, letters = run(engine, case, description, channel, token, sinks)
    entries = engine.request("call", object=reader, name="entries", args=[], kwargs={})
    engine.request("release", objects=[*made.values(), reader])
    check(case, outputs, failures, entries, letters)


def inputs_in(case, entry):
    """What comes before a node whose inputs are brought together, as the engine says it."""
    queues = {edge[0]: stated for edge, stated in queues_of(case).items() if edge[1] == entry["id"]}
    if "fan_in" not in entry and not queues:
        return {}
    inputs = inputs_of(entry["id"], [(origin, target) for origin, target in edges_of(case)])
    return {"inputs": {"ids": list(inputs.ids), "isForked": inputs.is_forked, "queues": queues}}


def run(engine, case, description, channel, token, sinks):
    outputs = []
    with contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
        try:
            engine.request("open", **description)
        except RequestError as error:
            return outputs, [error.failure], []
        readers = [
            threading.Thread(target=drain, args=(engine, description["segment"], sink, case, outputs))
            for sink in sinks
        ]
        for reader in readers:
            reader.start()
        if "input" in case:
            feed = Feed(engine, channel, token)
            stack.callback(feed.close)
        engine.request("start", segment=description["segment"])
        if "input" in case and feed.send(case["input"]):
            with contextlib.suppress(OSError):
                feed.end()
        done, letters = await_done(engine)
        for reader in readers:
            reader.join(20)
        closed = engine.request("close", segment=description["segment"])
    assert done["stuck"] == []
    assert all(sink.is_failed is bool(done["failures"]) for sink in sinks if "cancelAfter" not in case)
    return outputs, [*done["failures"], *closed["failures"]], letters


def await_done(engine):
    """What the event ``done`` says, and the dead letters that were told before."""
    letters = []
    while True:
        name, params = engine.events.get(timeout=SECONDS)
        if name == "dead-letter":
            failure = params["failure"]
            assert (failure["nodeId"], failure["itemIndex"]) == (params["nodeId"], params["itemIndex"])
            assert failure["phase"] == "process"
            letters.append((params["nodeId"], params["itemIndex"], params["item"]))
        elif name == "done":
            return params, letters


def drain(engine, name, sink, case, outputs):
    is_cancelled = False
    with contextlib.suppress(ConnectionError):
        for item in sink.items():
            outputs.append(item)
            if not is_cancelled and len(outputs) == case.get("cancelAfter"):
                is_cancelled = True
                engine.request("cancel", segment=name)
