"""What cannot cross is named by the way to it, which leads there in any graph of objects."""

import ast
import collections
import functools
import inspect
import re
import sqlite3
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossing import Box, Failing, Holder, refused
from remotemedia.core.node_serialization import SerializationError, serialize_node_for_ipc


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


def test_a_global_of_code_that_travels_is_named_with_the_function():
    error = refused(LAYERS["globals"](threading.Lock(), 1))
    assert "a global that function() uses" in error.reason
    assert "module that can be imported" in (error.suggestion or "")
