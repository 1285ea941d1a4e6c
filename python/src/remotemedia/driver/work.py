"""Waiting for a run: on the caller's event loop, or in the calling thread."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

from remotemedia.core.exceptions import CancelTimeoutError
from remotemedia.driver.failures import error_to_raise
from remotemedia.runner.plan import NodeFailure

_TURN_SECONDS = 0.0005


class Work(Protocol):
    """A run that is about to begin.

    Attributes:
        failures: what failed, once it is over.
        cancel_timeout: how many seconds a cancel may take.
    """

    failures: list[NodeFailure]
    cancel_timeout: float

    def begin(self, over: Callable[[], None]) -> None:
        """Start in other threads; ``over`` is called, in any thread, when nothing of the run is left."""
        ...

    def cancel(self) -> None:
        """Let no new item in and give up what runs; returns at once."""
        ...

    def stuck(self) -> Sequence[str]:
        """The ids of the nodes that have not returned."""
        ...


async def run_on_loop(work: Work) -> None:
    """Run to the end without blocking the caller's loop.

    Raises:
        BaseException: the exception of the node that failed, itself.
        CancelTimeoutError: the run was cancelled, and a node does not return.
        asyncio.CancelledError: the run was cancelled.
    """
    running = Running(work)
    try:
        await running.wait()
    except asyncio.CancelledError:
        await running.cancel()
        raise
    raise_failure(work)


def raise_failure(work: Work) -> None:
    """Raise what failed first, if anything did."""
    if not work.failures:
        return
    error = error_to_raise(work.failures)
    if error is not None:
        try:
            raise error
        finally:
            # The traceback refers to this frame.
            del error


class Running:
    """A run under way, seen from the caller's loop."""

    __slots__ = ("_over", "_work", "is_over")

    def __init__(self, work: Work) -> None:
        """Start it; to be called on the running loop."""
        self._work = work
        self._over: asyncio.Future[None] | None = None
        self.is_over = False
        """Whether nothing of the run is left."""
        work.begin(self._tell)

    async def wait(self) -> None:
        """Wait until nothing of the run is left; being cancelled does not end the run."""
        over = self._future()
        if over is not None:
            await asyncio.shield(over)
        elif _pace.is_turn_due():
            # Short runs in a row, over before one could wait for them, would keep the loop from all else.
            await asyncio.sleep(0)

    async def cancel(self) -> None:
        """Cancel the run and wait until it has cleaned up.

        Raises:
            CancelTimeoutError: a node does not return.
        """
        over = self._future()
        if over is None:
            return
        self._work.cancel()
        await asyncio.wait([over], timeout=self._work.cancel_timeout)
        if not self.is_over:
            raise _timeout_error(self._work)
        for failure in self._work.failures:
            # From another process it is told as a failure of the run.
            if isinstance(failure.error, CancelTimeoutError):
                raise failure.error

    def when_over(self, callback: Callable[[], None]) -> None:
        """Have a function called on the loop once nothing of the run is left."""
        over = self._future()
        if over is None:
            callback()
        else:
            over.add_done_callback(lambda _over: callback())

    def _future(self) -> asyncio.Future[None] | None:
        """What to wait for, or None where the run is over; to be called on the running loop."""
        # No lock: each side says what it has before it looks at what the other one has said.
        if self._over is None and not self.is_over:
            self._over = asyncio.get_running_loop().create_future()
        return None if self.is_over else self._over

    def _tell(self) -> None:
        self.is_over = True
        over = self._over
        if over is not None:
            # A loop that has been closed has no caller that waits.
            with contextlib.suppress(RuntimeError):
                over.get_loop().call_soon_threadsafe(_set_done, over)


class _Pace(threading.local):
    """When a thread's loop has last had a turn between runs."""

    last_turn = 0.0

    def is_turn_due(self) -> bool:
        now = time.monotonic()
        if now - self.last_turn < _TURN_SECONDS:
            return False
        self.last_turn = now
        return True


_pace = _Pace()


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@contextlib.contextmanager
def interruptible(work: Work) -> Generator[None, None, None]:
    """Inside, the first Ctrl-C cancels the run, at whose end it is raised; a second one is raised at once."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield
        return
    is_interrupted = False

    def interrupt(_number: int, _frame: Any) -> None:
        nonlocal is_interrupted
        is_interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not here: the run may hold, in this very thread, a lock that cancel needs.
        threading.Thread(target=work.cancel, name="remotemedia-interrupt", daemon=True).start()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if is_interrupted:
        raise KeyboardInterrupt


def _timeout_error(work: Work) -> CancelTimeoutError:
    nodes = ", ".join(f'"{node_id}"' for node_id in work.stuck()) or "of another process"
    return CancelTimeoutError(
        f"After the cancel, node {nodes} did not return within {work.cancel_timeout:g} s. "
        "Its thread goes on in the background until it does."
    )
