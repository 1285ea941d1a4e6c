"""The thread that runs the event loop of a host."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future
from typing import Any

from remotemedia.core.forking import forgets_at_fork

LOOK_SECONDS = 1.0
"""How often a thread that waits for a loop looks whether the loop has been closed."""


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

    Raises:
        RuntimeError: the loop has been closed, and will not end it.
    """
    done: Future[Any] = Future()
    context = context or contextvars.copy_context()
    tasks: list[asyncio.Task[None]] = []
    try:
        loop.call_soon_threadsafe(
            lambda: tasks.append(loop.create_task(_complete(coroutine, done), context=context))
        )
        _wait_for(done, loop)
    except RuntimeError:
        if not tasks:
            coroutine.close()
        raise
    return done.result()


def loop_closed_error() -> RuntimeError:
    """What is wrong where a loop has been closed that a thread waits for."""
    return RuntimeError(
        "The event loop of the run was closed before the run had ended. "
        "Await the run, also after a cancel, before the loop is closed."
    )


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """A coroutine of any awaitable."""
    return await awaitable


def set_done(future: asyncio.Future[None]) -> None:
    """Wake who waits for a future, unless it has been woken or cancelled; on the future's loop."""
    if not future.done():
        future.set_result(None)


def _wait_for(done: Future[Any], loop: asyncio.AbstractEventLoop) -> None:
    # A loop that is closed drops what it was to do, and tells nobody.
    while not done.done():
        is_closed = loop.is_closed()
        with contextlib.suppress(TimeoutError):
            done.exception(0 if is_closed else LOOK_SECONDS)
        if is_closed and not done.done():
            raise loop_closed_error()


async def _complete(coroutine: Coroutine[Any, Any, Any], done: Future[Any]) -> None:
    try:
        result = await coroutine
    except BaseException as error:
        # Also what would end the loop: it is for the waiting thread.
        done.set_exception(error)
    else:
        done.set_result(result)
