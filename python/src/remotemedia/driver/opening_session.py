"""What ``Pipeline.open`` gives, before the session is open."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping
from functools import partial
from inspect import CORO_CREATED, getcoroutinestate
from types import TracebackType
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import InvalidArgumentError
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.queue_settings import QueueLimits, WhenFull, queue_of
from remotemedia.core.setting_checks import Check
from remotemedia.core.stuck import RunWatch
from remotemedia.driver.live_session import LiveSession
from remotemedia.driver.session_checks import check_taker
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
        check_taker("on_dead_letter", on_dead_letter)
        limits = queue_of(input_queue, Check(""))
        has_metrics = pipeline.enable_metrics if enable_metrics is None else enable_metrics
        self._open = partial(
            _open,
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
        # A coroutine, so that Python warns where it is never awaited.
        self._opening: Coroutine[Any, Any, LiveSession] | None = self._open()
        self._session: LiveSession | None = None

    if not TYPE_CHECKING:
        # For type checkers it has no attributes of a session, as they say so themselves.

        def __getattr__(self, name: str) -> Any:
            """Tell who takes it for the session what is missing."""
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(self.not_open(f"has no {name}"))

    def not_open(self, problem: str) -> str:
        """What to tell somebody who takes it for the session; Python warns of it no more.

        Args:
            problem: what does not work, such as ``"has no write"``.
        """
        if self._opening is not None and getcoroutinestate(self._opening) == CORO_CREATED:
            self._opening.close()
            self._opening = None
        return (
            f"What open() gives is not the session yet, and {problem}. Write "
            '"async with pipeline.open() as session:", or "session = await pipeline.open()".'
        )

    def __await__(self) -> Generator[Any, None, LiveSession]:
        """Open the session."""
        if self._opening is None:
            self._opening = self._open()
        return self._opening.__await__()

    async def __aenter__(self) -> LiveSession:
        self._session = await self
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
