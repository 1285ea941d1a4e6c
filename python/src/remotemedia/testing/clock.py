"""A virtual clock: time stands still while anything is under way, and then jumps to the next timer."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Final, Protocol

from remotemedia.testing.run_thread import run_threads_rest

_UPTIME_S: Final = 60.0
"""What the clock shows at first: one that counts from the start of the machine has counted for a while."""
_EPOCH_S: Final = 1_735_689_600.0 - _UPTIME_S
"""The date is that of 2025-01-01 then: any would do, as long as it is always the same."""
_PATIENCE_S: Final = 2.0
"""How long real work that cannot be seen may take where nothing else is left to wait for."""
_LOOKS, _LOOK_S = 2_000, 0.001
"""How often the thread of the run is looked at, and how long it is left to come to rest each time."""


class Parked(Protocol):
    """A thread of which the clock knows, and that sleeps by it."""

    def sleep(self, seconds: float) -> None:
        """Wait in this thread until so much time has passed."""
        ...


SLEEPERS: Final = threading.local()
"""Its ``sleeper`` is the ``Parked`` of the thread, where it has one."""


class _Selector(selectors.DefaultSelector):
    """Lets time pass instead of waiting."""

    owner: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        owner = self.owner
        if owner.at_work:
            # Whoever is at work wakes the loop.
            return super().select(None)
        if timeout is None:
            ready = super().select(_PATIENCE_S)
            if not ready:
                owner.stall()
            return ready
        for _ in range(_LOOKS):
            if run_threads_rest(owner):
                break
            ready = super().select(_LOOK_S)
            if ready:
                return ready
        # What the run's thread has asked for before it came to rest.
        ready = super().select(0)
        if not ready:
            owner.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual.

    Attributes:
        at_work: how many calls are under way in threads that the loop knows of; changed on the loop only.
        on_stall: called when nothing is left that could happen.
        on_late: called when time has come to ``deadline``, in seconds.
    """

    def __init__(self) -> None:
        """Start the clock, which stands still until the loop runs."""
        self._now = _UPTIME_S
        self.at_work = 0
        self.on_stall: Callable[[], None] = lambda: None
        self.on_late: Callable[[], None] = lambda: None
        self.deadline = float("inf")
        selector = _Selector()
        selector.owner = self
        super().__init__(selector)

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        if self._now > self.deadline:
            self.deadline = float("inf")
            self.on_late()

    def stall(self) -> None:
        """Nothing is left that could happen."""
        self.on_stall()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """As that of any loop; no time passes meanwhile."""
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self.at_work += 1
        future.add_done_callback(self._work_done)
        return future

    def _work_done(self, _future: asyncio.Future[Any]) -> None:
        self.at_work -= 1


@contextlib.contextmanager
def virtual_time(loop: VirtualLoop) -> Generator[None]:
    """Have the functions of the module ``time`` tell the time of a loop, which this thread is to run."""
    real = {name: getattr(time, name) for name in _FUNCTIONS}
    home = threading.get_ident()
    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        sleeper: Parked | None = getattr(SLEEPERS, "sleeper", None)
        if sleeper is not None:
            sleeper.sleep(seconds)
        elif threading.get_ident() == home:
            # It holds the loop up, as it would outside of a test.
            loop.advance(seconds)
        else:
            real_sleep(seconds)

    patched: dict[str, Callable[..., Any]] = {
        "sleep": sleep,
        "time": lambda: _EPOCH_S + loop.time(),
        "time_ns": lambda: round((_EPOCH_S + loop.time()) * 1e6) * 1_000,
        "monotonic": loop.time,
        "monotonic_ns": lambda: round(loop.time() * 1e9),
        "perf_counter": loop.time,
        "perf_counter_ns": lambda: round(loop.time() * 1e9),
    }
    for name, function in patched.items():
        setattr(time, name, function)
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(time, name, function)


_FUNCTIONS: Final = (
    "sleep",
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
)
