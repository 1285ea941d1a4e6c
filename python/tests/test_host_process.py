"""A Python host as a process: who may connect, how it ends, and what it needs to start."""

import ast
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine import ENTRY, Engine, read, run, running, segment
from remotemedia.host.address import dial
from remotemedia.wire.frames import HELLO, REFUSED, FrameReader, decode_payload, encode_frame


def test_an_interrupt_does_not_end_the_host(engine):
    assert run(engine, "Interrupter")[0] == [1]


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
