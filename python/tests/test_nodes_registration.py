"""Node classes that are made known to manifests."""

import pytest

from remotemedia import Node
from remotemedia.core import registry
from remotemedia.core.exceptions import ConfigurationError
from remotemedia.nodes import CalculatorNode, get_registered_nodes, register_python_node, streaming_node

FILE = """
from remotemedia import Node

class First(Node):
    "The first."
    def process(self, data):
        return data

class Second(Node):
    def process(self, data):
        return data
"""


@pytest.fixture
def nodes_file(tmp_path):
    file = tmp_path / "registered_nodes.py"
    file.write_text(FILE, "utf-8")
    return file


def test_a_decorated_class_is_known_by_its_type_and_stays_as_it_is():
    @streaming_node("Louder", multi_output=True, category="text", accepts=["text"], version=2)
    class Shout(Node):
        """Makes text loud."""

        def process(self, data):
            return data.upper()

    registration = get_registered_nodes()["Louder"]
    assert registration.python_class is Shout
    assert registration.to_dict() == {
        "node_type": "Louder",
        "python_class": f"{__name__}.Shout",
        "multi_output": True,
        "description": "Makes text loud.",
        "category": "text",
        "accepts": ["text"],
        "produces": [],
        "metadata": {"version": 2},
    }
    assert registry.find("Louder") is registry.find("LouderNode") is Shout
    assert Shout.is_streaming is False


def test_the_classes_of_a_file_are_registered(nodes_file):
    described = register_python_node(str(nodes_file), category="text")
    assert set(described) == {"First", "Second"}
    assert described["First"]["description"] == "The first."
    assert described["First"]["file_path"] == str(nodes_file)
    assert registry.find("SecondNode") is described["Second"]["class"]
    assert get_registered_nodes()["First"].category == "text"


def test_one_class_of_a_file_is_registered_under_a_type_of_its_own(nodes_file):
    described = register_python_node(nodes_file, node_type="Renamed", node_class="Second")
    assert set(described) == {"Renamed"}
    assert registry.find("Renamed") is described["Renamed"]["class"]
    assert described["Renamed"]["class"].__name__ == "Second"


def test_a_class_is_registered_as_it_is():
    class Given:
        def initialize(self): ...

        def process(self, data):
            return data

    assert register_python_node(Given)["Given"]["class"] is Given
    assert registry.find("GivenNode") is Given


def test_what_is_no_file_of_nodes_is_refused(tmp_path, nodes_file):
    with pytest.raises(FileNotFoundError, match=r"nope\.py"):
        register_python_node(tmp_path / "nope.py")
    (tmp_path / "text.txt").write_text("", "utf-8")
    with pytest.raises(ConfigurationError, match=r"must end with \.py"):
        register_python_node(tmp_path / "text.txt")
    with pytest.raises(ValueError, match="no node class 'Third'; it has First, Second"):
        register_python_node(nodes_file, node_class="Third")
    (tmp_path / "without_nodes.py").write_text("x = 1", "utf-8")
    with pytest.raises(ConfigurationError, match="defines no Node subclass"):
        register_python_node(tmp_path / "without_nodes.py")


def test_a_built_in_class_never_takes_a_name_from_the_program():
    class Taken(Node):
        def process(self, data):
            return data

    built_in = type("Taken", (), {"__module__": "remotemedia.nodes.some"})
    registry.register(built_in)
    assert registry.find("Taken") is Taken
    registry.register(CalculatorNode)
    assert registry.find("Calculator") is CalculatorNode
