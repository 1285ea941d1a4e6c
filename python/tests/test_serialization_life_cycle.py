"""Serializing live nodes: what they are cleaned up from before, and initialized after."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from crossing import elsewhere
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    InitializationError,
    SerializationError,
    cleanup_failed,
    deserialize_node_from_ipc,
    dump_instance,
    load_instance,
    serialize_node_for_ipc,
    take_state,
    validate_node_serializable,
)


class Steps(Node):
    """Notes the calls of its life cycle."""

    def __init__(self, **config):
        super().__init__(**config)
        self.calls = []

    def initialize(self):
        super().initialize()
        self.calls.append("initialize")

    def cleanup(self):
        self.calls.append("cleanup")
        super().cleanup()

    def process(self, data):
        return [*self.calls, data]


class Plain:
    """No Node, but a node."""

    def __init__(self, name="plain"):
        self.name = name
        self.table = {"a": 1}

    def initialize(self):
        self.is_ready = True

    def process(self, data):
        return self.table.get(data, self.is_ready)


class AsyncSteps(Steps):
    async def initialize(self):
        await asyncio.sleep(0)
        self.calls.append("initialize")

    async def cleanup(self):
        await asyncio.sleep(0)
        self.calls.append("cleanup")


class FailingCleanup(Steps):
    def cleanup(self):
        raise OSError("the device is gone")


def test_cleanup_runs_before_and_initialize_after_also_on_a_node_never_initialized():
    node: Any = Steps()
    data = serialize_node_for_ipc(node)
    assert node.calls == ["cleanup"]
    copy = deserialize_node_from_ipc(data)
    assert copy.calls == ["cleanup", "initialize"]
    assert copy.is_initialized
    assert not node.is_initialized


def test_an_initialized_node_is_cleaned_up_with_a_warning_and_may_run_again(caplog):
    node: Any = Steps(name="warm")
    node.initialize()
    with caplog.at_level(logging.WARNING, "remotemedia"):
        serialize_node_for_ipc(node)
    assert "'warm' was initialized" in caplog.text
    assert not node.is_initialized
    node.initialize()
    assert node.process(1) == ["initialize", "cleanup", "initialize", 1]


def test_load_instance_does_not_initialize():
    copy = load_instance(dump_instance(Steps()))
    assert copy.calls == []
    assert not copy.is_initialized


def test_an_object_that_is_no_node_subclass_crosses():
    data = serialize_node_for_ipc(Plain())
    assert elsewhere(data, ["a", "b"]) == [1, True]


def test_a_class_and_an_object_without_process_are_type_errors():
    with pytest.raises(TypeError, match="Steps is a class"):
        serialize_node_for_ipc(Steps)
    with pytest.raises(TypeError, match="list has no process and no initialize"):
        serialize_node_for_ipc([])


def test_async_cleanup_and_initialize_are_run_to_their_end():
    node = AsyncSteps()
    data = serialize_node_for_ipc(node)
    assert node.calls == ["cleanup"]
    assert deserialize_node_from_ipc(data).calls == ["cleanup", "initialize"]


def test_on_a_running_loop_async_cleanup_is_refused_with_the_steps_to_take():
    async def main():
        with pytest.raises(RuntimeError, match=r"take_state\(node\), await node.cleanup\(\), dump_instance"):
            serialize_node_for_ipc(AsyncSteps())
        node = AsyncSteps()
        taken = take_state(node)
        await node.cleanup()
        copy = load_instance(dump_instance(node, taken))
        await copy.initialize()
        return copy.calls

    assert asyncio.run(main()) == ["cleanup", "initialize"]


def test_a_failing_cleanup_is_an_error_only_of_an_initialized_node(caplog):
    node = FailingCleanup(name="camera")
    with caplog.at_level(logging.DEBUG, "remotemedia"):
        assert deserialize_node_from_ipc(serialize_node_for_ipc(node)).calls == ["initialize"]
    records = [record for record in caplog.records if "the device is gone" in record.getMessage()]
    assert [record.levelno for record in records] == [logging.DEBUG]

    node.initialize()
    with pytest.raises(SerializationError, match=r"'camera': its cleanup\(\) failed: OSError") as caught:
        serialize_node_for_ipc(node)
    assert isinstance(caught.value.__cause__, OSError)


def test_the_runtime_judges_a_failed_cleanup_by_what_it_took():
    node = FailingCleanup()
    cleanup_failed(node, take_state(node), OSError("x"))
    node.initialize()
    with pytest.raises(SerializationError, match="OSError: x"):
        cleanup_failed(node, take_state(node), OSError("x"))


def test_a_failing_initialize_is_named_after_the_node_arrived():
    class Broken(Node):
        def initialize(self):
            raise KeyError("model")

        def process(self, data):
            return data

    data = serialize_node_for_ipc(Broken(name="asr"))
    with pytest.raises(
        RuntimeError, match=r"Node 'asr' arrived, but its initialize\(\) failed: KeyError"
    ) as caught:
        deserialize_node_from_ipc(data)
    assert isinstance(caught.value, InitializationError)
    assert isinstance(caught.value.__cause__, KeyError)


def test_validate_says_what_is_wrong_and_changes_nothing(caplog):
    node: Any = Steps(name="v")
    assert validate_node_serializable(node) is True
    node.lock = threading.Lock()
    with caplog.at_level(logging.WARNING, "remotemedia"):
        assert validate_node_serializable(node) is False
    assert "attribute 'lock'" in caplog.text
    del node.lock
    node.initialize()
    assert validate_node_serializable(node) is False
    assert node.calls == ["initialize"]
    assert node.is_initialized
