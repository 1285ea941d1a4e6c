"""What a source on the event loop gives, which goes on from run to run of a session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import Context
from typing import Any

from remotemedia.runner.stage import Stage, marks_node


class OpenOutputs:
    """An iterator, plain or async, with the step that is waited for."""

    def __init__(self, stage: Stage, outputs: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Open it."""
        self._stage = stage
        self._is_async = hasattr(outputs, "__aiter__")
        self._iterator: Any = aiter(outputs) if self._is_async else iter(outputs)
        self._loop = loop
        self._step: asyncio.Future[Any] | None = None

    def ready(self, context: Context) -> asyncio.Future[Any]:
        """What is done once there is an output, or none any more; the step goes on where nobody waits."""
        if self._step is None:
            step = (
                _next_async(self._stage, self._iterator)
                if self._is_async
                else _next(self._stage, self._iterator)
            )
            self._step = self._loop.create_task(step, context=context)
        return self._step

    def take(self) -> Any:
        """The output that is there.

        Raises:
            StopAsyncIteration: there is none any more.
            BaseException: what the node has raised.
        """
        step, self._step = self._step, None
        if step is None:
            raise RuntimeError("nothing was waited for")
        (value,) = step.result() or _stop()
        return value

    async def close(self) -> None:
        """Give up the step that is waited for, and close the iterator."""
        if self._step is not None:
            self._step.cancel()
            await asyncio.wait((self._step,))
            # It is told by nobody any more.
            with contextlib.suppress(BaseException):
                self._step.result()
        close = getattr(self._iterator, "aclose" if self._is_async else "close", None)
        if callable(close):
            closing: Any = close()
            if self._is_async:
                await closing

    def drop(self) -> None:
        """There is no next run: close it."""
        # A loop that has ended has closed it already.
        with contextlib.suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self.close(), self._loop)


@marks_node
async def _next_async(stage: Stage, iterator: Any) -> tuple[Any] | None:
    # No task can end with StopAsyncIteration.
    try:
        return (await anext(iterator),)
    except StopAsyncIteration:
        return None


@marks_node
async def _next(stage: Stage, iterator: Iterator[Any]) -> tuple[Any] | None:
    for value in iterator:
        return (value,)
    return None


def _stop() -> tuple[Any]:
    raise StopAsyncIteration
