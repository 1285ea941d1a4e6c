"""What ``Pipeline.open`` gives, before the session is open."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any

from remotemedia.core.exceptions import InvalidArgumentError
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.queue_settings import QueueLimits, WhenFull, queue_of
from remotemedia.core.setting_checks import Check
from remotemedia.core.stuck import RunWatch
from remotemedia.driver.live_session import LiveSession
from remotemedia.runner.dead_letter import TakeDeadLetter


class OpeningSession:
    """A session that is about to open: await it, or enter it with ``async with``; see ``Pipeline.open``."""

    def __init__(
        self,
        pipeline: Pipeline,
        max_pending: int,
        enable_metrics: bool | None,
        return_state: bool,
        session_id: str | None,
        on_dead_letter: TakeDeadLetter | None = None,
        watch: RunWatch | None = None,
        input_queue: WhenFull | QueueLimits | Mapping[str, Any] | None = None,
        accounting: bool = False,
    ) -> None:
        """Check the arguments; they are those of ``Pipeline.open``."""
        given: Any = max_pending
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            raise InvalidArgumentError(f"max_pending must be a whole number from 1, got {given!r}.")
        limits = queue_of(input_queue, Check(""))
        has_metrics = pipeline.enable_metrics if enable_metrics is None else enable_metrics
        # A coroutine, so that Python warns where it is never awaited.
        self._opening = _open(
            pipeline,
            max_pending,
            session_id,
            has_metrics,
            return_state,
            on_dead_letter,
            watch,
            limits,
            accounting,
        )
        self._session: LiveSession | None = None

    def __await__(self) -> Generator[Any, None, LiveSession]:
        """Open the session."""
        return self._opening.__await__()

    async def __aenter__(self) -> LiveSession:
        self._session = await self._opening
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.__aexit__(kind, error, trace)


async def _open(
    pipeline: Pipeline,
    max_pending: int,
    session_id: str | None,
    has_metrics: bool,
    returns_state: bool,
    on_dead_letter: TakeDeadLetter | None = None,
    watch: RunWatch | None = None,
    input_queue: QueueLimits | None = None,
    accounting: bool = False,
) -> LiveSession:
    """Open a session; the arguments are those of ``Pipeline.open``."""
    session = LiveSession(pipeline, max_pending, session_id, on_dead_letter, input_queue, accounting)
    await session._open(pipeline, has_metrics, returns_state, watch)  # pyright: ignore[reportPrivateUsage]
    return session
