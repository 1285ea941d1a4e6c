"""What nodes state about their calls: read, checked and written."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from remotemedia import FailurePolicy, Node, Pipeline, RestartPolicy, RetryPolicy, execute_pipeline_sync
from remotemedia.core.definitions import node_of
from remotemedia.core.exceptions import ConfigurationError
from remotemedia.core.settings import (
    DEFAULT_SETTINGS,
    NodeSettings,
    read_settings,
    settings_of,
    write_settings,
)

WRITTEN = {"retry": {"attempts": 3, "delay_ms": 5, "factor": 1.5, "max_delay_ms": 50}, "timeout_ms": 20}


class Plain:
    def initialize(self) -> None:
        pass

    def process(self, item: Any) -> Any:
        return item


def stating(**settings: Any) -> Plain:
    node = Plain()
    vars(node).update(settings)
    return node


class Replicated(Node):
    """Has a setting of its own that is called like one of the runtime."""

    def __init__(self, concurrency: str, **config: Any) -> None:
        super().__init__(**config)
        self.parallel = concurrency

    def process(self, item: Any) -> Any:
        return item


class Skipping(Node):
    failure_policy = FailurePolicy(on_error="skip", retry=RetryPolicy(attempts=1), timeout_ms=10)

    def process(self, item: Any) -> Any:
        return item


def test_nodes_that_state_nothing_share_their_settings() -> None:
    assert settings_of(Plain(), "a") is settings_of(Node(), "b") is DEFAULT_SETTINGS
    assert read_settings({"concurrency": 1, "unordered": None}, "a") is DEFAULT_SETTINGS
    assert write_settings(DEFAULT_SETTINGS) == {}


def test_the_constructor_of_the_base_class_takes_settings_by_name() -> None:
    stated: dict[str, Any] = {
        "concurrency": 2,
        "unordered": True,
        "failure_policy": "skip",
        "input_queue": "latest",
        "fan_in": "zip",
        "replicas": 2,
        "restart": 3,
    }
    node = Skipping(**stated, executor="multiprocess", run_on="caller", unit="m")
    assert settings_of(node, "a") == settings_of(stating(**stated), "a") == read_settings(stated, "a")
    assert (node.executor, getattr(node, "run_on", None), node.config) == (
        "multiprocess",
        "caller",
        {"unit": "m"},
    )
    entry = node.to_manifest()
    assert entry["params"] == {"unit": "m"}
    made = node_of(Pipeline([node]).export_definition()["nodes"][0], 0)
    assert settings_of(made, "a") == settings_of(node, "a")


def test_settings_that_the_constructor_takes_are_checked_where_others_are() -> None:
    node = Skipping(replicas="two")
    with pytest.raises(ConfigurationError, match="replicas must be a whole number of at least 1, got 'two'"):
        execute_pipeline_sync([node])


def test_a_constructor_may_mean_something_else_by_the_name_of_a_setting() -> None:
    node = Replicated(concurrency="lanes", replicas=2)
    assert (node.parallel, settings_of(node, "a")) == ("lanes", NodeSettings(replicas=2))


@pytest.mark.parametrize(
    ("stated", "policy"),
    [
        ("fail", None),
        ("skip", FailurePolicy("skip")),
        ({"on_error": None, "retry": None, "timeout_ms": None}, FailurePolicy()),
        (WRITTEN, FailurePolicy("fail", RetryPolicy(3, 5, 1.5, 50), 20)),
        ({"retry": {"attempts": 1, "delay_ms": None}}, FailurePolicy(retry=RetryPolicy(1))),
        (FailurePolicy("skip", RetryPolicy(2)), FailurePolicy("skip", RetryPolicy(2))),
        (FailurePolicy("skip", {"attempts": 2}), FailurePolicy("skip", RetryPolicy(2))),  # type: ignore[arg-type]
    ],
)
def test_a_failure_policy_in_each_form(stated: Any, policy: FailurePolicy | None) -> None:
    settings = settings_of(stating(failure_policy=stated, concurrency=2, unordered=True), "a")
    assert settings == NodeSettings(2, True, policy)
    # What is written is read as the same.
    assert read_settings(write_settings(settings), "a") == settings


@pytest.mark.parametrize(
    ("stated", "policy"),
    [
        (0, None),
        (3, RestartPolicy(3)),
        ({"limit": 3, "items": None}, RestartPolicy(3)),
        ({"limit": 3, "items": "report"}, RestartPolicy(3, "report")),
        ({"limit": 0}, None),
        (RestartPolicy(1, "report"), RestartPolicy(1, "report")),
    ],
)
def test_a_restart_policy_in_each_form(stated: Any, policy: RestartPolicy | None) -> None:
    settings = settings_of(stating(restart=stated), "a")
    assert settings == NodeSettings(restart=policy)
    assert read_settings(write_settings(settings), "a") == settings
    # As an argument of nodes, and in what is written of them.
    node = Skipping(restart=stated)
    assert (settings_of(node, "a").restart, node.config) == (policy, {})
    assert read_settings(node.to_manifest(), "a").restart == policy


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"restart": -1}, 'restart must be a whole number from 0, or {"limit": 3}, got -1.'),
        ({"restart": "often"}, """restart must be a whole number from 0, or {"limit": 3}, got 'often'."""),
        ({"restart": {"limit": 1.5}}, "restart.limit must be a whole number from 0, got 1.5."),
        (
            {"restart": {"limit": 1, "items": "drop"}},
            """restart.items must be "redeliver" or "report", got 'drop'.""",
        ),
        ({"restart": {"limit": 1, "max": 2}}, 'restart has no "max"; there are limit, items.'),
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1, got 0."),
        ({"concurrency": True}, "concurrency must be a whole number of at least 1, got True."),
        ({"concurrency": 1.5}, "concurrency must be a whole number of at least 1, got 1.5."),
        ({"unordered": "yes"}, "unordered must be True or False, got 'yes'."),
        (
            {"failure_policy": "ignore"},
            """failure_policy must be "fail", "skip", a dict or a FailurePolicy, got 'ignore'.""",
        ),
        (
            {"failure_policy": [1]},
            'failure_policy must be "fail", "skip", a dict or a FailurePolicy, got a list.',
        ),
        (
            {"failure_policy": {"onError": "skip"}},
            'failure_policy has no "onError"; there are on_error, retry, timeout_ms.',
        ),
        (
            {"failure_policy": FailurePolicy("drop")},  # type: ignore[arg-type]
            """failure_policy.on_error must be "fail" or "skip", got 'drop'.""",
        ),
        (
            {"failure_policy": {"timeout_ms": float("inf")}},
            "failure_policy.timeout_ms must be a number from 1, got inf.",
        ),
        (
            {"failure_policy": {"retry": 3}},
            'failure_policy.retry must be {"attempts": 3} or a RetryPolicy, got 3.',
        ),
        (
            {"failure_policy": {"retry": {"delay_ms": 1}}},
            "failure_policy.retry.attempts must be a whole number of at least 1, got a NoneType.",
        ),
        (
            {"failure_policy": {"retry": {"attempts": 1, "factor": 0.5}}},
            "failure_policy.retry.factor must be a number from 1, got 0.5.",
        ),
        (
            {"failure_policy": {"retry": {"attempts": 1, "delay": 5}}},
            'failure_policy.retry has no "delay"; there are attempts, delay_ms, factor, max_delay_ms.',
        ),
    ],
)
def test_a_wrong_setting_is_named(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f'^Node "a": {re.escape(message)}$') as caught:
        settings_of(stating(**stated), "a")
    assert caught.value.code == "RM_INVALID_ARGUMENT"


@pytest.mark.parametrize(("flag", "role"), [("is_source", "source"), ("is_streaming", "streaming")])
def test_a_failure_policy_is_about_single_items(flag: str, role: str) -> None:
    with pytest.raises(ConfigurationError, match=f"and this is a {role} node. Leave it out.$"):
        settings_of(stating(failure_policy="skip", **{flag: True}), "a")
    assert settings_of(stating(failure_policy="fail", **{flag: True}), "a").failure_policy is None


def test_a_wrong_setting_is_said_before_anything_runs() -> None:
    node = Skipping()
    node.failure_policy = {"retry": {"attempts": 0}}
    with pytest.raises(ConfigurationError, match=r'^Node "Skipping_0": failure_policy\.retry\.attempts'):
        execute_pipeline_sync([node])


def test_manifests_and_definitions_keep_settings() -> None:
    node = Skipping()
    node.concurrency = 2
    entry = node.to_manifest()
    assert entry["concurrency"] == 2
    assert entry["failure_policy"] == {
        "on_error": "skip",
        "retry": {"attempts": 1, "delay_ms": 100, "factor": 2, "max_delay_ms": 30_000},
        "timeout_ms": 10,
    }
    assert "unordered" not in entry

    made = asyncio.run(Pipeline.from_definition(Pipeline([node]).export_definition())).nodes[0]
    assert settings_of(made, "a") == settings_of(node, "a")
