"""Segments of a Python host: what they send and print, how they fail, and cancels as they open or run."""

import contextlib
import itertools
import socket

import pytest

from engine import NODES, WINDOW, Engine, Feed, RequestError, Sink, run, running, segment
from remotemedia.wire.frames import ITEMS, encode_frame


def test_what_nodes_print_is_marked_with_their_ids(engine):
    outputs, failures, _ = run(engine, "Talker", "AsyncTalker", items=[7])
    assert (outputs, failures) == ([7], [])
    engine.create(source="print('from the module')\nclass A:\n    def process(self, item): ...")
    out, err = engine.close()
    marked = ["ready", "sync 7", "generated", "one", "two"]
    lines = out.split("\n")
    assert [line for line in lines if "talker_0" in line] == [f"\x1etalker_0\x1f{line}" for line in marked]
    assert "\x1easynctalker_1\x1fasync 7" in lines
    assert "from the module" in lines
    assert err == "\x1etalker_0\x1fhalf 7 and half\n"


def test_an_output_does_not_wait_for_a_slow_item_behind_it(engine):
    with running(engine, "Gate") as (feed, outputs, (gate,), name):
        feed.socket.sendall(encode_frame(ITEMS, ["go", "stop"]))
        assert next(outputs) == "go"
        engine.request("call", object=gate, name="open", args=[], kwargs={})
        assert next(outputs) == "stop"
        feed.end()
        assert list(outputs) == []
        engine.request("close", segment=name)


def test_what_a_generator_has_given_does_not_wait_for_the_rest(engine):
    with running(engine, "SlowGenerator") as (feed, outputs, (gate,), name):
        feed.send([1])
        assert next(outputs) == "first"
        engine.request("call", object=gate, name="open", args=[], kwargs={})
        assert next(outputs) == "second"
        feed.end()
        assert list(outputs) == []
        engine.request("close", segment=name)


def test_a_producer_stops_at_its_window(engine):
    with running(engine, "Echo", window=[4, 1 << 20]) as (feed, _, _, name):
        feed.socket.sendall(encode_frame(ITEMS, list(range(4))))
        feed.socket.sendall(encode_frame(ITEMS, list(range(4, 8))))
        engine.request("cancel", segment=name)
        assert engine.event("done")["failures"] == []
        engine.request("close", segment=name)


@pytest.mark.parametrize("class_name", ["Gate", "AsyncGate"])
def test_a_cancel_reports_what_does_not_return_or_ends(engine, class_name):
    with running(engine, class_name, cancel_timeout_ms=50) as (feed, _, (gate,), name):
        feed.send(["stop"])
        assert engine.request("call", object=gate, name="wait_until_entered", args=[], kwargs={})
        engine.request("cancel", segment=name)
        done = engine.event("done")
        is_stuck = class_name == "Gate"
        assert done == {"segment": name, "failures": [], "stuck": ["gate_0"] if is_stuck else []}
        closed = engine.request("close", segment=name)
        assert [failure["code"] for failure in closed["failures"]] == ["RM_CANCEL_TIMEOUT"] * is_stuck


def test_a_segment_that_was_never_started_is_cancelled_and_closed(engine):
    number = engine.create(file=NODES, **{"class": "Echo"})
    engine.request("open", **segment("s", [{"id": "a", "object": number}]))
    engine.request("cancel", segment="s")
    assert engine.event("done") == {"segment": "s", "failures": [], "stuck": []}
    assert engine.request("close", segment="s") == {"failures": [], "metrics": None}
    assert engine.request("get", object=number, name="is_initialized") is False


def test_metrics_count_exactly(engine):
    outputs, _, closed = run(engine, "Echo", "AsyncTalker", items=range(10), metrics=True)
    assert outputs == list(range(10))
    for metrics, node_id in zip(closed["metrics"], ["echo_0", "asynctalker_1"], strict=True):
        assert (metrics["nodeId"], metrics["itemsIn"], metrics["itemsOut"]) == (node_id, 10, 10)
        assert (metrics["errors"], metrics["measured"]) == (0, 10)
        assert 0 <= metrics["p50DurationUs"] <= metrics["p99DurationUs"] <= metrics["maxDurationUs"]


def test_an_object_bound_to_another_thread_names_the_cure(engine):
    _, (failure,), _ = run(engine, "Database")
    assert failure["type"] == "ProgrammingError"
    assert any("initialize()" in note for note in failure["notes"])


def test_a_channel_that_breaks_is_a_failure(engine):
    with running(engine, "Echo") as (feed, outputs, _, name):
        feed.send([1])
        assert next(outputs) == 1
        feed.socket.shutdown(socket.SHUT_RDWR)
        assert list(outputs) == []
        (failure,) = engine.event("done")["failures"]
        assert (failure["type"], failure["code"], failure["nodeId"]) == (
            "ChannelBrokenError",
            "RM_PROTOCOL",
            "echo_0",
        )
        engine.request("close", segment=name)


def test_an_output_that_cannot_cross_is_a_failure_of_its_node(engine):
    number = engine.create(
        source="class A:\n    def process(self, item):\n        return {'at': [object()]}\n"
    )
    sink = Sink(engine)
    engine.request(
        "open",
        **segment(
            "s",
            [{"id": "a", "object": number}],
            inputs=[{"channel": "i", "token": "t", "to": ["a"], "window": WINDOW}],
            outputs=[
                {"channel": "o", "token": sink.token, "from": "a", "address": sink.address, "window": WINDOW}
            ],
        ),
    )
    with contextlib.closing(Feed(engine, "i", "t")) as feed, contextlib.closing(sink):
        engine.request("start", segment="s")
        feed.send([1])
        assert list(sink.items()) == []
    (failure,) = engine.event("done")["failures"]
    assert (failure["code"], failure["nodeId"], failure["itemIndex"]) == ("RM_VALUE_NOT_TRANSFERABLE", "a", 0)
    assert ".at[0]" in failure["message"]
    engine.request("close", segment="s")


BAD_SECOND = """
class A:
    def give(self, item):
        return "\\ud800" if item == 1 else item
    def process(self, item):
        return self.give(item)
class B(A):
    async def process(self, item):
        return self.give(item)
class C(A):
    def process(self, item):
        yield self.give(item)
"""


@pytest.mark.parametrize(("class_name", "concurrency"), [("A", 1), ("B", 1), ("B", 3), ("C", 1)])
def test_nothing_after_a_string_that_cannot_cross_is_sent(engine, class_name, concurrency):
    number = engine.create(source=BAD_SECOND, **{"class": class_name})
    sink = Sink(engine)
    engine.request(
        "open",
        **segment(
            "s",
            [{"id": "a", "object": number, "concurrency": concurrency}],
            inputs=[{"channel": "i", "token": "t", "to": ["a"], "window": WINDOW}],
            outputs=[
                {"channel": "o", "token": sink.token, "from": "a", "address": sink.address, "window": WINDOW}
            ],
        ),
    )
    with contextlib.closing(Feed(engine, "i", "t")) as feed, contextlib.closing(sink):
        engine.request("start", segment="s")
        feed.socket.sendall(encode_frame(ITEMS, [0, 1, 2, 3]))
        assert list(sink.items()) == [0]
    (failure,) = engine.event("done")["failures"]
    assert (failure["code"], failure["nodeId"], failure["itemIndex"]) == ("RM_VALUE_NOT_TRANSFERABLE", "a", 1)
    engine.request("close", segment="s")


def test_what_a_node_sets_in_its_context_ends_with_the_run(engine):
    for _ in range(3):
        outputs, failures, _ = run(engine, "Contextual", "AsyncContextual", items=[1, 2])
        assert failures == []
        assert outputs == [["none", "none"], [1, 1]]


def test_a_call_does_not_run_in_the_thread_of_a_segment(engine):
    for _ in range(5):
        _, (failure,), _ = run(engine, "Database")
        assert failure["type"] == "ProgrammingError"


def opening(engine, *class_names):
    """Starts to open a segment of these nodes; the objects, and the queue of the answer."""
    objects = [engine.create(file=NODES, **{"class": name}) for name in class_names]
    nodes = [
        {"id": name.lower(), "object": number} for name, number in zip(class_names, objects, strict=True)
    ]
    answer = engine.send("open", segment("s", nodes, itertools.pairwise(node["id"] for node in nodes)))
    return objects, answer


@pytest.mark.parametrize(
    "class_name", ["InitializesForever", "AsyncInitializesForever", "StreamInitializesForever"]
)
def test_a_cancel_ends_an_async_initialize(engine, class_name):
    objects, answer = opening(engine, "Life", class_name, "OtherLife")
    for node_id in ("life", class_name.lower()):
        assert engine.event("initializing") == {"segment": "s", "nodeId": node_id}
    engine.request("call", object=objects[1], name="wait_until_entered", args=[], kwargs={})
    assert engine.request("cancel", segment="s") == {}
    is_ok, failure = answer.get(timeout=20)
    assert not is_ok
    assert (failure["type"], failure["module"]) == ("CancelledError", "asyncio")
    assert (failure["nodeId"], failure["phase"]) == (class_name.lower(), "initialize")
    assert engine.request("get", object=objects[0], name="calls") == ["initialize", "cleanup"]
    assert engine.request("get", object=objects[1], name="is_cancelled") is True
    assert engine.request("get", object=objects[2], name="calls") == []
    with pytest.raises(RequestError, match="no open segment"):
        engine.request("close", segment="s")
    assert engine.events.empty()


def test_a_cancel_lets_a_sync_initialize_end_and_cleans_it_up(engine):
    objects, answer = opening(engine, "Life", "InitializesSlowly", "OtherLife")
    engine.request("call", object=objects[1], name="wait_until_entered", args=[], kwargs={})
    engine.request("cancel", segment="s")
    closing = engine.send("close", {"segment": "s"})
    assert answer.empty()
    engine.request("call", object=objects[1], name="open", args=[], kwargs={})
    is_ok, failure = answer.get(timeout=20)
    assert not is_ok
    assert (failure["type"], failure["nodeId"]) == ("CancelledError", "initializesslowly")
    assert closing.get(timeout=20) == [True, {"failures": [], "metrics": None}]
    assert engine.request("get", object=objects[0], name="calls") == ["initialize", "cleanup"]
    assert engine.request("get", object=objects[1], name="calls") == ["initialize", "cleanup"]
    assert engine.request("get", object=objects[2], name="calls") == []
    engine.request("open", **segment("s", [{"id": "a", "object": objects[2]}]))
    engine.request("close", segment="s")


def test_log_records_are_events_when_asked_for(tmp_path):
    engine = Engine(tmp_path, debug=True)
    run_logger(engine)
    engine.close()


def run_logger(engine):
    with running(engine, "Logger") as (feed, outputs, _, name):
        feed.send([5])
        assert next(outputs) == 5
        while (event := engine.event("log"))["logger"] != "remotemedia.test":
            pass
        assert event == {"level": "debug", "logger": "remotemedia.test", "message": "saw 5"}
        engine.request("cancel", segment=name)
        engine.event("done")
        engine.request("close", segment=name)


def test_threads_take_turns_less_often_while_many_segments_are_open(engine):
    number = engine.create(
        source="import sys\nclass A:\n    def process(self, _): return sys.getswitchinterval()\n"
    )

    def interval():
        return engine.request("call", object=number, name="process", args=[None], kwargs={})

    at_first = interval()
    names = [f"open-{position}" for position in range(20)]
    for name in names:
        engine.request("open", **segment(name, []))
    with_many = interval()
    for name in names:
        engine.request("close", segment=name)
    assert with_many > at_first
    assert interval() == at_first
