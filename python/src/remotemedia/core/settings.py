"""What a node states about its calls: how many at once, in which order, and what is done where one fails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from remotemedia.core.exceptions import ConfigurationError

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


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a node states, checked and complete.

    Attributes:
        concurrency: how many items an async ``process`` works on at once.
        unordered: whether outputs of several calls at once are given as they come.
        failure_policy: None where every failure ends the run at once.
        replicas: how many processes have the node, each a copy of its own.
    """

    concurrency: int = 1
    unordered: bool = False
    failure_policy: FailurePolicy | None = None
    replicas: int = 1


DEFAULT_SETTINGS: Final = NodeSettings()
"""Those of all nodes that state none."""

_NAMES: Final = ("concurrency", "unordered", "failure_policy", "replicas")
_POLICY_FIELDS: Final = ("on_error", "retry", "timeout_ms")
_RETRY_RANGES: Final = {"attempts": 1, "delay_ms": 0, "factor": 1, "max_delay_ms": 0}


def settings_of(node: Any, node_id: str) -> NodeSettings:
    """What a node states in its attributes, which are called as those of ``NodeSettings``.

    Raises:
        ConfigurationError: one of them has a wrong value; names node and setting.
    """
    concurrency: Any = getattr(node, "concurrency", None)
    unordered: Any = getattr(node, "unordered", None)
    policy: Any = getattr(node, "failure_policy", None)
    replicas: Any = getattr(node, "replicas", None)
    if concurrency is None and unordered is None and policy is None and replicas is None:
        return DEFAULT_SETTINGS
    if policy is not None and policy != "fail":
        for flag, role in (("is_source", "source"), ("is_streaming", "streaming")):
            if getattr(node, flag, False) is True:
                raise ConfigurationError(
                    f'Node "{node_id}": a failure_policy is about calls of process() for one item, and this '
                    f"is a {role} node. Leave it out."
                )
    return _checked(concurrency, unordered, policy, replicas, node_id)


def read_settings(written: Mapping[str, Any], node_id: str) -> NodeSettings:
    """The settings that a manifest entry or a control message holds (``schema/wire.md``).

    Raises:
        ConfigurationError: one of them has a wrong value; names node and setting.
    """
    concurrency, unordered, policy, replicas = (written.get(name) for name in _NAMES)
    if concurrency in (None, 1) and unordered is None and policy is None and replicas is None:
        return DEFAULT_SETTINGS
    return _checked(concurrency, unordered, policy, replicas, node_id)


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
    if settings.replicas != 1:
        written["replicas"] = settings.replicas
    return written


def stated_settings(written: Mapping[str, Any]) -> dict[str, Any]:
    """Of a manifest entry or a control message the settings that it states, as it does."""
    return {name: written[name] for name in _NAMES if written.get(name) is not None}


def described_settings(node: Any) -> dict[str, Any]:
    """The settings that a node states, in the form of manifests; they are not checked."""
    described: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(node, name, None)
        if value is not None:
            described[name] = _write_policy(value) if isinstance(value, FailurePolicy) else value
    return described


def _checked(concurrency: Any, unordered: Any, policy: Any, replicas: Any, node_id: str) -> NodeSettings:
    if concurrency is None:
        concurrency = 1
    if unordered is None:
        unordered = False
    if replicas is None:
        replicas = 1
    check = _Check(node_id)
    check("concurrency", _is_whole(concurrency, 1), "a whole number of at least 1", concurrency)
    check("unordered", isinstance(unordered, bool), "True or False", unordered)
    check("replicas", _is_whole(replicas, 1), "a whole number of at least 1", replicas)
    return NodeSettings(concurrency, unordered, _policy_of(policy, check), replicas)


def _policy_of(given: Any, check: _Check) -> FailurePolicy | None:
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
    is_right = timeout_ms is None or _is_from(timeout_ms, 1)
    check("failure_policy.timeout_ms", is_right, "a number from 1", timeout_ms)
    return FailurePolicy(on_error, _retry_of(stated.get("retry"), check), timeout_ms)


def _retry_of(given: Any, check: _Check) -> RetryPolicy | None:
    if given is None:
        return None
    place = "failure_policy.retry"
    check(place, isinstance(given, Mapping), '{"attempts": 3} or a RetryPolicy', given)
    stated = cast("Mapping[str, Any]", given)
    check.names(stated, _RETRY_RANGES, place)
    attempts = stated.get("attempts")
    check(f"{place}.attempts", _is_whole(attempts, 1), "a whole number of at least 1", attempts)
    for name, least in _RETRY_RANGES.items():
        value = stated.get(name)
        check(f"{place}.{name}", value is None or _is_from(value, least), f"a number from {least}", value)
    return RetryPolicy(**{name: value for name, value in stated.items() if value is not None})


class _Check:
    """Refuses what is wrong with the settings of one node."""

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id

    def __call__(self, name: str, is_right: bool, wanted: str, value: Any) -> None:
        if is_right:
            return
        given = repr(value) if isinstance(value, (int, float, str)) else f"a {type(value).__name__}"
        raise ConfigurationError(f'Node "{self._node_id}": {name} must be {wanted}, got {given}.')

    def names(self, given: Mapping[str, Any], known: Any, place: str) -> None:
        """Refuse a field that is not known."""
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            raise ConfigurationError(
                f'Node "{self._node_id}": {place} has no "{unknown}"; there are {", ".join(known)}.'
            )


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_from(value: Any, least: int) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= least


def _write_policy(policy: FailurePolicy) -> dict[str, Any]:
    written: dict[str, Any] = {"on_error": policy.on_error}
    if policy.retry is not None:
        retry: Any = policy.retry
        is_policy = isinstance(retry, RetryPolicy)
        written["retry"] = {name: getattr(retry, name) for name in _RETRY_RANGES} if is_policy else retry
    if policy.timeout_ms is not None:
        written["timeout_ms"] = policy.timeout_ms
    return written
