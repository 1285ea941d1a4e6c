"""What runs as a task on the event loop, and what a node there has besides: a queue of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from remotemedia.runner.handoff import Inbox
from remotemedia.runner.stage import Stage
from remotemedia.runner.tags import TAG
from remotemedia.runner.unit import Emit, Unit

if TYPE_CHECKING:
    from remotemedia.runner.metrics import Meter
    from remotemedia.runner.segment import Segment


class LoopTask(Unit):
    """A unit on the loop.

    Attributes:
        segment: what it belongs to.
        id: how ``Segment.stuck`` names it.
        emits: what takes its outputs, called on the loop; each may give a future to wait for.
        ends: what is called, on the loop, after the last output.
        meter: counts its outputs, where metrics are asked for.
        is_finished: it has ended.
        progress: changes with what it gives from a thread of its own.
    """

    segment: Segment
    _context: Context

    def __init__(self, node_id: str, meter: Meter | None = None) -> None:
        """Prepare; ``segment`` is set before ``start``."""
        super().__init__()
        self.id = node_id
        self.meter = meter
        self.emits: tuple[Emit, ...] = ()
        self.ends: list[Callable[[], None]] = []
        self.is_finished = False
        self.progress = 0
        self._task: asyncio.Task[None] | None = None
        self._is_running = False
        self._closing: set[asyncio.Task[Any] | None] = set()

    def start(self) -> None:
        """Start the task; called on the loop."""
        segment = self.segment
        # What is under way is each task's own.
        self._context = segment.context.copy() if segment.is_tagged else segment.context
        self._task = segment.loop.create_task(self._main(), context=self._context)

    def kill(self) -> None:
        """Cancel the task."""
        super().kill()
        self.segment.loop.call_soon_threadsafe(self._cancel)

    async def work(self) -> None:
        """Give all outputs."""
        raise NotImplementedError

    def work_failed(self, error: BaseException) -> None:
        """Record what ``work`` has raised."""
        raise NotImplementedError

    def ended(self) -> None:
        """Let go of what the task has used; called on the loop."""

    def emit(self, item: Any) -> Awaitable[None] | None:
        """Give one output; what to wait for before the next one, where there is no room."""
        if self.is_dead or (self.segment.is_tagged and self.segment.is_stale(TAG.get())):
            self.segment.lose(self.id, TAG.get())
            return None
        if self.meter is not None:
            self.meter.items_out += 1
        for place, put in enumerate(self.emits, 1):
            space = put(item)
            if space is not None:
                return space if place == len(self.emits) else _give_rest(space, item, self.emits[place:])
        return None

    async def close_outputs(self, outputs: Any) -> None:
        """Close a generator or iterator; a cancel that comes meanwhile does not disturb it."""
        await self.undisturbed(_aclose(outputs))

    async def undisturbed(self, awaitable: Awaitable[Any]) -> Any:
        """Await something that a cancel that comes meanwhile must not end."""
        task = asyncio.current_task()
        self._closing.add(task)
        try:
            return await awaitable
        finally:
            self._closing.discard(task)

    def cancel_task(self, task: asyncio.Task[Any]) -> None:
        """Cancel a task, unless it is closing something."""
        if task not in self._closing:
            task.cancel()

    def _cancel(self) -> None:
        # A task cancelled before its first step never comes to its end; this one sees that it is dead.
        if self._task is not None and self._is_running:
            self.cancel_task(self._task)

    async def _main(self) -> None:
        self._is_running = True
        try:
            if not self.is_dead:
                await self.work()
        except asyncio.CancelledError as error:
            if not (self.is_dead or self.segment.is_cancelled):
                self.work_failed(error)
        except BaseException as error:
            self.work_failed(error)
        finally:
            self.is_finished = True
            self.ended()
            for end in self.ends:
                end()
            self.segment.finished(self)


class LoopUnit(LoopTask):
    """A node on the loop.

    Attributes:
        stage: the node.
        inbox: its queue.
    """

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the unit; the segment connects it."""
        super().__init__(stage.id, stage.meter)
        self.segment = segment
        self.stage = stage
        self.inbox = self.make_inbox()

    def make_inbox(self) -> Inbox:
        """Its queue, with the limits that the node and its edges state."""
        if not self.stage.has_bounded_queue:
            return Inbox(self.segment, on_drop=self.segment.losses_at(self.id))
        # Loaded where it is needed: it knows of chains and ports.
        from remotemedia.runner.bounded import BoundedInbox

        return BoundedInbox(self.segment, self.stage)

    def interrupt(self) -> None:
        """Drop what has become stale, where that makes room that counts; called from any thread."""
        self.inbox.interrupt()

    def pass_on(self, *, is_kept: bool) -> None:
        """The session is changed: a source gives nothing more; called from any thread.

        Args:
            is_kept: whether it goes on in the next run.
        """
        raise NotImplementedError

    def waiting(self) -> list[Any]:
        """What waits for it; called from any thread."""
        return list(self.inbox.entries.copy())

    def calls(self) -> list[tuple[asyncio.Task[Any], int]]:
        """The tasks in which its code runs, and for which item, by its index; called on the loop."""
        return [] if self._task is None else [(self._task, self.stage.count - 1)]

    def emission_failed(self, error: BaseException) -> None:
        """An output could not be sent."""
        self.segment.lose(self.id, TAG.get(), "failed")
        self.fail(error, "process", self.stage.count - 1)

    def fail(self, error: BaseException, phase: str, index: int | None) -> None:
        """Record a failure of the node."""
        self.segment.fail(self, self.stage, error, phase, index)

    def work_failed(self, error: BaseException) -> None:
        """Record what ``work`` has raised."""
        self.fail(error, "process", None)

    def ended(self) -> None:
        """Take nothing more."""
        self.inbox.direct = None
        self.inbox.close()


async def _give_rest(space: Awaitable[None], item: Any, emits: tuple[Emit, ...]) -> None:
    await space
    for put in emits:
        more = put(item)
        if more is not None:
            await more


async def _aclose(outputs: Any) -> None:
    close = getattr(outputs, "aclose", None)
    if callable(close):
        await close()  # pyright: ignore[reportGeneralTypeIssues]
    else:
        _close(outputs)


def _close(outputs: Any) -> None:
    close = getattr(outputs, "close", None)
    if callable(close) and hasattr(outputs, "__next__"):
        close()
