"""A Python host as a process: what it answers, how it prints, and how it ends."""

import ast
import contextlib
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine import ENTRY, WINDOW, Engine, Feed, RequestError, Sink, read, segment
from remotemedia.host.address import dial
from remotemedia.wire.frames import HELLO, ITEMS, REFUSED, FrameReader, decode_payload, encode_frame

NODES = str(Path(__file__).parent / "host_nodes.py")


@pytest.fixture
def engine(tmp_path):
    engine = Engine(tmp_path)
    yield engine
    if engine.process.returncode is None:
        engine.close()


@contextlib.contextmanager
def running(engine, *class_names, window=WINDOW, metrics=False, cancel_timeout_ms=5000):
    """Runs a chain of nodes; gives the ends of its channels, the objects and the segment's name."""
    objects = [engine.create(file=NODES, **{"class": name}, args=[], kwargs={}) for name in class_names]
    ids = [f"{name.lower()}_{position}" for position, name in enumerate(class_names)]
    name = secrets.token_hex(4)
    sink = Sink(engine)
    engine.request(
        "open",
        **segment(
            name,
            [{"id": node_id, "object": number} for node_id, number in zip(ids, objects, strict=True)],
            itertools.pairwise(ids),
            [{"channel": f"{name}-in", "token": "t", "to": [ids[0]], "window": window}],
            [
                {
                    "channel": f"{name}-out",
                    "token": sink.token,
                    "from": ids[-1],
                    "address": sink.address,
                    "window": window,
                }
            ],
            metrics,
            cancel_timeout_ms,
        ),
    )
    feed = Feed(engine, f"{name}-in", "t")
    engine.request("start", segment=name)
    with contextlib.closing(feed), contextlib.closing(sink):
        yield feed, sink.items(), objects, name


def run(engine, *class_names, items=(1,), **options):
    """Runs a chain to its end: outputs, failures, and the answer to ``close``."""
    with running(engine, *class_names, **options) as (feed, outputs, _, name):
        if feed.send(items):
            with contextlib.suppress(OSError):
                feed.end()
        got = list(outputs)
        done = engine.event("done")
        return got, done["failures"], engine.request("close", segment=name)


# Objects


def test_an_object_is_made_described_read_changed_called_and_released(engine):
    made = engine.request(
        "create", file=NODES, **{"class": "Echo"}, args=[2.0], kwargs={"name": "me", "model": "x"}
    )
    number = made.pop("object")
    assert made == {"className": "Echo", "module": "host_nodes", "name": "me", "traits": made["traits"]}
    assert made["traits"]["process"] is True
    assert made["traits"]["isAsync"] is False
    assert engine.request("describe", object=number) == made
    assert engine.request("get", object=number, name=["config", "model"][0]) == {"model": "x"}
    engine.request("set", object=number, name="gain", value=3.5)
    assert engine.request("get", object=number, name="gain") == 3.5
    assert engine.request("call", object=number, name="later", args=[(1, 2)], kwargs={}) == (1, 2)
    engine.request("release", objects=[number])
    with pytest.raises(RequestError, match="released"):
        engine.request("describe", object=number)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"module": "jsn"}, "json"),
        ({"file": NODES.replace("host_nodes", "host_node")}, "host_nodes.py"),
        ({"file": NODES, "class": "Eco"}, "Did you mean 'Echo'"),
        ({"file": NODES, "class": "Echo.Iner"}, "Did you mean 'Inner'"),
        ({"file": NODES}, "several node classes"),
        ({"source": "x = 1"}, "no Node subclass"),
        ({}, "exactly one"),
    ],
)
def test_what_cannot_be_found_is_named_with_a_suggestion(engine, params, words):
    with pytest.raises(RequestError, match=words) as raised:
        engine.create(**params)
    assert raised.value.failure["code"] == "RM_MODULE"


def test_a_wrong_attribute_is_named_with_a_suggestion(engine):
    number = engine.create(file=NODES, **{"class": "Echo"})
    with pytest.raises(RequestError, match="Did you mean 'gain'"):
        engine.request("get", object=number, name="gian")


def test_a_result_that_cannot_cross_is_refused(engine):
    number = engine.create(file=NODES, **{"class": "Echo"})
    with pytest.raises(RequestError, match="instance of object"):
        engine.request("call", object=number, name="unsendable", args=[], kwargs={})


def test_the_traceback_of_inline_source_shows_its_lines(engine):
    number = engine.create(source="class Bad:\n    def process(self, item):\n        return item.oops\n")
    with pytest.raises(RequestError) as raised:
        engine.request("call", object=number, name="process", args=[1], kwargs={})
    assert "return item.oops" in raised.value.failure["stack"]


def test_a_file_is_one_module_and_may_lie_in_a_package(engine, tmp_path):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("SHARED = []\n")
    (package / "json.py").write_text(
        "from .base import SHARED\n\nclass One:\n    def process(self, item):\n"
        "        SHARED.append(item)\n        return list(SHARED)\n"
    )
    first, second = (engine.request("create", file=str(package / "json.py")) for _ in range(2))
    assert first["module"] == "pack.json"
    engine.request("call", object=first["object"], name="process", args=[1], kwargs={})
    assert engine.request("call", object=second["object"], name="process", args=[2], kwargs={}) == [1, 2]


def test_a_file_named_like_another_module_does_not_hide_it(engine, tmp_path):
    (tmp_path / "json.py").write_text("class Mine:\n    def process(self, item):\n        return item\n")
    made = engine.request("create", file=str(tmp_path / "json.py"))
    assert made["module"].startswith("json_")
    assert engine.create(module="json", **{"class": "JSONDecoder"})


def test_discover_lists_classes_with_their_parameters(engine):
    classes = {entry["name"]: entry for entry in engine.request("discover", file=NODES)["classes"]}
    assert "Database" in classes
    assert classes["Echo"]["doc"].startswith("Gives back")
    assert classes["Echo"]["parameters"][0] == {
        "name": "gain",
        "kind": "positional_or_keyword",
        "default": "1.0",
        "annotation": "float",
    }
    assert classes["AsyncTalker"]["traits"]["isAsync"]


def test_a_slow_call_does_not_hold_up_others(engine):
    number = engine.create(file=NODES, **{"class": "Gate"})
    waiting = engine.send("call", {"object": number, "name": "wait_until_entered", "args": [], "kwargs": {}})
    assert engine.request("get", object=number, name="name") == "Gate"
    engine.request("call", object=number, name="process", args=[1], kwargs={})
    entered = engine.send("call", {"object": number, "name": "process", "args": ["stop"], "kwargs": {}})
    assert waiting.get(timeout=20) == [True, True]
    engine.request("call", object=number, name="open", args=[], kwargs={})
    assert entered.get(timeout=20) == [True, "stop"]


# Running


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


def test_any_number_of_calls_may_block(engine):
    number = engine.create(file=NODES, **{"class": "Gate"})
    stop = {"object": number, "name": "process", "args": ["stop"], "kwargs": {}}
    waiting = [engine.send("call", stop) for _ in range(60)]
    engine.request("call", object=number, name="open", args=[], kwargs={})
    assert [answer.get(timeout=20) for answer in waiting] == [[True, "stop"]] * 60


def test_a_call_does_not_run_in_the_thread_of_a_segment(engine):
    for _ in range(5):
        _, (failure,), _ = run(engine, "Database")
        assert failure["type"] == "ProgrammingError"


# Opening


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


def test_an_interrupt_does_not_end_the_host(engine):
    assert run(engine, "Interrupter")[0] == [1]


# Connections


@pytest.mark.parametrize(
    "change", [{"token": "wrong"}, {"channel": "other"}, {"role": "control"}, {"version": 2}, {"token": None}]
)
def test_who_says_hello_wrongly_is_refused(engine, change):
    with running(engine, "Echo") as (_, _, _, name):
        hello = {
            "version": 1,
            "token": "t",
            "role": "producer",
            "channel": f"{name}-in",
            "pid": 1,
            "language": "python",
        }
        with contextlib.closing(dial(engine.address)) as sock:
            sock.sendall(encode_frame(HELLO, {**hello, **change}))
            reader = FrameReader(sock)
            kind, payload = read(reader)
            assert kind == REFUSED
            assert decode_payload(payload)["message"]
            assert reader.read() is None
        engine.request("cancel", segment=name)
        engine.event("done")
        engine.request("close", segment=name)


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff\x10", b"\x01\x00\x00\x00\x77\xc0", b"\x02\x00\x00\x00\x10\xc0\xc0"]
)
def test_a_malformed_frame_closes_the_channel(engine, data):
    with running(engine, "Echo") as (feed, outputs, _, name):
        feed.socket.sendall(data)
        assert feed.socket.recv(100) in (b"", encode_frame(0x13, None))
        assert list(outputs) == []
        (failure,) = engine.event("done")["failures"]
        assert failure["code"] == "RM_PROTOCOL"
        engine.request("close", segment=name)


def test_a_malformed_request_ends_the_host(engine):
    engine.control.sendall(b"\x01\x00\x00\x00\x20\xc0")
    assert engine.process.wait(20) == 70
    engine.close()


# Ending


def test_the_host_ends_when_the_control_connection_closes(engine):
    engine.control.shutdown(socket.SHUT_RDWR)
    assert engine.process.wait(20) == 0
    assert not Path(engine.address.removeprefix("unix:")).exists()
    engine.close()


def test_the_host_ends_also_while_a_sync_node_works(engine):
    with running(engine, "Gate") as (feed, _, (gate,), _):
        feed.send(["stop"])
        assert engine.request("call", object=gate, name="wait_until_entered", args=[], kwargs={})
        engine.control.shutdown(socket.SHUT_RDWR)
        assert engine.process.wait(20) == 0
    engine.close()


def test_nodes_are_cleaned_up_when_the_engine_goes(engine, tmp_path):
    marker = tmp_path / "cleaned"
    number = engine.create(
        source="class A:\n"
        "    def __init__(self, path): self.path = path\n"
        "    def process(self, item): return item\n"
        "    def cleanup(self): open(self.path, 'w').close()\n",
        args=[str(marker)],
    )
    engine.request("open", **segment("s", [{"id": "a", "object": number}]))
    engine.control.shutdown(socket.SHUT_RDWR)
    assert engine.process.wait(20) == 0
    assert marker.exists()
    engine.close()


def test_the_host_ends_with_its_owner(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        engine = Engine(tmp_path, owner_pid=owner.pid)
        assert engine.process.poll() is None
        owner.kill()
        assert engine.process.wait(20) == 0
    engine.close()


def test_a_killed_host_closes_its_connections_though_a_child_of_it_lives(engine):
    with running(engine, "Forker") as (feed, outputs, _, _):
        feed.send([1])
        child = next(outputs)
        engine.process.kill()
        assert engine.process.wait(20) == -signal.SIGKILL
        with contextlib.suppress(ConnectionError):
            assert list(outputs) == []
        engine._thread.join(20)
        assert not engine._thread.is_alive()
        os.kill(child, signal.SIGKILL)
    engine.close()


# Starting


def test_a_python_that_is_too_old_is_exit_code_64():
    code = (
        "import sys, runpy; sys.version_info = (3, 8, 0)\n"
        f"runpy.run_path({str(ENTRY)!r}, run_name='__main__')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 64
    assert "3.11" in found.stderr


def test_a_missing_module_is_exit_code_65():
    found = subprocess.run(
        [sys.executable, "-I", "-S", str(ENTRY)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 65
    assert "pip install msgspec" in found.stderr


def test_old_pythons_can_read_the_entry():
    tree = ast.parse(ENTRY.read_text(encoding="utf-8"), feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef)
    assert not any(isinstance(node, newer) for node in ast.walk(tree))


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


def test_numpy_is_not_imported_before_an_array_is_there(engine):
    number = engine.create(
        source="import sys\nclass A:\n    def process(self, name): return name in sys.modules\n"
    )
    assert engine.request("call", object=number, name="process", args=["numpy"], kwargs={}) is False
