"""What cannot cross is named: the way to it, the reason and a suggestion that fits."""

import ast
import asyncio
import collections
import concurrent.futures
import contextvars
import ctypes
import functools
import inspect
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remotemedia.core.node import Node
from remotemedia.core.node_serialization import SerializationError, serialize_node_for_ipc


class Holder(Node):
    def process(self, data):
        return data


class Box:
    def __init__(self, inner, noise=None):
        self.noise = noise
        self.inner = inner
        self.after = noise

    def method(self):
        return self.inner


class Slotted:
    __slots__ = ("__dict__", "inner")

    def __init__(self, inner, noise):
        self.inner = inner
        self.noise = noise


class OnlySlots:
    __slots__ = ("first", "inner")

    def __init__(self, inner, noise):
        self.first = noise
        self.inner = inner


class Stated:
    def __init__(self, inner):
        self.hidden = [inner]

    def __getstate__(self):
        return {"renamed": self.hidden[0]}


class Reduced:
    def __init__(self, inner, noise=None):
        self.kept = (inner,)

    def __reduce__(self):
        return (Reduced, (*self.kept, 1))


class ListLike(list):
    pass


def refused(value, name="bad"):
    """The error of a node with this field."""
    node = Holder(name=name)
    vars(node)["field"] = value
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.node_name == name
    return caught.value


# Following a path as a reader of the error does


def follow(root, path):
    """What a path of an error leads to."""
    return _evaluate(ast.parse("root." + re.sub(r"<(\w+)>", r"IN_\1", path), mode="eval").body, root)


def _evaluate(tree, root):
    if isinstance(tree, ast.Name):
        return root
    if isinstance(tree, ast.Subscript):
        key = ast.literal_eval(tree.slice)
        if isinstance(tree.value, ast.Attribute) and tree.value.attr.startswith("IN_"):
            return _part(_evaluate(tree.value.value, root), tree.value.attr, key)
        return _evaluate(tree.value, root)[key]
    if isinstance(tree.value, ast.Attribute) and tree.value.attr.startswith("IN_"):
        return _part(_evaluate(tree.value.value, root), tree.value.attr, tree.attr)
    return getattr(_evaluate(tree.value, root), tree.attr)


def _part(owner, kind, key):
    if kind in ("IN_keys", "IN_items"):
        return list(owner)[key]
    if kind == "IN_values":
        return list(owner.values())[key]
    if kind == "IN_state":
        return owner.__getstate__()[key]
    if kind == "IN_arguments":
        return owner.__reduce_ex__(5)[1][key]
    if kind == "IN_class":
        return getattr(type(owner), key)
    function = getattr(owner, "__func__", owner)
    if kind == "IN_closure":
        return inspect.getclosurevars(function).nonlocals[key]
    if kind == "IN_globals":
        return function.__globals__[key]
    return inspect.signature(function).parameters[key].default


def _closure(inner, noise):
    before = noise

    def function():
        return before, inner

    return function


def _defaults(inner, noise):
    def function(a, b=noise, c=inner, *, d=1):
        return a, b, c, d

    return function


def _keyword_defaults(inner, noise):
    def function(a, *, b=noise, c=inner):
        return a, b, c

    return function


def _globals(inner, noise):
    scope = {"__name__": "__main__", "handle": inner, "other": noise, "unused": threading.Lock()}
    exec("def function():\n    return other, handle", scope)
    return scope["function"]


def _function_attribute(inner, noise):
    function = _closure(noise, noise)
    function.handle = inner  # pyright: ignore[reportFunctionMemberAccess]
    return function


def _class_attribute(inner, noise):
    class Local:
        before = noise
        handle = inner

    return Local()


def _class_itself(inner, noise):
    class Local:
        before = noise
        handle = inner

    return Local


LAYERS = {
    "list": lambda inner, noise: [noise, inner, noise],
    "tuple": lambda inner, noise: (noise, inner),
    "dict value": lambda inner, noise: {"a": noise, "it's [odd]": inner, "z": noise},
    "dict value at a number": lambda inner, noise: {0: noise, -7: inner},
    "dict value at an object": lambda inner, noise: {Box(1): noise, Box(2): inner},
    "dict key": lambda inner, noise: {1: noise, _hashable(inner): 2},
    "set": lambda inner, noise: {1, _hashable(inner), "text"},
    "frozenset": lambda inner, noise: frozenset({_hashable(inner), 3}),
    "object": Box,
    "slots and dict": Slotted,
    "slots": OnlySlots,
    "deque": lambda inner, noise: collections.deque([noise, inner]),
    "list subclass": lambda inner, noise: ListLike([noise, inner]),
    "ordered dict": lambda inner, noise: collections.OrderedDict(a=noise, b=inner),
    "default dict": lambda inner, noise: collections.defaultdict(list, {"a": noise, "b": inner}),
    "exception": lambda inner, noise: ValueError("words", inner),
    "getstate": lambda inner, noise: Stated(inner),
    "reduce": Reduced,
    "partial argument": lambda inner, noise: functools.partial(print, noise, inner),
    "partial keyword": lambda inner, noise: functools.partial(print, noise, sep=inner),
    "bound method": lambda inner, noise: Box(inner, noise).method,
    "closure": _closure,
    "defaults": _defaults,
    "keyword defaults": _keyword_defaults,
    "globals": _globals,
    "function attribute": _function_attribute,
    "class attribute": _class_attribute,
    "class": _class_itself,
}


def _hashable(value):
    try:
        hash(value)
    except TypeError:
        return Box(value)
    return value


CULPRITS = {
    "lock": threading.Lock,
    "generator": lambda: (number for number in ()),
    "connection": lambda: sqlite3.connect(":memory:"),
    "object with a failing getstate": lambda: Failing(),
}


class Failing:
    def __getstate__(self):
        raise ValueError("not now")


noise = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | inner.map(Box)
        | inner.map(lambda value: OnlySlots(value, value))
        | inner.map(lambda value: (value, value))
    ),
    max_leaves=8,
)


@given(
    layers=st.lists(st.tuples(st.sampled_from(sorted(LAYERS)), noise), max_size=7),
    kind=st.sampled_from(sorted(CULPRITS)),
    shared=noise,
    is_circular=st.booleans(),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_path_leads_to_the_culprit_in_any_graph(layers, kind, shared, is_circular):
    culprit = value = CULPRITS[kind]()
    node: Any = Holder(name="n")
    for layer, around in layers:
        value = LAYERS[layer](value, [around, shared, node if is_circular else None])
    node.before = shared
    node.some_field = value
    node.later = threading.Lock()
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.attribute is not None
    assert follow(node, caught.value.attribute) is culprit


@pytest.mark.parametrize(
    ("layer", "path"),
    [
        ("list", "field[1]"),
        ("dict value", """field["it's [odd]"]"""),
        ("set", None),
        ("object", "field.inner"),
        ("closure", "field.<closure>.inner"),
        ("defaults", "field.<defaults>.c"),
        ("keyword defaults", "field.<defaults>.c"),
        ("globals", "field.<globals>.handle"),
        ("partial keyword", "field.keywords['sep']"),
        ("bound method", "field.__self__.inner"),
        ("getstate", "field.<state>['renamed']"),
        ("reduce", "field.<arguments>[0]"),
        ("class attribute", "field.handle"),
        ("dict key", "field.<keys>[1]"),
    ],
)
def test_each_way_is_written_as_a_reader_would(layer, path):
    error = refused(LAYERS[layer](threading.Lock(), [1]))
    if path is None:
        assert re.fullmatch(r"field\.<items>\[\d\]", error.attribute or "")
    else:
        assert error.attribute == path


# Reasons and suggestions


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


def test_a_global_of_code_that_travels_is_named_with_the_function():
    error = refused(LAYERS["globals"](threading.Lock(), 1))
    assert "a global that function() uses" in error.reason
    assert "module that can be imported" in (error.suggestion or "")


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
