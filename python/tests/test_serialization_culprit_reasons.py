"""What cannot cross is named with a reason and a suggestion that fits."""

import asyncio
import concurrent.futures
import contextvars
import ctypes
import logging
import mmap
import queue
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from crossing import Box, Failing, Holder, refused
from remotemedia.core.node_serialization import SerializationError, serialize_node_for_ipc


@pytest.fixture
def opened(tmp_path):
    """Things that must be closed after the test."""
    file = (tmp_path / "data.txt").open("w")
    binary = (tmp_path / "data.txt").open("rb")
    connection = sqlite3.connect(":memory:")
    pool = concurrent.futures.ThreadPoolExecutor()
    loop = asyncio.new_event_loop()
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    sock = socket.socket()
    made = {
        "file": file,
        "binary file": binary,
        "connection": connection,
        "cursor": connection.cursor(),
        "pool": pool,
        "loop": loop,
        "future": loop.create_future(),
        "process": process,
        "socket": sock,
    }
    yield made
    for closing in (file, binary, connection, loop, sock):
        closing.close()
    pool.shutdown()
    process.communicate()


@pytest.mark.parametrize(
    ("name", "reason", "suggestion"),
    [
        (
            "file",
            r"an open file \('.*data.txt', mode 'w'\)",
            r"Open it in initialize\(\) and close it in cleanup\(\)",
        ),
        ("binary file", r"an open file \('.*data.txt', mode 'rb'\)", r"close it in cleanup\(\)"),
        ("connection", r"a database connection \(sqlite3.Connection\)", "connect in initialize"),
        ("cursor", "a database connection", "connect in initialize"),
        ("pool", "a thread or a pool", r"join it in cleanup\(\)"),
        ("loop", "an event loop", "end it"),
        ("future", "a future or task", "end it"),
        ("process", "a running process", r"end it in cleanup\(\)"),
        ("socket", "a socket", "Keep the address"),
    ],
)
def test_system_resources_have_a_reason_and_a_suggestion(opened, name, reason, suggestion):
    error = refused(opened[name])
    assert error.attribute == "field"
    assert re.search(reason, error.reason)
    assert re.search(suggestion, error.suggestion or "")


@pytest.mark.parametrize(
    ("make", "reason", "suggestion"),
    [
        (threading.Lock, "a lock", "each process has its own"),
        (threading.RLock, "a lock", "each process has its own"),
        (threading.Event, r"a lock or made of one \(threading.Event\)", "each process has its own"),
        (threading.Condition, "a lock", "each process has its own"),
        (queue.Queue, "a lock", "each process has its own"),
        (lambda: threading.Thread(target=print), "a thread", "join it"),
        (threading.local, "data of one thread", "initialize"),
        (lambda: (n for n in ()), "a generator", "Keep the function"),
        (lambda: _async_generator(), "an async generator", "Keep the function"),
        (lambda: weakref.ref(Box), "a weak reference", "Keep the object itself"),
        (weakref.WeakValueDictionary, "a weak reference", "Keep the object itself"),
        (lambda: mmap.mmap(-1, 8), "a mapped file", "map it in initialize"),
        (lambda: _released(), "a view of memory", "Keep bytes"),
        (sys._getframe, "running code", "the text that is needed"),
        (logging.StreamHandler, "a logging handler", "loggers themselves cross by name"),
        (lambda: contextvars.ContextVar("v"), "a context variable", "top of a module"),
        (lambda: ctypes.pointer(ctypes.c_int()), "a handle of native code", "Keep what it is made from"),
        (Failing, r"__getstate__\(\) of Failing failed: ValueError: not now", r"Have __getstate__\(\) give"),
    ],
)
def test_each_kind_has_a_reason_and_a_suggestion(make, reason, suggestion):
    error = refused(make())
    assert error.attribute == "field"
    assert re.search(reason, error.reason)
    assert re.search(suggestion, error.suggestion or "")
    assert str(error) == (
        f"Cannot serialize Node 'bad': attribute 'field' is not serializable. {error.reason}  "
        f"Suggestion: {error.suggestion}"
    )


async def _async_generator():
    yield 1


def _released():
    view = memoryview(b"abc")
    view.release()
    return view


def test_a_coroutine_is_named():
    coroutine = asyncio.sleep(0)
    try:
        assert "a coroutine" in refused(coroutine).reason
    finally:
        coroutine.close()


def test_unknown_kinds_have_the_words_of_pickle():
    class Opaque:
        def __reduce_ex__(self, protocol):
            raise TypeError("this scanner stays here")

    assert "this scanner stays here" in refused(Opaque()).reason


def test_a_singleton_of_a_module_is_named():
    error = refused(threading._active_limbo_lock)  # pyright: ignore[reportAttributeAccessIssue]
    assert "threading._active_limbo_lock" in error.reason
    assert "in initialize()" in (error.suggestion or "")


def test_nesting_too_deep_is_named_by_where_it_begins():
    value = None
    for _ in range(5_000):
        value = [value]
    error = refused(value)
    assert error.attribute == "field"
    assert "levels deep (field[0][0]…)" in error.reason


def test_the_error_of_a_user_s_getstate_is_the_cause():
    assert isinstance(refused(Failing()).__cause__, ValueError)


def test_a_getstate_of_an_object_itself_still_gives_a_reason():
    box = Box(1)
    box.__getstate__ = lambda: {"handle": threading.Lock()}  # pyright: ignore[reportAttributeAccessIssue]
    error = refused(box)
    assert error.attribute is None
    assert "a lock" in error.reason


def test_an_error_that_does_not_come_again_has_its_own_words():
    class Fickle:
        calls = 0

        def __getstate__(self):
            Fickle.calls += 1
            if Fickle.calls == 1:
                raise OSError("busy")
            return {}

    error = refused(Fickle())
    assert error.attribute is None
    assert "OSError: busy" in error.reason


def test_looking_for_the_culprit_asks_each_object_only_once_more():
    class Asked:
        def __init__(self):
            self.times = 0

        def __reduce__(self):
            self.times += 1
            return (list, ())

    many = [Asked() for _ in range(100)]
    node: Any = Holder()
    node.many = many + many
    node.lock = threading.Lock()
    with pytest.raises(SerializationError):
        serialize_node_for_ipc(node)
    assert {asked.times for asked in many} == {2}


def test_in_a_large_node_what_is_near_is_found_without_pickling_the_rest():
    class Asked:
        times = 0

        def __reduce__(self):
            Asked.times += 1
            return (list, ())

    node: Any = Holder(name="large")
    node.weights = bytes(8 << 20)
    node.after = [Asked()]
    node.pool = Box({"locks": [1, threading.Lock()]})
    with pytest.raises(SerializationError, match="a lock") as caught:
        serialize_node_for_ipc(node)
    assert caught.value.attribute == "pool.inner['locks'][1]"
    assert Asked.times == 0


def test_a_short_look_passes_over_what_crosses_after_all():
    class Thread(threading.Thread):
        def __getstate__(self):
            return {}

        def __setstate__(self, state):
            super().__init__()

    class Leaving(Holder):
        def __getstate__(self):
            return {**super().__getstate__(), "lock": None}

    node: Any = Leaving()
    node.weights = bytes(8 << 20)
    node.lock = threading.Lock()
    node.thread = Thread()
    node.view = memoryview(b"abc")
    assert len(serialize_node_for_ipc(node)) > 8 << 20
