"""The base class of nodes: sessions, metadata, copies and manifest entries."""

import copy
import logging
import pickle
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import cloudpickle
import pytest

from remotemedia import Node
from remotemedia.core.exceptions import ConfigurationError, ManifestError
from remotemedia.core.node import RemoteExecutorConfig, SessionState, StateManager


class Scale(Node):
    def __init__(self, factor, offset=0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.offset = offset
        self.lock = None

    def process(self, data):
        return data * self.factor + self.offset


class Slotted(Node):
    __slots__ = ("depth",)

    def process(self, data):
        return data


class OldStyle(Node):
    """Written for the published package: it leaves out what cannot travel."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lock = threading.Lock()
        self.count = 3

    def process(self, data):
        return data

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("lock")
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.lock = threading.Lock()


class Bare(Node):
    def __init__(self):
        self.count = 0

    def process(self, data):
        return data


@dataclass
class Data(Node):
    factor: int = 2

    def process(self, data):
        return data * self.factor


def session_of(node, session_id=None) -> Any:
    return node.get_session_state(session_id)


def test_an_init_without_super_leaves_every_attribute_there():
    node = Bare()
    assert (node.name, node.config, node.executor, node.enable_state) == ("Bare", {}, None, True)
    assert not node.is_initialized
    node.config["a"] = 1
    assert (node.config, Bare().config) == ({"a": 1}, {})
    assert Data().name == "Data"


def test_the_published_positions_of_the_constructor_are_kept():
    node = Node("n", False, timedelta(seconds=5), 7, unit="m", executor="multiprocess")
    assert (node.name, node.enable_state, node.state_ttl, node.max_sessions) == (
        "n",
        False,
        timedelta(seconds=5),
        7,
    )
    assert (node.config, node.executor) == ({"unit": "m"}, "multiprocess")


def test_making_a_node_makes_no_state_and_no_thread():
    threads = threading.active_count()
    node = Scale(2)
    node.initialize()
    assert "state" not in vars(node)
    assert threading.active_count() == threads
    assert isinstance(node.state, StateManager)
    assert node.state is node.state


def test_state_can_be_off_and_replaced():
    assert Node(enable_state=False).state is None
    assert Node(enable_state=False).get_session_state("a") is None
    node: Any = Node()
    node.state = 0
    node.cleanup()
    assert node.state == 0
    assert node.get_session_state("a") is None


def test_sessions_are_kept_apart_and_forgotten_at_cleanup():
    node = Scale(1)
    assert node.get_session_state() is None
    node.set_session_id("a")
    assert node.get_session_id() == "a"
    session_of(node).set("n", 1)
    session_of(node, "b").update({"n": 2})
    assert [session_of(node, key).get("n") for key in "ab"] == [1, 2]
    node.cleanup()
    assert session_of(node, "a").get("n", "none") == "none"


def test_sessions_expire_after_their_last_use():
    manager = StateManager(timedelta(hours=1))
    kept, old = manager.get_or_create_session("kept"), manager.get_or_create_session("old")
    old.last_accessed = datetime.now() - timedelta(hours=2)
    assert manager.get_session("old") is None
    old = manager.get_or_create_session("old")
    old.last_accessed -= timedelta(hours=2)
    assert manager.get_or_create_session("old") is not old
    manager.get_or_create_session("old").last_accessed -= timedelta(hours=2)
    assert manager.get_all_sessions() == {"kept": kept}
    kept.last_accessed -= timedelta(hours=2)
    assert manager.cleanup_expired_sessions() == 1


def test_expired_sessions_that_nobody_asks_for_go_too():
    manager = StateManager(3600)
    manager.start_cleanup_task(timedelta(microseconds=-1))
    manager.get_or_create_session("old").last_accessed -= timedelta(hours=2)
    manager.get_or_create_session("new")
    assert manager.cleanup_expired_sessions() == 0
    manager.stop_cleanup_task()
    manager.get_or_create_session("new").last_accessed -= timedelta(hours=2)
    manager.get_or_create_session("other")
    assert manager.cleanup_expired_sessions() == 1


def test_the_session_used_longest_ago_makes_room():
    manager = StateManager(max_sessions=2)
    for key in "ab":
        manager.get_or_create_session(key)
    manager.get_or_create_session("a").last_accessed += timedelta(seconds=1)
    manager.get_or_create_session("c").set("x", 1)
    assert set(manager.get_all_sessions()) == {"a", "c"}
    assert manager.delete_session("a")
    assert not manager.delete_session("a")


def test_a_session_is_cleared_and_sessions_are_restored():
    manager = StateManager()
    manager.get_or_create_session("a").set("x", 1)
    taken = manager.get_all_sessions()
    manager.clear_all_sessions()
    assert manager.get_session("a") is None
    manager.restore_sessions(taken)
    session = manager.get_session("a")
    assert isinstance(session, SessionState)
    assert session.get("x") == 1
    session.clear()
    assert session.data == {}


@pytest.mark.parametrize("duplicate", [lambda n: pickle.loads(pickle.dumps(n)), copy.deepcopy])
def test_a_copy_has_fields_and_sessions_and_is_initialized_anew(duplicate):
    node = Scale(3, name="s", executor="multiprocess", max_sessions=4)
    node.initialize()
    node.set_session_id("a")
    session_of(node).set("n", 1)
    other = duplicate(node)
    assert (other.name, other.factor, other.executor, other.get_session_id()) == ("s", 3, "multiprocess", "a")
    assert not other.is_initialized
    assert node.is_initialized
    assert session_of(other).get("n") == 1
    session_of(other).set("n", 2)
    assert session_of(node).get("n") == 1


def test_classes_with_slots_or_states_of_their_own_are_copied():
    slotted = Slotted(name="s")
    slotted.depth = 4
    assert pickle.loads(pickle.dumps(slotted)).depth == 4
    old = pickle.loads(pickle.dumps(OldStyle(name="o")))
    assert (old.name, old.count) == ("o", 3)
    assert old.lock.acquire(blocking=False)
    assert pickle.loads(pickle.dumps(Bare())).count == 0
    assert pickle.loads(pickle.dumps(Slotted.__new__(Slotted))).name == "Slotted"


def test_the_logger_is_named_after_the_class_and_never_hinders_a_copy():
    class Local(Node):
        def __init__(self):
            super().__init__()
            self.logger.debug("made")

        def process(self, data):
            return data

    assert Local().logger is logging.getLogger("remotemedia.Local")
    assert cloudpickle.loads(cloudpickle.dumps(Local())).logger.name == "remotemedia.Local"
    node = Local()
    node.logger = logging.getLogger("mine")
    assert node.logger.name == "mine"


@pytest.mark.parametrize(
    ("item", "value", "metadata"),
    [
        ("plain", "plain", None),
        ((1, 2), (1, 2), None),
        ((1, {"other": 1}), (1, {"other": 1}), None),
        (("a", {"session_id": "s"}), "a", {"session_id": "s"}),
        (("a", 16000, {"timestamp": 1}), ("a", 16000), {"timestamp": 1}),
        ((), (), None),
    ],
)
def test_items_are_taken_apart_and_put_together_again(item, value, metadata):
    node = Node()
    assert node.split_data_metadata(item) == (value, metadata)
    assert node.merge_data_metadata(value, metadata) == item


@pytest.mark.parametrize(
    ("item", "session_id"),
    [({"session_id": "a"}, "a"), ((1, {"session_id": "b"}), "b"), ({}, None), ((1,), None), ("a", None)],
)
def test_the_session_of_an_item_is_found(item, session_id):
    assert Node().extract_session_id(item) == session_id


def test_a_manifest_entry_makes_the_node_anew():
    node = Scale(
        3,
        offset=1,
        name="s",
        executor="multiprocess",
        unit="m",
        max_sessions=2,
        state_ttl=timedelta(minutes=1),
    )
    node.is_streaming = True
    node.get_capabilities = lambda: {"memory_gb": 1}
    entry = node.to_manifest()
    assert entry == {
        "id": "s",
        "node_type": "Scale",
        "params": {"factor": 3, "offset": 1, "unit": "m", "max_sessions": 2, "state_ttl": 60.0},
        "is_streaming": True,
        "executor": "multiprocess",
        "capabilities": {"memory_gb": 1},
    }
    assert "capabilities" not in node.to_manifest(include_capabilities=False)
    made = Scale(**entry["params"])
    assert (made.process(2), made.config, made.max_sessions) == (7, {"unit": "m"}, 2)
    assert Data(5).to_manifest()["params"] == {"factor": 5}
    assert Node(enable_state=False).to_manifest()["params"] == {"enable_state": False}


def test_a_field_that_json_cannot_hold_stays_out_and_a_setting_is_an_error_with_its_path():
    assert "factor" not in Scale(object()).to_manifest()["params"]
    with pytest.raises(
        ManifestError, match=r"params\.model\[1\] is a object, which no manifest can hold"
    ) as caught:
        Node(model=[1, object()]).serialize()
    assert caught.value.path == "params.model[1]"


def test_remote_settings_are_checked_and_stated():
    config = RemoteExecutorConfig("example.org", 50052, ssl_enabled=False)
    node: Any = Node()
    node.remote_config, node.is_remote = config, True
    assert node.to_manifest()["host"] == "example.org:50052"
    for wrong in ({"protocol": "x"}, {"port": 0}, {"timeout": 0}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            RemoteExecutorConfig(**{"host": "h", "port": 1, **wrong})
