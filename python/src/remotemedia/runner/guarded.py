"""What a failure policy does about calls of ``process``: it repeats, skips and limits them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import NodeTimeoutError
from remotemedia.core.settings import FailurePolicy
from remotemedia.runner.outputs import NOTHING, ONE, kind_of
from remotemedia.runner.tags import TAG

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.stage import Stage


class Attempts:
    """The calls of a node for one item, until one goes well or the item is given up.

    Attributes:
        item: what the node was given.
        error: what the last call failed with, until it is decided what comes of that.
        has_given: whether that call had given an output before.
    """

    __slots__ = ("_delay_ms", "_retries", "_segment", "error", "has_given", "item", "policy")

    def __init__(self, segment: Segment, policy: FailurePolicy, item: Any = None) -> None:
        """Begin with an item."""
        self.policy = policy
        self._segment = segment
        self.begin(item)

    def begin(self, item: Any) -> None:
        """Forget the calls for the item before."""
        self.item = item
        self.error: BaseException | None = None
        self.has_given = False
        self._retries = 0
        self._delay_ms = 0.0

    def noting(self, process: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same function, which keeps its item for calls that are made again."""

        def noted(item: Any) -> Any:
            if self.error is None:
                self.begin(item)
            output = process(item)
            if kind_of(output) in (ONE, NOTHING):
                # It may lie in memory of another process, which wants it back.
                self.item = None
            return output

        return noted

    def pause_after(self, error: BaseException) -> float | None:
        """Seconds to wait before the call is made again; None where it is not."""
        retry = self.policy.retry
        if retry is None or self.has_given or self._retries >= retry.attempts or not self._has_failed(error):
            return None
        longer_ms = self._delay_ms * retry.factor if self._retries else retry.delay_ms
        self._delay_ms = min(longer_ms, retry.max_delay_ms)
        self._retries += 1
        return self._delay_ms / 1_000

    def skips(self, error: BaseException) -> bool:
        """Whether the item becomes a dead letter, once its call is not made again."""
        return self.policy.on_error == "skip" and self._has_failed(error)

    def _has_failed(self, error: BaseException) -> bool:
        """Whether that is a failure: what was interrupted or cancelled has not failed."""
        segment = self._segment
        is_given_up = segment.is_cancelled or (segment.is_tagged and segment.is_stale(TAG.get()))
        # What is no Exception asks for an end: sys.exit, Ctrl-C, a cancel.
        return isinstance(error, Exception) and not is_given_up


async def in_time(stage: Stage, awaitable: Awaitable[Any], index: int) -> Any:
    """Await what a node's call has given, or the next one of its outputs, for as long as its policy allows.

    Args:
        stage: the node.
        awaitable: what to await.
        index: position of the item; below 0 where there is none, and no limit: in ``flush``.

    Raises:
        NodeTimeoutError: that was too long; what was awaited has been cancelled.
    """
    policy = stage.policy
    if policy is None or policy.timeout_ms is None or index < 0:
        return await awaitable
    limit = _Limit(policy.timeout_ms / 1_000)
    try:
        return await awaitable
    except asyncio.CancelledError as error:
        if not limit.end():
            raise
        raise NodeTimeoutError(
            f'Node "{stage.id}" gave nothing for item {index} within {policy.timeout_ms:g} ms. '
            "Look at what it waits for, or raise timeout_ms."
        ) from error
    finally:
        limit.end()


class _Limit:
    """Cancels the task at work when a time is over, unless that was cancelled before.

    That is where it differs from ``asyncio.timeout``: what is given up may end as slowly as it has to.
    """

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a node's awaitable is awaited by tasks only")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._has_passed = False
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pass)

    def end(self) -> bool:
        """Take back what this has done; whether the task was cancelled by nothing else."""
        self._timer.cancel()
        has_passed, self._has_passed = self._has_passed, False
        return has_passed and self._task.uncancel() <= self._cancelled_before

    def _pass(self) -> None:
        if self._task.cancelling() == self._cancelled_before:
            self._has_passed = True
            self._task.cancel()
