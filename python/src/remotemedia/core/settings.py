"""What a node states: how many calls at once, in which order, what is done where one fails, what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from remotemedia.core.exceptions import ConfigurationError
from remotemedia.core.queue_settings import FanIn, QueueLimits, fan_in_of, queue_of, write_limits
from remotemedia.core.setting_checks import Check, is_from, is_whole

OnError = Literal["fail", "skip"]
"""What becomes of an item for which ``process`` fails: the run fails, or the item becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Calls of ``process`` that have failed are made again, where they have given no output yet.

    Attributes:
        attempts: calls after the first one, from 1.
        delay_ms: time before the first of them, in milliseconds.
        factor: how many times longer each wait is than the one before, from 1.
        max_delay_ms: longest wait, in milliseconds.
    """

    attempts: int
    delay_ms: float = 100
    factor: float = 2
    max_delay_ms: float = 30_000


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What is done where ``process`` fails for an item.

    Attributes:
        on_error: what becomes of the item, after the last retry.
        retry: whether calls that fail are made again.
        timeout_ms: how long an async ``process`` may take until it gives its result or, with many, the next
            output, in milliseconds; then it is cancelled, and the call has failed. None for any time.

    Example:
        >>> FailurePolicy(on_error="skip", retry=RetryPolicy(attempts=2)).retry
        RetryPolicy(attempts=2, delay_ms=100, factor=2, max_delay_ms=30000)
    """

    on_error: OnError = "fail"
    retry: RetryPolicy | None = None
    timeout_ms: float | None = None


InFlight = Literal["redeliver", "report"]
"""What becomes of items that were in a host which has died: the next one gets them, or they are told of."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """That a host which dies is started again with the node in it.

    Attributes:
        limit: how often, in one run or session.
        items: what becomes of items that were in the host: the new one gets them again (``"redeliver"``), so
            that each is processed at least once, or they become dead letters (``"report"``).

    Example:
        >>> RestartPolicy(3)
        RestartPolicy(limit=3, items='redeliver')
    """

    limit: int
    items: InFlight = "redeliver"


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a node states, checked and complete.

    Attributes:
        concurrency: how many items an async ``process`` works on at once.
        unordered: whether outputs of several calls at once are given as they come.
        failure_policy: None where every failure ends the run at once.
        input_queue: None where nothing is stated.
        fan_in: None where items of several inputs are merged.
        replicas: how many processes have the node, each a copy of its own.
        restart: None where the run fails with the node's host.
    """

    concurrency: int = 1
    unordered: bool = False
    failure_policy: FailurePolicy | None = None
    input_queue: QueueLimits | None = None
    fan_in: FanIn | None = None
    replicas: int = 1
    restart: RestartPolicy | None = None


DEFAULT_SETTINGS: Final = NodeSettings()
"""Those of all nodes that state none."""

SETTING_NAMES: Final = (
    "concurrency",
    "unordered",
    "failure_policy",
    "input_queue",
    "fan_in",
    "replicas",
    "restart",
)
"""The attributes in which a node states its settings, which entries of manifests have as well."""

_NOTHING_ELSE: Final = [None] * (len(SETTING_NAMES) - 1)
_POLICY_FIELDS: Final = ("on_error", "retry", "timeout_ms")
_RESTART_FIELDS: Final = ("limit", "items")
_RETRY_RANGES: Final = {"attempts": 1, "delay_ms": 0, "factor": 1, "max_delay_ms": 0}


def settings_of(node: Any, node_id: str) -> NodeSettings:
    """What a node states in its attributes: those that ``NodeSettings`` has.

    Raises:
        ConfigurationError: one of them has a wrong value; names node and setting.
    """
    concurrency: Any = getattr(node, "concurrency", None)
    unordered: Any = getattr(node, "unordered", None)
    policy: Any = getattr(node, "failure_policy", None)
    queue: Any = getattr(node, "input_queue", None)
    fan_in: Any = getattr(node, "fan_in", None)
    replicas: Any = getattr(node, "replicas", None)
    restart: Any = getattr(node, "restart", None)
    if (
        concurrency is None
        and unordered is None
        and policy is None
        and queue is None
        and fan_in is None
        and replicas is None
        and restart is None
    ):
        return DEFAULT_SETTINGS
    is_source = getattr(node, "is_source", False) is True
    if (
        policy is not None
        and policy != "fail"
        and (is_source or getattr(node, "is_streaming", False) is True)
    ):
        role = "source" if is_source else "streaming"
        raise ConfigurationError(
            f'Node "{node_id}": a failure_policy is about calls of process() for one item, and this '
            f"is a {role} node. Leave it out."
        )
    if is_source and (queue is not None or fan_in not in (None, "merge")):
        name = "fan_in" if queue is None else "input_queue"
        raise ConfigurationError(
            f'Node "{node_id}": {name} is for a node with an input, and this is a source node. Leave it out.'
        )
    return _checked(node_id, concurrency, unordered, policy, queue, fan_in, replicas, restart)


def read_settings(written: Mapping[str, Any], node_id: str) -> NodeSettings:
    """The settings that a manifest entry or a control message holds (``schema/wire.md``).

    Raises:
        ConfigurationError: one of them has a wrong value; names node and setting.
    """
    concurrency, *others = (written.get(name) for name in SETTING_NAMES)
    if concurrency in (None, 1) and others == _NOTHING_ELSE:
        return DEFAULT_SETTINGS
    return _checked(node_id, concurrency, *others)


def write_settings(settings: NodeSettings) -> dict[str, Any]:
    """Settings in the form of manifests; only what differs from those of a node that states none."""
    written: dict[str, Any] = {}
    if settings is DEFAULT_SETTINGS:
        return written
    if settings.concurrency != 1:
        written["concurrency"] = settings.concurrency
    if settings.unordered:
        written["unordered"] = True
    if settings.failure_policy is not None:
        written["failure_policy"] = _write_policy(settings.failure_policy)
    for name, stated in (("input_queue", settings.input_queue), ("fan_in", settings.fan_in)):
        if stated is not None:
            written[name] = write_limits(stated)
    if settings.replicas != 1:
        written["replicas"] = settings.replicas
    if settings.restart is not None:
        written["restart"] = _write_restart(settings.restart)
    return written


def stated_settings(written: Mapping[str, Any]) -> dict[str, Any]:
    """Of a manifest entry or a control message the settings that it states, as it does."""
    return {name: written[name] for name in SETTING_NAMES if written.get(name) is not None}


def described_settings(node: Any) -> dict[str, Any]:
    """The settings that a node states, in the form of manifests; they are not checked."""
    described: dict[str, Any] = {}
    for name in SETTING_NAMES:
        value = getattr(node, name, None)
        if value is not None:
            described[name] = _described(value)
    return described


def _described(value: Any) -> Any:
    if isinstance(value, FailurePolicy):
        return _write_policy(value)
    if isinstance(value, RestartPolicy):
        return _write_restart(value)
    return write_limits(value) if isinstance(value, (QueueLimits, FanIn)) else value


def _checked(
    node_id: str,
    concurrency: Any,
    unordered: Any,
    policy: Any,
    queue: Any,
    fan_in: Any,
    replicas: Any,
    restart: Any,
) -> NodeSettings:
    if concurrency is None:
        concurrency = 1
    if unordered is None:
        unordered = False
    if replicas is None:
        replicas = 1
    check = Check(f'Node "{node_id}": ')
    check("concurrency", is_whole(concurrency, 1), "a whole number of at least 1", concurrency)
    check("unordered", isinstance(unordered, bool), "True or False", unordered)
    check("replicas", is_whole(replicas, 1), "a whole number of at least 1", replicas)
    failure_policy = _policy_of(policy, check)
    return NodeSettings(
        concurrency,
        unordered,
        failure_policy,
        queue_of(queue, check),
        fan_in_of(fan_in, check),
        replicas,
        _restart_of(restart, check),
    )


def _restart_of(given: Any, check: Check) -> RestartPolicy | None:
    """No restart at all is the same as nothing stated."""
    if given is None:
        return None
    if isinstance(given, RestartPolicy):
        given = _write_restart(given)
    wanted = "a whole number from 0"
    is_map = isinstance(given, Mapping)
    check("restart", is_map or is_whole(given, 0), f'{wanted}, or {{"limit": 3}}', given)
    stated = cast("Mapping[str, Any]", given if is_map else {"limit": given})
    check.names(stated, _RESTART_FIELDS, "restart")
    limit: Any = stated.get("limit")
    items: Any = "redeliver" if stated.get("items") is None else stated["items"]
    check("restart.limit", is_whole(limit, 0), wanted, limit)
    check("restart.items", items in ("redeliver", "report"), '"redeliver" or "report"', items)
    return RestartPolicy(limit, items) if limit else None


def _policy_of(given: Any, check: Check) -> FailurePolicy | None:
    if given is None or given == "fail":
        return None
    if isinstance(given, FailurePolicy):
        given = _write_policy(given)
    is_map = isinstance(given, Mapping)
    check("failure_policy", is_map or given == "skip", '"fail", "skip", a dict or a FailurePolicy', given)
    stated = cast("Mapping[str, Any]", given if is_map else {"on_error": given})
    check.names(stated, _POLICY_FIELDS, "failure_policy")
    on_error: Any = "fail" if stated.get("on_error") is None else stated["on_error"]
    timeout_ms: Any = stated.get("timeout_ms")
    check("failure_policy.on_error", on_error in ("fail", "skip"), '"fail" or "skip"', on_error)
    is_right = timeout_ms is None or is_from(timeout_ms, 1)
    check("failure_policy.timeout_ms", is_right, "a number from 1", timeout_ms)
    return FailurePolicy(on_error, _retry_of(stated.get("retry"), check), timeout_ms)


def _retry_of(given: Any, check: Check) -> RetryPolicy | None:
    if given is None:
        return None
    place = "failure_policy.retry"
    check(place, isinstance(given, Mapping), '{"attempts": 3} or a RetryPolicy', given)
    stated = cast("Mapping[str, Any]", given)
    check.names(stated, _RETRY_RANGES, place)
    attempts = stated.get("attempts")
    check(f"{place}.attempts", is_whole(attempts, 1), "a whole number of at least 1", attempts)
    for name, least in _RETRY_RANGES.items():
        value = stated.get(name)
        check(f"{place}.{name}", value is None or is_from(value, least), f"a number from {least}", value)
    return RetryPolicy(**{name: value for name, value in stated.items() if value is not None})


def _write_policy(policy: FailurePolicy) -> dict[str, Any]:
    written: dict[str, Any] = {"on_error": policy.on_error}
    if policy.retry is not None:
        retry: Any = policy.retry
        is_policy = isinstance(retry, RetryPolicy)
        written["retry"] = {name: getattr(retry, name) for name in _RETRY_RANGES} if is_policy else retry
    if policy.timeout_ms is not None:
        written["timeout_ms"] = policy.timeout_ms
    return written


def _write_restart(policy: RestartPolicy) -> dict[str, Any]:
    return {"limit": policy.limit, "items": policy.items}
