"""Failure policies of nodes that run elsewhere: the engine tells this program of what they give up."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from remotemedia import DeadLetter, FailurePolicy, Node, execute_pipeline_with_input_sync
from remotemedia.core.exceptions import ConfigurationError, NodeTimeoutError, RemoteExecutionError
from typescript import PASS, ts


class Refusing(Node):
    """Skips all but numbers."""

    failure_policy = FailurePolicy(on_error="skip")

    def process(self, item: Any) -> Any:
        return item + 0


class Waiting(Node):
    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.failure_policy = {"on_error": "skip", "timeout_ms": 5}

    async def process(self, item: Any) -> Any:
        import asyncio

        await asyncio.Event().wait()


def facts(letters: list[DeadLetter]) -> list[tuple[str, int, Any, type[BaseException]]]:
    return [(letter.node_id, letter.item_index, letter.item, type(letter.error)) for letter in letters]


def test_of_a_typescript_node(folder: Path) -> None:
    letters = list[DeadLetter]()
    node = {**ts("Failing"), "failure_policy": {"on_error": "skip", "retry": {"attempts": 1, "delay_ms": 0}}}
    outputs = execute_pipeline_with_input_sync([node], [1, 2, 3], on_dead_letter=letters.append)
    assert outputs == [1, 3]
    ((node_id, index, item, kind),) = facts(letters)
    assert (node_id, index, item) == ("Failing_0", 1, 2)
    assert issubclass(kind, RemoteExecutionError)
    assert str(letters[0].error) == "RangeError: two is too much"


def test_of_a_typescript_node_that_takes_too_long(folder: Path) -> None:
    letters = list[DeadLetter]()
    node = {**ts("Forever"), "failure_policy": {"on_error": "skip", "timeout_ms": 5}}
    assert execute_pipeline_with_input_sync([node], ["a"], on_dead_letter=letters.append) == []
    assert facts(letters) == [("Forever_0", 0, "a", NodeTimeoutError)]


def test_of_a_node_in_a_process_of_its_own() -> None:
    letters = list[DeadLetter]()
    nodes = [Refusing(executor="multiprocess"), Waiting(executor="multiprocess")]
    items = [1, "text", {"key": [1.5]}]
    assert execute_pipeline_with_input_sync(nodes, items, on_dead_letter=letters.append) == []
    assert sorted(facts(letters)[:3], key=lambda fact: fact[1]) == [
        ("Waiting_1", 0, 1, NodeTimeoutError),
        ("Refusing_0", 1, "text", TypeError),
        ("Refusing_0", 2, {"key": [1.5]}, TypeError),
    ]


def test_an_item_that_cannot_leave_its_process_stays_there() -> None:
    letters = list[DeadLetter]()
    node = Refusing(executor="multiprocess")
    assert execute_pipeline_with_input_sync([node], [object(), 1], on_dead_letter=letters.append) == [1]
    assert facts(letters) == [("Refusing_0", 0, None, TypeError)]


def test_of_a_node_of_this_program_between_others() -> None:
    item, letters = ["a list"], list[DeadLetter]()
    outputs = execute_pipeline_with_input_sync(
        [Refusing(), PASS], [1, item, 2], on_dead_letter=letters.append
    )
    assert outputs == [1, 2]
    assert letters[0].item is item


def test_without_a_taker_each_is_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    node = {**ts("Failing"), "failure_policy": "skip"}
    with caplog.at_level(logging.WARNING, "remotemedia"):
        assert execute_pipeline_with_input_sync([node], [2, 1]) == [1]
    assert [record.getMessage() for record in caplog.records] == [
        'Node "Failing_0" failed in process of item 0: '
        "RemoteError: RangeError: two is too much; the item was skipped"
    ]


def test_what_a_taker_raises_fails_the_run(folder: Path) -> None:
    def take(letter: DeadLetter) -> None:
        raise ZeroDivisionError(letter.item)

    node = {**ts("Failing"), "failure_policy": "skip"}
    with pytest.raises(ZeroDivisionError, match="2") as caught:
        execute_pipeline_with_input_sync([node], [2, 1], on_dead_letter=take)
    assert caught.value.__notes__ == ['RemoteMedia: because of node "Failing_0"']


def test_a_manifest_entry_states_settings_of_a_python_node(folder: Path) -> None:
    (folder / "refusing.py").write_text(
        "class Refusing:\n    def initialize(self): pass\n"
        "    async def process(self, item): return item + 0\n"
    )
    letters = list[DeadLetter]()
    entry = {
        "node_type": "./refusing.py#Refusing",
        "params": {},
        "concurrency": 2,
        "unordered": True,
        "failure_policy": "skip",
    }
    outputs = execute_pipeline_with_input_sync([entry], [1, "a", 2], on_dead_letter=letters.append)
    assert sorted(outputs) == [1, 2]
    assert facts(letters) == [("Refusing_0", 1, "a", TypeError)]


def test_a_failure_policy_of_a_streaming_node_is_refused(folder: Path) -> None:
    (folder / "streaming.py").write_text(
        "class Streaming:\n    is_streaming = True\n    def initialize(self): pass\n"
        "    async def process(self, stream):\n        async for item in stream: yield item\n"
    )
    entry = {"node_type": "./streaming.py#Streaming", "params": {}, "failure_policy": "skip"}
    with pytest.raises(ConfigurationError, match=r"and this is a streaming node\. Leave it out\.$"):
        execute_pipeline_with_input_sync([entry], [1])
