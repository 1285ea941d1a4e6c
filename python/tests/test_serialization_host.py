"""A host adopts what another process serialized, and gives its state back."""

import sys

import pytest

from engine import Engine, RequestError
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import dump_instance, load_state, take_state


class Tally(Node):
    def __init__(self, start):
        super().__init__(name="tally")
        self.total = start

    def add(self, number):
        self.total += number
        session = self.get_session_state("s")
        assert session is not None
        session.set("last", number)


@pytest.fixture
def engine(tmp_path):
    # Instances of the classes here go by reference.
    engine = Engine(tmp_path, path=sys.path)
    yield engine
    if engine.process.returncode is None:
        engine.close()


def test_an_instance_is_adopted_works_there_and_its_state_comes_home(engine):
    node = Tally(4)
    made = engine.request("create", pickled=dump_instance(node, take_state(node)))
    assert made["name"] == "tally"
    assert made["className"] == "Tally"
    target = made["object"]
    assert engine.request("get", object=target, name="is_initialized") is False
    engine.request("call", object=target, name="add", args=[5], kwargs={})

    engine.request("takeState", object=target)
    engine.request("call", object=target, name="cleanup", args=[], kwargs={})
    load_state(node, engine.request("state", object=target)["pickled"])
    assert node.total == 9
    session = node.state.get_session("s")
    assert session is not None
    assert session.get("last") == 5


def test_bytes_that_are_refused_and_state_that_cannot_cross_are_answered_with_the_error(engine):
    with pytest.raises(RequestError, match="were cut off"):
        engine.request("create", pickled=dump_instance(Tally(1))[:-1])
    source = (
        "import threading\nclass Locked:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
        "    def process(self, item): ...\n"
    )
    target = engine.request("create", source=source, args=[], kwargs={})["object"]
    with pytest.raises(RequestError, match="attribute 'lock' is not serializable"):
        engine.request("state", object=target)
