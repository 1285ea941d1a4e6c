"""A small engine for tests: it starts a Python host, and plays its control side and its peers."""

import contextlib
import itertools
import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

import remotemedia
from remotemedia.host.address import dial, listen
from remotemedia.wire.failures import exception_of
from remotemedia.wire.frames import (
    CREDIT,
    END,
    EVENT,
    HELLO,
    ITEMS,
    REQUEST,
    RESPONSE,
    STOP,
    FrameReader,
    decode_payload,
    encode_frame,
)

ENTRY = Path(remotemedia.__file__).parent / "host" / "entry.py"
NODES = str(Path(__file__).parent / "host_nodes.py")
WINDOW = [64, 1 << 20]
# How long a test waits for what must come.
SECONDS = 20


def read(reader):
    """The next frame, which must come."""
    frame = reader.read()
    assert frame is not None
    return frame


class RequestError(Exception):
    """A request failed; ``failure`` is the wire's map."""

    def __init__(self, failure):
        super().__init__(f"{failure['type']}: {failure['message']}")
        self.failure = failure


class Engine:
    """One host and its control connection."""

    def __init__(self, folder: Path, scheme="unix", owner_pid=None, path=(), cwd=None, debug=False):
        self.scheme = scheme
        self.folder = folder
        self.token = secrets.token_hex(16)
        self._listener, address = listen(self.new_address())
        self.process = subprocess.Popen(
            [sys.executable, str(ENTRY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        config = {
            "address": address,
            "token": self.token,
            "listen": self.new_address(),
            "ownerPid": owner_pid or os.getpid(),
            "name": "test",
            "path": [str(entry) for entry in path],
            "cwd": str(cwd or folder),
            "debug": debug,
        }
        with self.process.stdin as stdin:  # pyright: ignore[reportOptionalContextManager]
            stdin.write(json.dumps(config).encode() + b"\n")
        self.process.stdin = None
        self.control, _ = self._listener.accept()
        self._reader = FrameReader(self.control)
        kind, payload = read(self._reader)
        self.hello = decode_payload(payload)
        assert kind == HELLO
        self._ids = itertools.count(1)
        self._answers = {}
        self._lock = threading.Lock()
        self.events = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.ready = self.event("ready")
        self.address = self.ready["address"]

    def new_address(self):
        if self.scheme == "tcp":
            return "tcp:127.0.0.1:0"
        return f"unix:{self.folder}/{secrets.token_hex(4)}"

    def _read(self):
        try:
            while (frame := self._reader.read()) is not None:
                kind, payload = frame
                message = decode_payload(payload)
                if kind == RESPONSE:
                    self._answers.pop(message[0]).put(message[1:])
                elif kind == EVENT:
                    self.events.put(message)
        except OSError:
            pass
        for waiting in list(self._answers.values()):
            waiting.put([False, {"type": "ConnectionError", "message": "the host has gone"}])

    def send(self, method, params):
        """Send a request; gives the queue of its answer."""
        number = next(self._ids)
        self._answers[number] = answer = queue.Queue()
        with self._lock:
            self.control.sendall(encode_frame(REQUEST, [number, method, params]))
        return answer

    def request(self, method, **params):
        is_ok, result = self.send(method, params).get(timeout=SECONDS)
        if not is_ok:
            raise RequestError(result)
        return result

    def event(self, name, timeout=SECONDS):
        while True:
            found, params = self.events.get(timeout=timeout)
            if found == name:
                return params

    def create(self, **params):
        return self.request("create", **params)["object"]

    def close(self):
        self.control.close() if self.process.poll() is not None else self.control.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        out, err = self.process.communicate(timeout=SECONDS)
        self.control.close()
        self._thread.join(SECONDS)
        return out.decode(), err.decode()


class Feed:
    """The producer of a host's input channel."""

    def __init__(self, engine, channel, token):
        self.socket = dial(engine.address)
        self.socket.sendall(
            encode_frame(
                HELLO,
                {
                    "version": 1,
                    "token": token,
                    "role": "producer",
                    "channel": channel,
                    "pid": 1,
                    "language": "python",
                },
            )
        )
        self.reader = FrameReader(self.socket)
        self.room = WINDOW[0]

    def send(self, items):
        """Send items within the window; False when the consumer has stopped."""
        for item in items:
            while self.room == 0:
                if not self._read_back():
                    return False
            self.socket.sendall(encode_frame(ITEMS, [item]))
            self.room -= 1
        return True

    def _read_back(self):
        frame = self.reader.read()
        if frame is None or frame[0] == STOP:
            return False
        assert frame[0] == CREDIT
        self.room += decode_payload(frame[1])[0]
        return True

    def end(self, failed=False):
        self.socket.sendall(encode_frame(END, {"failed": failed}))

    def close(self):
        self.socket.close()


class Sink:
    """The consumer of a host's output channel."""

    def __init__(self, engine):
        self._listener, self.address = listen(engine.new_address())
        self.token = secrets.token_hex(16)
        self.socket = None
        self.is_failed = None

    def items(self):
        """Items as they come, until END."""
        self.socket, _ = self._listener.accept()
        self._listener.close()
        reader = FrameReader(self.socket)
        kind, payload = read(reader)
        hello = decode_payload(payload)
        assert (kind, hello["token"], hello["role"]) == (HELLO, self.token, "producer")
        while (frame := reader.read()) is not None:
            if frame[0] == END:
                self.is_failed = decode_payload(frame[1])["failed"]
                break
            assert frame[0] == ITEMS
            items = decode_payload(frame[1])
            yield from items
            self.socket.sendall(encode_frame(CREDIT, [len(items), len(frame[1])]))
        self.socket.close()

    def close(self):
        self._listener.close()
        if self.socket is not None:
            self.socket.close()


def segment(name, nodes, edges=(), inputs=(), outputs=(), metrics=False, cancel_timeout_ms=5000):
    """A segment's description."""
    return {
        "segment": name,
        "nodes": nodes,
        "edges": [list(edge) for edge in edges],
        "inputs": [{"language": "typescript", **entry} for entry in inputs],
        "outputs": [{"language": "typescript", **entry} for entry in outputs],
        "metrics": metrics,
        "cancelTimeoutMs": cancel_timeout_ms,
    }


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


__all__ = [
    "ENTRY",
    "NODES",
    "SECONDS",
    "WINDOW",
    "Engine",
    "Feed",
    "RequestError",
    "Sink",
    "exception_of",
    "read",
    "run",
    "running",
    "segment",
]
