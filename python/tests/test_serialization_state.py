"""State of serialized nodes: that of their sessions goes along, and what changed comes home."""

import threading
from typing import Any

import pytest

from crossing import Counting, Holder, elsewhere
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    SerializationError,
    deserialize_node_from_ipc,
    dump_instance,
    dump_state,
    load_instance,
    load_state,
    serialize_node_for_ipc,
    take_state,
)


def test_session_state_is_taken_before_cleanup_and_arrives():
    node: Any = Counting()
    assert [node.process("alice") for _ in range(3)] == [1, 2, 3]
    data = serialize_node_for_ipc(node)
    assert node.state.get_all_sessions() == {}
    assert elsewhere(data, ["alice", "alice", "bob"]) == [4, 5, 1]


def test_a_session_that_cannot_cross_is_named_as_a_user_reaches_it():
    node: Any = Counting(name="chat")
    node.get_session_state("alice").set("db", [threading.Lock()])
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.attribute == "state.get_session('alice').data['db'][0]"


def test_a_state_field_of_ones_own_is_an_ordinary_field():
    node: Any = Holder()
    node.state = {"mode": "idle"}
    assert deserialize_node_from_ipc(serialize_node_for_ipc(node)).state == {"mode": "idle"}


class Learning(Node):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.me = self
        self.draft = "x"

    def process(self, data):
        self.seen.append(data)
        self.__dict__.pop("draft", None)
        session: Any = self.get_session_state("s")
        session.set("last", data)


def test_state_comes_home_into_the_original():
    node: Any = Learning()
    copy = load_instance(dump_instance(node))
    copy.process(5)
    taken = take_state(copy)
    copy.cleanup()
    load_state(node, dump_state(copy, taken))
    assert node.seen == [5]
    assert node.me is node
    assert not hasattr(node, "draft")
    assert node.state.get_session("s").get("last") == 5


def test_state_of_slots_and_of_a_getstate_comes_home():
    class Tight:
        __slots__ = ("count", "lock")

        def __init__(self):
            self.count = 0
            self.lock = threading.Lock()

        def __getstate__(self):
            return None, {"count": self.count}

        def initialize(self): ...

        def process(self, data):
            self.count += data

    node: Any = Tight()
    lock = node.lock
    copy = load_instance(dump_instance(node))
    copy.process(3)
    load_state(node, dump_state(copy))
    assert node.count == 3
    assert node.lock is lock


def test_state_behind_a_reduce_of_its_own_is_refused():
    class Made(Holder):
        def __reduce__(self):
            return (Holder, ())

    with pytest.raises(SerializationError, match=r"Made.__reduce__\(\) makes a new object"):
        dump_state(Made())
