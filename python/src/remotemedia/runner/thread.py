"""The thread of a segment: it waits for inputs and for the loop, and serves what the loop hands over."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable

# The real clock, also where a test has put another one into the module: an event waits by it.
from time import monotonic
from typing import Any, Protocol

from remotemedia.runner.chain_box import ChainBox
from remotemedia.runner.loop import LOOK_SECONDS, awaited, loop_closed_error, run_on
from remotemedia.runner.tags import TAG
from remotemedia.runner.unit import is_held


class Readable(Protocol):
    """An input that is read from a socket."""

    @property
    def socket(self) -> socket.socket | None:
        """The socket, once connected."""
        ...


class Steps(Protocol):
    """What is to be done in the segment's thread besides."""

    def has_nesting(self) -> bool:
        """Whether there is something to do between two items."""
        ...

    def do_nesting(self) -> None:
        """Do it."""
        ...


class ThreadSide:
    """What the segment's thread waits with.

    Attributes:
        steps: what is to be done in it between two items, in a session that can be changed.
        wake_elsewhere: wakes it where it waits for something of its own; that looks at ``has_steps`` as well.
        boxes: hand-offs from the loop, deepest level first.
        ident: the thread that runs the segment.
        is_waiting: whether it waits, or is about to, and has to be woken.
        await_loop: where awaitables that sync nodes give back are run; None for a private loop of the thread.
    """

    __slots__ = (
        "_are_waits_cancelled",
        "_cancel_wait",
        "_is_cleaning_up",
        "_is_due",
        "_is_left_waiting",
        "_mutex",
        "_pausing",
        "_runner",
        "_selector",
        "_wake",
        "await_loop",
        "boxes",
        "ident",
        "is_waiting",
        "steps",
        "wake_elsewhere",
    )

    def __init__(self) -> None:
        """Prepare; call ``open_wake`` where something besides one socket may have to wake the thread."""
        self.boxes: list[ChainBox] = []
        self.steps: Steps | None = None
        self.wake_elsewhere: Callable[[], None] | None = None
        self.ident = 0
        self.await_loop: asyncio.AbstractEventLoop | None = None
        self._selector: selectors.BaseSelector | None = None
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self.is_waiting = False
        # Used on the loop alone.
        self._is_left_waiting = False
        self._is_due = False
        self._pausing: threading.Event | None = None
        self._runner: asyncio.Runner | None = None
        self._mutex = threading.Lock()
        self._cancel_wait: Callable[[], None] | None = None
        self._are_waits_cancelled = False
        self._is_cleaning_up = False

    def open_wake(self) -> None:
        """Make the thread wakeable by ``notify``."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._wake = (reader, writer)
        self._selector = selectors.DefaultSelector()
        self._selector.register(reader, selectors.EVENT_READ, None)

    def notify(self) -> None:
        """Wake the thread if it waits or pauses; called from any thread."""
        pausing = self._pausing
        if pausing is not None:
            pausing.set()
        wake_elsewhere = self.wake_elsewhere
        if wake_elsewhere is not None:
            wake_elsewhere()
        wake = self._wake
        if self.is_waiting and wake is not None:
            self.is_waiting = False
            try:
                wake[1].send(b"\0")
            except OSError:
                # The buffer is full of wake-ups already, or the thread has ended.
                return

    def notify_from_loop(self) -> None:
        """As ``notify``, of an item that is there; called on the loop."""
        if self._is_left_waiting:
            self._is_due = True
        else:
            self.notify()

    def leave_waiting(self) -> None:
        """Say that more items are at hand on the loop, as each wake-up hands the interpreter over."""
        self._is_left_waiting = True

    def wake_left(self) -> None:
        """Say that all items are there that were at hand."""
        self._is_left_waiting = False
        if self._is_due:
            self._is_due = False
            self.notify()

    def serve(self, above: int = -1, holds: bool = True) -> bool:
        """Serve hand-offs of chains whose level is higher than ``above``; whether there were any.

        Args:
            above: the level.
            holds: whether those that are held wait; not where the thread itself waits for what they feed.
        """
        served = False
        for box in self.boxes:
            if box.chain.level > above and box.has_entries() and not (holds and is_held(box)):
                served = True
                box.serve()
        return served

    def serve_until(self, is_done: Callable[[], bool], above: int) -> None:
        """Serve chains deeper than ``above`` until something is so that ``notify`` tells of."""
        tag = TAG.get()
        while not is_done():
            self.take_steps()
            if not self.serve(above, holds=False):
                self._wait(lambda: is_done() or self._has_entries(above, holds=False), ())
        # Whoever waits here goes on with its own item.
        TAG.set(tag)

    def has_steps(self) -> bool:
        """Whether there is something to be done between two items."""
        return self.steps is not None and self.steps.has_nesting()

    def take_steps(self) -> None:
        """Do what is to be done between two items."""
        if self.steps is not None and self.steps.has_nesting():
            self.steps.do_nesting()

    def wait(
        self, readables: Iterable[Readable], is_ready: Callable[[], bool], timeout: float | None = None
    ) -> list[Any]:
        """Wait until an input can be read, a hand-off is there or ``is_ready``; gives those inputs."""
        return self._wait(lambda: is_ready() or self._has_entries(-1), readables, timeout)

    def wait_for(self, awaitable: Awaitable[Any], can_cancel: bool = True) -> Any:
        """Await what a sync node gave back; ``cancel_waits`` ends it unless told otherwise."""
        coroutine = self.cancellable(awaitable) if can_cancel else awaited(awaitable)
        if self.await_loop is not None:
            return run_on(self.await_loop, coroutine)
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(coroutine)

    async def cancellable(self, awaitable: Awaitable[Any]) -> Any:
        """Await something, on any loop, that the segment's thread waits for."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise RuntimeError("a segment's thread waits for tasks only")

        def cancel() -> None:
            # The loop has ended if the wait has.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

        with self._mutex:
            self._cancel_wait = cancel
            is_cancelled = self._are_waits_cancelled
        if is_cancelled:
            task.cancel()
        try:
            return await awaitable
        finally:
            with self._mutex:
                self._cancel_wait = None

    def pause(self, seconds: float, is_given_up: Callable[[], bool]) -> bool:
        """Wait some time, unless something is so that ``notify`` tells of; whether it is not."""
        end = monotonic() + seconds
        self._pausing = woken = threading.Event()
        try:
            while not (is_over := is_given_up()) and (left := end - monotonic()) > 0:
                woken.wait(left)
                woken.clear()
        finally:
            self._pausing = None
        return not is_over

    def cancel_waits(self) -> None:
        """Cancel what the thread awaits now or later; called from any thread."""
        with self._mutex:
            if self._is_cleaning_up:
                return
            self._are_waits_cancelled = True
            cancel = self._cancel_wait
        if cancel is not None:
            cancel()

    def interrupt_wait(self) -> None:
        """Cancel what the thread awaits now; called from any thread."""
        with self._mutex:
            cancel = None if self._is_cleaning_up else self._cancel_wait
        if cancel is not None:
            cancel()

    def begin_cleanup(self) -> None:
        """From here on nothing that the thread awaits is cancelled."""
        with self._mutex:
            self._is_cleaning_up = True
            self._are_waits_cancelled = False

    def close(self) -> None:
        """Give back what the thread has used; called in it."""
        self.boxes = []
        self.steps = None
        self.ident = 0
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        wake, self._wake = self._wake, None
        for end in wake or ():
            end.close()

    def begin(self) -> None:
        """Note that the calling thread runs the segment."""
        self.ident = threading.get_ident()

    def is_here(self) -> bool:
        """Whether the calling thread runs the segment."""
        return self.ident == threading.get_ident()

    def _has_entries(self, above: int, holds: bool = True) -> bool:
        return any(
            box.chain.level > above and box.has_entries() and not (holds and is_held(box))
            for box in self.boxes
        )

    def _wait(
        self, is_ready: Callable[[], bool], readables: Iterable[Readable], timeout: float | None = None
    ) -> list[Any]:
        selector = self._selector
        if selector is None or self._wake is None:
            raise RuntimeError("the segment's thread cannot be woken")
        # From here on notify() writes a wake-up, so nothing is missed that comes true after a look.
        self.is_waiting = True
        wanted = {
            readable.socket: readable
            for readable in readables
            # A closed one has nothing to say, and cannot be watched.
            if readable.socket is not None and readable.socket.fileno() >= 0
        }
        self._watch(selector, wanted)
        if is_ready() or self.has_steps():
            timeout = 0
        ready = self._select(selector, timeout)
        self.is_waiting = False
        found: list[Any] = []
        for key in ready:
            if key.data is not None:
                found.append(key.data)
            elif not _drain(self._wake[0]):
                found = []
        return found

    def _select(self, selector: selectors.BaseSelector, timeout: float | None) -> list[selectors.SelectorKey]:
        loop = self.await_loop
        if timeout is not None or loop is None:
            return [key for key, _ in selector.select(timeout)]
        # The caller's loop may be closed, and would not tell.
        while True:
            is_closed = loop.is_closed()
            ready = selector.select(0 if is_closed else LOOK_SECONDS)
            if ready:
                return [key for key, _ in ready]
            if is_closed:
                raise loop_closed_error()

    def _watch(self, selector: selectors.BaseSelector, wanted: dict[Any, Readable]) -> None:
        for key in list(selector.get_map().values()):
            if key.data is not None and (key.fileobj not in wanted):
                selector.unregister(key.fileobj)
        watched = {key.fileobj for key in selector.get_map().values()}
        for sock, readable in wanted.items():
            if sock not in watched:
                selector.register(sock, selectors.EVENT_READ, readable)


def _drain(reader: socket.socket) -> bool:
    try:
        return bool(reader.recv(4096))
    except BlockingIOError:
        return True
