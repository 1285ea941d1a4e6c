"""The runs of a live session, one after the other: a change of the pipeline begins the next one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from remotemedia.core.exceptions import CancelTimeoutError
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.metrics_sum import add_metrics
from remotemedia.driver.written_input import WrittenInput
from remotemedia.runner.loop import set_done
from remotemedia.runner.plan import NodeFailure
from remotemedia.runner.segment_thread import Row


class Generation(Protocol):
    """One run of a session: from its opening, or a change, to the next change or the end.

    Attributes:
        definition: the pipeline.
        failures: what failed, once it is over.
        cancel_timeout: how many seconds a cancel may take.
    """

    definition: Definition
    failures: list[NodeFailure]
    cancel_timeout: float

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Initialize the nodes, and let items in where it is the first of its session.

        Args:
            over: called, in any thread, when nothing of the run is left.
            opened: called before that, in any thread, once all nodes are initialized.
        """
        ...

    def start(self) -> None:
        """Let items in; it is open, and what was before it is over."""
        ...

    def keep(self, node_ids: Iterable[str], done: Callable[[], None]) -> None:
        """Have nodes that go on in another run not flush; ``done`` is called in any thread, once all know."""
        ...

    def cancel(self) -> None:
        """Let no new item in and give up what runs; returns at once."""
        ...

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp."""
        ...

    def follow_interrupts(self, interrupted: Callable[[float], None]) -> None:
        """Have somebody told, in any thread, what becomes stale because a node says so."""
        ...

    def stuck(self) -> Sequence[str]:
        """The ids of the nodes that have not returned."""
        ...

    def known_failures(self) -> Sequence[NodeFailure]:
        """What has failed so far, of a run that is not over."""
        ...

    def metrics(self) -> tuple[float, list[dict[str, Any]]]:
        """The duration so far in microseconds, and a record of each node."""
        ...

    def bring_home(self) -> None:
        """Give objects the state that they had in other processes."""
        ...


MakeGeneration = Callable[[Definition, Row, "Generation | None"], Awaitable[Generation]]
"""Makes a run of a pipeline, at its place in a session, with the one before it; nothing of it has begun."""


class _Turn:
    """A run in the row of a session; its futures are on the caller's loop."""

    def __init__(self, run: Generation) -> None:
        loop = asyncio.get_running_loop()
        self.run = run
        self.is_open = False
        self.is_over = False
        self.settled: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()

    def note_open(self) -> None:
        """All nodes are initialized; called in any thread."""
        self.is_open = True
        tell(self.settled)

    def note_over(self) -> None:
        """Nothing of it is left; called in any thread."""
        self.is_over = True
        tell(self.settled)
        tell(self.gone)


class Generations:
    """The runs of a session: the one under way, then those that wait for their turn.

    A change opens another run, which waits: it holds the nodes that stay, and initializes new ones. From
    then on items are written to it. The run before ends as any run does, except that nodes that stay do not
    flush; they are not cleaned up either, as another run uses them. Then the next one begins.

    Attributes:
        definition: the pipeline that items are written to.
        failures: what failed, once it is over.
    """

    definition: Definition

    def __init__(self, make: MakeGeneration, written: WrittenInput) -> None:
        """Prepare; ``prepare`` makes the first run."""
        self.failures: list[NodeFailure] = []
        self.cancel_timeout = 0.0
        self._make = make
        self._written = written
        self._row = str(uuid.uuid4())
        self._count = 0
        self._began = time.perf_counter_ns()
        self._duration_us: float | None = None
        self._lock = threading.Lock()
        self._line: list[_Turn] = []
        self._opening: _Turn | None = None
        self._past: list[Generation] = []
        self._measured: dict[str, dict[str, Any]] = {}
        self._stale_before = 0.0
        self._interrupted: Callable[[float], None] = lambda _before: None
        self._is_ending = False
        self._over: Callable[[], None] | None = None

    async def prepare(self, definition: Definition) -> None:
        """Make the first run."""
        self._line.append(await self._made(definition, None))
        self.definition = definition

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Open the first run, and let items in."""
        self._over = over
        (first,) = self._line
        first.run.begin(lambda: self._end_of(first), opened)

    async def change(self, definition: Definition) -> Sequence[NodeFailure] | None:
        """Change the pipeline between two items; of several changes one is made after the other.

        Returns:
            None where it is made: what is written from now on goes through the changed pipeline. Else what
            has kept it from that, which is nothing where the session ends before.
        """
        before = self._line[-1] if self._line else None
        # No item could come that would go through it, and the nodes may be cleaned up at any moment.
        if before is None or self._is_ending or self._written.is_ended:
            return ()
        after = await self._made(definition, before.run)
        if not await self._open(after):
            return () if self._is_ending else after.run.failures
        with self._lock:
            # No item could come that would go through it.
            is_late = self._is_ending or self._written.is_ended
            if not is_late:
                self._opening = None
                self._line.append(after)
        if is_late:
            after.run.cancel()
            await after.gone
            return ()
        self.definition = definition
        await self._pass_on(before.run, after.run)
        return None

    def cancel(self) -> None:
        """Let no new item in and give up what runs."""
        with self._lock:
            self._is_ending = True
        for turn in self._all():
            turn.run.cancel()

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp."""
        with self._lock:
            if before <= self._stale_before:
                return
            self._stale_before = before
        self._interrupted(before)
        for turn in self._all():
            turn.run.interrupt(before)

    def follow_interrupts(self, interrupted: Callable[[float], None]) -> None:
        """Have somebody told, in any thread, what becomes stale, also between two runs."""
        self._interrupted = interrupted

    def stuck(self) -> Sequence[str]:
        """The ids of the nodes that have not returned."""
        return [node_id for turn in self._all() for node_id in turn.run.stuck()]

    def known_failures(self) -> Sequence[NodeFailure]:
        """What has failed so far, of a session that is not over."""
        return [
            *self.failures,
            *(failure for turn in self._all()[:1] for failure in turn.run.known_failures()),
        ]

    def metrics(self) -> tuple[float, list[dict[str, Any]]]:
        """The duration so far in microseconds, and a record of each node that is or was there."""
        with self._lock:
            total = self._measured
            for turn in self._line:
                total = add_metrics(total, turn.run.metrics()[1])
        return self._elapsed_us() if self._duration_us is None else self._duration_us, list(total.values())

    def bring_home(self) -> None:
        """Give objects the state that they had in other processes."""
        for run in self._past:
            run.bring_home()

    async def _made(self, definition: Definition, before: Generation | None) -> _Turn:
        run = await self._make(definition, (self._row, self._count), before)
        self._count += 1
        self.cancel_timeout = max(self.cancel_timeout, run.cancel_timeout)
        run.follow_interrupts(self.interrupt)
        return _Turn(run)

    async def _open(self, turn: _Turn) -> bool:
        """Initialize what is new in a run, and hold the rest; whether that is done."""
        with self._lock:
            self._opening = turn
            is_late = self._is_ending
        turn.run.begin(lambda: self._end_of(turn), turn.note_open)
        if is_late:
            turn.run.cancel()
        await turn.settled
        return turn.is_open

    async def _pass_on(self, before: Generation, after: Generation) -> None:
        """Have the input go on in another run: here is the place of the change."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        let_end = self._written.mark()
        before.keep(kept_ids(before.definition, after.definition), lambda: tell(kept))
        await kept
        let_end()

    def _end_of(self, turn: _Turn) -> None:
        """Nothing of a run is left; called in any thread."""
        with self._lock:
            turn.note_over()
            if turn is self._opening:
                self._opening = None
            is_next_due = self._line[:1] == [turn]
            while self._line and self._line[0].is_over:
                # One that waited may have failed with its host.
                self._take(self._line.pop(0))
            self._is_ending = self._is_ending or not self._line or bool(self.failures)
            is_ending = self._is_ending
            next_turn = self._line[0] if is_next_due and not is_ending else None
        if next_turn is not None:
            next_turn.run.interrupt(self._stale_before)
            next_turn.run.start()
        elif is_ending:
            self._end_rest()

    def _take(self, turn: _Turn) -> None:
        """Take what a run has brought."""
        run = turn.run
        self._measured = add_metrics(self._measured, run.metrics()[1])
        self._past.append(run)
        # Of what was cancelled because another run failed only what does not return is told.
        is_cancelled = bool(self.failures)
        self.failures += (
            failure
            for failure in run.failures
            if not is_cancelled or isinstance(failure.error, CancelTimeoutError)
        )

    def _end_rest(self) -> None:
        """End what waits for its turn where there will be none; and the session, where nothing is left."""
        rest = self._all()
        for turn in rest:
            turn.run.cancel()
        with self._lock:
            over = self._over if not self._line and self._opening is None else None
            if over is None:
                return
            self._over = None
            self._duration_us = self._elapsed_us()
        over()

    def _all(self) -> list[_Turn]:
        with self._lock:
            return [*self._line, *(() if self._opening is None else (self._opening,))]

    def _elapsed_us(self) -> float:
        return (time.perf_counter_ns() - self._began) / 1_000


def tell(future: asyncio.Future[None]) -> None:
    """Let go whoever waits on another loop; called in any thread."""
    # A loop that has been closed has nobody who waits.
    with contextlib.suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(set_done, future)


def kept_ids(before: Definition, after: Definition) -> list[str]:
    """The ids of the nodes that are at the same place in two pipelines."""
    after_by_id = {entry.id: entry for entry in after.entries}
    return [entry.id for entry in before.entries if is_same(entry, after_by_id.get(entry.id))]


def is_same(entry: Entry, other: Entry | None) -> bool:
    """Whether two entries with one id stand for the same node."""
    return entry is other or (other is not None and entry.node is not None and entry.node is other.node)
