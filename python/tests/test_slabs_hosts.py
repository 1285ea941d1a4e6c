"""Shared memory between processes: hosts, with the test as their engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, Feed, Sink, read, segment
from remotemedia.wire.frames import CREDIT, WHO_KEEPS, decode_payload, encode_frame

NODES = str(Path(__file__).parent / "slab_nodes.py")
MIB = 1 << 20
WINDOW = [64, 4 * MIB]

Described = tuple[str, dict[str, Any]] | list[tuple[str, dict[str, Any]]]


class Row:
    """A source, and nodes that are fed one by the other, each in a host of its own; or several in one.

    Attributes:
        hosts: the hosts, in the order of the nodes.
        failures: of each host's segment, once ``outputs`` has ended.
    """

    def __init__(self, folder: Path, *nodes: Described, last: int = 1, window=WINDOW):
        """Open and start; the ``last`` ones are all fed by the same node, and each has an output."""
        self.hosts: list[Engine] = [Engine(folder) for _ in nodes]
        self.failures: list[list[dict[str, Any]]] = []
        self._sinks: list[Sink] = []
        self._names = [f"s{position}" for position in range(len(nodes))]
        chains = [[entry] if isinstance(entry, tuple) else entry for entry in nodes]
        ids = [f"{chain[0][0].lower()}_{position}" for position, chain in enumerate(chains)]
        fed_by = [max(min(position, len(nodes) - last) - 1, 0) for position in range(len(nodes))]
        for position, chain in enumerate(chains):
            host = self.hosts[position]
            described = [
                {
                    "id": ids[position] if at == 0 else f"{ids[position]}_{at}",
                    "object": host.create(file=NODES, **{"class": name}, args=[], kwargs=kwargs),
                }
                for at, (name, kwargs) in enumerate(chain)
            ]
            edges = [(first["id"], second["id"]) for first, second in pairwise(described)]
            common = {"token": "t", "language": "python", "window": window}
            inputs = [{**common, "channel": f"c{position}", "to": [ids[position]]}] if position else []
            outputs = [
                {**common, "channel": f"c{end}", "to": [ids[end]], "address": self.hosts[end].address}
                for end in range(1, len(nodes))
                if fed_by[end] == position
            ]
            if not outputs:
                sink = Sink(self.hosts[0])
                self._sinks.append(sink)
                outputs = [{**common, "channel": "out", "token": sink.token, "address": sink.address}]
            outputs = [{"bulk": "to" in output, **output, "from": described[-1]["id"]} for output in outputs]
            host.request("open", **segment(self._names[position], described, edges, inputs, outputs))

    def run(self) -> list[list[Any]]:
        """The outputs of the last nodes, until they end."""
        for host, name in zip(reversed(self.hosts), reversed(self._names), strict=True):
            host.request("start", segment=name)
        found = [list(_items(sink)) for sink in self._sinks]
        self.failures = [host.event("done")["failures"] for host in self.hosts]
        return found

    def close(self) -> None:
        for host, name in zip(self.hosts, self._names, strict=True):
            with contextlib.suppress(Exception):
                host.request("close", segment=name)
        for sink in self._sinks:
            sink.close()
        for host in self.hosts:
            host.close()


def _items(sink: Sink) -> Iterator[Any]:
    with contextlib.suppress(OSError):
        yield from sink.items()


@contextlib.contextmanager
def row(folder, *nodes, **options):
    made = Row(folder, *nodes, **options)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("look", ["Look", "AsyncLook"])
def test_allocated_arrays_pass_through_three_hosts_in_place_and_are_changed_on_the_way(tmp_path, look):
    count = 300
    with row(
        tmp_path, ("Source", {"count": count, "size": MIB}), ("Bump", {}), ("Pass", {}), (look, {})
    ) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 4
        assert found == [[(number % 251 + 1) % 256, True, True, True] for number in range(count)]


def test_a_streaming_node_allocates(tmp_path):
    with row(tmp_path, ("Source", {"count": 20, "size": MIB}), ("Streaming", {}), ("Look", {})) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 3
        assert found == [[number, True, True, True] for number in range(20)]


def test_a_context_is_given_by_name_to_a_node_that_asks_for_it(tmp_path):
    with row(tmp_path, ("Source", {"count": 2, "size": 10}), ("Look", {}), ("Named", {})) as run:
        (found,) = run.run()
        assert [entry[0] for entry in found] == ["named_2"] * 2


def test_after_a_fan_out_nobody_can_write(tmp_path):
    with row(
        tmp_path, ("Source", {"count": 40, "size": MIB}), ("Look", {}), ("Look", {}), ("Look", {}), last=3
    ) as run:
        found = run.run()
        assert run.failures == [[]] * 4
        assert found == [[[number, True, False, True] for number in range(40)]] * 3


def test_memory_goes_back_from_garbage_that_refers_to_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(64 * MIB))
    with row(tmp_path, ("Source", {"count": 400, "size": MIB}), ("Cycles", {})) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 2
        assert found == [number % 251 for number in range(400)]


def test_a_node_that_keeps_ten_windows_holds_up_nobody(tmp_path):
    with row(tmp_path, ("Source", {"count": 100, "size": MIB}), ("Keep", {"most": 41})) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 2
        assert found[-1] == sum(range(59, 100))


def test_a_node_that_keeps_too_much_fails_the_run_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(32 * MIB))
    with row(tmp_path, ("Source", {"count": 500, "size": MIB}), ("Pass", {}), ("Keep", {})) as run:
        run.run()
        (failure,) = [failure for failures in run.failures for failure in failures]
        assert failure["code"] == "RM_MEMORY_KEPT"
        assert "phase" not in failure
        assert failure["nodeId"] == "keep_2"
        assert "arrays or buffers" in failure["message"]
        assert "REMOTEMEDIA_SHM_LIMIT" in failure["message"]


def test_a_node_behind_others_of_its_host_that_keeps_is_named_by_the_first_of_them(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(32 * MIB))
    with row(tmp_path, ("Source", {"count": 500, "size": MIB}), [("Pass", {}), ("Keep", {})]) as run:
        run.run()
        (failure,) = [failure for failures in run.failures for failure in failures]
        assert failure["code"] == "RM_MEMORY_KEPT"
        assert failure["nodeId"] == "pass_1"
        assert failure["message"].startswith('Node "pass_1", or a node after it in the same host, keeps ')


@pytest.mark.parametrize("last", ["Slow", "AsyncSlow"])
def test_memory_that_is_on_its_way_to_a_slow_node_is_kept_by_nobody(tmp_path, monkeypatch, last):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(6 * MIB))
    with row(
        tmp_path, ("Source", {"count": 60, "size": MIB}), ("Pass", {}), [("Pass", {}), (last, {})]
    ) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 3
        assert found == list(range(60))


def test_garbage_is_collected_before_anybody_is_said_to_keep_it(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(16 * MIB))
    with row(
        tmp_path, ("Source", {"count": 100, "size": MIB}), ("Pass", {}), ("Cycles", {"step": 10**9})
    ) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 3
        assert found == list(range(100))


def test_a_consumer_that_has_got_no_memory_says_that_nobody_keeps_any(tmp_path):
    host = Engine(tmp_path)
    sink = Sink(host)
    common = {"language": "python", "window": WINDOW}
    nodes = [{"id": "pass", "object": host.create(file=NODES, **{"class": "Pass"}, args=[], kwargs={})}]
    inputs = [{**common, "channel": "in", "token": "t", "to": ["pass"]}]
    outputs = [{**common, "channel": "out", "token": sink.token, "address": sink.address, "from": "pass"}]
    host.request("open", **segment("s", nodes, (), inputs, outputs))
    feed = Feed(host, "in", "t")
    host.request("start", segment="s")
    feed.socket.sendall(encode_frame(WHO_KEEPS, None))
    assert [read(feed.reader)[0], decode_payload(read(feed.reader)[1])] == [
        CREDIT,
        {"several": False, "inside": 0, "passed": []},
    ]
    feed.send([1])
    feed.end()
    assert list(sink.items()) == [1]
    feed.close()
    sink.close()
    host.close()


def test_while_less_than_half_of_the_limit_is_kept_bytes_go_inline(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(2 * MIB))
    with row(tmp_path, ("Source", {"count": 50, "size": 3 * MIB}), ("Look", {})) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 2
        assert found == [[number, True, True, False] for number in range(50)]


def test_a_forked_child_returns_nothing(tmp_path):
    with row(tmp_path, ("Source", {"count": 10, "size": MIB}), ("Pass", {}), ("ForkAndLook", {})) as run:
        (found,) = run.run()
        assert run.failures == [[]] * 3
        assert found == [[0, number] for number in range(10)]


def test_a_wrong_limit_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", "much")
    with pytest.raises(Exception, match="REMOTEMEDIA_SHM_LIMIT must be a number of bytes"):
        Row(tmp_path, ("Source", {"count": 1, "size": MIB}), ("Look", {}))


def test_nothing_is_left_when_a_consumer_is_killed(tmp_path):
    before = set(Path("/dev/shm").iterdir())
    with row(tmp_path, ("Source", {"count": 100_000, "size": MIB}), ("Look", {})) as run:
        for host, name in ((run.hosts[1], "s1"), (run.hosts[0], "s0")):
            host.request("start", segment=name)
        outputs = run._sinks[0].items()
        assert next(outputs)[1]
        run.hosts[1].process.kill()
        # The producer takes it as a STOP.
        assert run.hosts[0].event("done")["failures"] == []
        run.hosts[0].request("close", segment="s0")
    assert set(Path("/dev/shm").iterdir()) <= before
