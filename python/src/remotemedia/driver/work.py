"""Waiting for a run: on the caller's event loop, or in the calling thread."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

from remotemedia.core.exceptions import CancelTimeoutError
from remotemedia.driver.failures import error_to_raise
from remotemedia.runner.loop import set_done
from remotemedia.runner.plan import NodeFailure
from remotemedia.runner.ports import INPUT_NAME

_TURN_SECONDS = 0.0005


class Work(Protocol):
    """A run that is about to begin.

    Attributes:
        failures: what failed, once it is over.
        cancel_timeout: how many seconds a cancel may take.
    """

    failures: list[NodeFailure]
    cancel_timeout: float

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Start in other threads.

        Args:
            over: called, in any thread, when nothing of the run is left.
            opened: called before that, in any thread, once everything is prepared for the first item; not
                where something fails before.
        """
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
    raise_failure_in_coroutine(work)


def raise_failure_in_coroutine(work: Work) -> None:
    """The same as ``raise_failure``, where Python would make something else of a ``StopIteration``."""
    try:
        raise_failure(work)
    except (StopIteration, StopAsyncIteration) as error:
        stopped = RuntimeError(f"A node raised {error!r}, which no coroutine may raise.")
        for note in error.__notes__:
            stopped.add_note(note)
        raise stopped from error


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

    def __init__(self, work: Work, opened: Callable[[], None] | None = None) -> None:
        """Start it; to be called on the running loop. ``opened`` is as for ``Work.begin``."""
        self._work = work
        self._over: asyncio.Future[None] | None = None
        self.is_over = False
        """Whether nothing of the run is left."""
        work.begin(self._tell, opened)

    async def wait(self) -> None:
        """Wait until nothing of the run is left; being cancelled does not end the run."""
        over = self._future()
        if over is not None:
            await asyncio.shield(over)
        elif _pace.is_turn_due():
            # Short runs in a row, over before one could wait for them, would keep the loop from all else.
            await asyncio.sleep(0)

    async def cancel(self) -> None:
        """Cancel the run and wait until it has cleaned up; being cancelled meanwhile does not end that.

        Raises:
            CancelTimeoutError: a node does not return.
            asyncio.CancelledError: the caller was cancelled meanwhile.
        """
        over = self._future()
        if over is None:
            return
        self._work.cancel()
        again = await self._wait_for(over)
        if not self.is_over:
            raise _timeout_error(self._work)
        for failure in self._work.failures:
            # From another process it is told as a failure of the run.
            if isinstance(failure.error, CancelTimeoutError):
                raise failure.error
        if again is not None:
            raise again

    async def _wait_for(self, over: asyncio.Future[None]) -> asyncio.CancelledError | None:
        """Wait as long as a cancel may take; what has cancelled the waiting meanwhile, if anything did.

        To obey at once would let the caller close the loop on which nodes are still to be cleaned up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._work.cancel_timeout
        again: asyncio.CancelledError | None = None
        while not over.done() and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait([over], timeout=left)
            except asyncio.CancelledError as error:
                again = error
        return again

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
                over.get_loop().call_soon_threadsafe(set_done, over)


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


@contextlib.contextmanager
def interruptible(work: Work) -> Generator[None, None, None]:
    """Inside, the first Ctrl-C cancels the run, at whose end it is raised; a second one is raised at once.

    Raises:
        KeyboardInterrupt: it was pressed, and the run has ended.
        CancelTimeoutError: it was pressed, and the node that runs in this thread did not return in time.
    """
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield
        return
    interrupt = _Interrupt(work)
    signal.signal(signal.SIGINT, interrupt.take)
    try:
        yield
    finally:
        interrupt.is_over.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupt.error is not None:
        raise interrupt.error


class _Interrupt:
    """What Ctrl-C does while a run goes on in the main thread."""

    def __init__(self, work: Work) -> None:
        self.error: BaseException | None = None
        self.is_over = threading.Event()
        self._work = work

    def take(self, _number: int, _frame: Any) -> None:
        if self.error is not None:
            raise self.error
        self.error = KeyboardInterrupt()
        # Not here: the run may hold, in this very thread, a lock that cancel needs.
        threading.Thread(target=self._cancel, name="remotemedia-interrupt", daemon=True).start()

    def _cancel(self) -> None:
        self._work.cancel()
        if self.is_over.wait(self._work.cancel_timeout):
            return
        self.error = _timeout_error(self._work, "It was interrupted.")
        # Nothing but a signal reaches a node that runs in the main thread.
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            _thread.interrupt_main()


_STUCK = {INPUT_NAME: "the input", "": "the run"}
"""What does not return, where it is no node that the run knows of."""


def _timeout_error(
    work: Work, then: str = "Its thread goes on in the background until it does."
) -> CancelTimeoutError:
    names = work.stuck() or ("",)
    stuck = ", ".join(_STUCK.get(name) or f'node "{name}"' for name in names)
    return CancelTimeoutError(
        f"After the cancel, {stuck} did not return within {work.cancel_timeout:g} s. {then}"
    )
