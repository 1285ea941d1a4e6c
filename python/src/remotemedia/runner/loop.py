"""The thread that runs the event loop of a host."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from remotemedia.core.forking import forgets_at_fork


class LoopThread:
    """An event loop in a daemon thread of its own, started when it is first needed."""

    def __init__(self, name: str = "remotemedia-loop") -> None:
        """Prepare; nothing starts yet."""
        self._name = name
        self.forget_after_fork()
        forgets_at_fork(self)

    def forget_after_fork(self) -> None:
        """Start without a loop: the parent's thread that ran it does not exist in a child."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=self._run, args=(loop,), name=self._name, daemon=True).start()
                self._loop = loop
            return self._loop

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop and wait for its result; not from the loop's own thread."""
        return run_on(self.loop, coroutine)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()


def run_on(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    context: contextvars.Context | None = None,
) -> Any:
    """Run a coroutine on the loop of another thread and wait until it has really ended, cancelled or not.

    Args:
        loop: the loop.
        coroutine: what to run.
        context: the context to run it under; a copy of the caller's by default.
    """
    done: Future[Any] = Future()
    context = context or contextvars.copy_context()
    tasks: list[asyncio.Task[None]] = []
    loop.call_soon_threadsafe(
        lambda: tasks.append(loop.create_task(_complete(coroutine, done), context=context))
    )
    return done.result()


async def _complete(coroutine: Coroutine[Any, Any, Any], done: Future[Any]) -> None:
    try:
        result = await coroutine
    except BaseException as error:
        # Also what would end the loop: it is for the waiting thread.
        done.set_exception(error)
    else:
        done.set_result(result)
