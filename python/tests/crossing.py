"""What crosses to another process: a node's bytes, read in a fresh interpreter."""

import json
import subprocess
import sys
from typing import Any

import pytest

from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    SerializationError,
    serialize_node_for_ipc,
)

READ = """
import json, sys
from remotemedia.core.node_serialization import deserialize_node_from_ipc
node = deserialize_node_from_ipc(sys.stdin.buffer.read())
print(json.dumps([node.process(item) for item in json.loads(sys.argv[1])]))
"""


def elsewhere(data, items, cwd=None):
    """What a node of these bytes gives in a fresh interpreter with this one's path."""
    code = f"import sys; sys.path[:] = {sys.path!r}\n{READ}"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(items)], input=data, capture_output=True, cwd=cwd, timeout=50
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def crosses(node, items):
    """Whether a node gives the same here and in another process."""
    data = serialize_node_for_ipc(node)
    node.initialize()
    here = json.loads(json.dumps([node.process(item) for item in items]))
    return elsewhere(data, items) == here


class Holder(Node):
    """Holds whatever a test sets as its fields."""

    def process(self, data):
        return data


class Box:
    def __init__(self, inner, noise=None):
        self.noise = noise
        self.inner = inner
        self.after = noise

    def method(self):
        return self.inner


class Failing:
    def __getstate__(self):
        raise ValueError("not now")


class Counting(Node):
    """Counts for each session; its cleanup empties the sessions themselves."""

    def process(self, data):
        session: Any = self.get_session_state(data)
        session.set("count", session.get("count", 0) + 1)
        return session.get("count")

    def cleanup(self):
        for session in self.state.get_all_sessions().values():
            session.clear()
        super().cleanup()


def refused(value, name="bad"):
    """The error of a node with this field."""
    node = Holder(name=name)
    vars(node)["field"] = value
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.node_name == name
    return caught.value
