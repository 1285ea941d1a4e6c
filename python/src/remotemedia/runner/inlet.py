"""One of the inputs of a node whose inputs are brought together."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from remotemedia.core.queue_settings import QueueLimits
from remotemedia.runner.backlog import Backlog, Waiting
from remotemedia.runner.handoff import Inbox
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.stage import Stage

if TYPE_CHECKING:
    from remotemedia.runner.fan_in import FanInUnit
    from remotemedia.runner.segment import Segment


class PassedInlet(NamedTuple):
    """What waits at one input.

    Attributes:
        backlog: its items.
        latest: what came last, for the policy ``latest``.
        head_since: since when the first item waits as the first one.
    """

    backlog: Backlog
    latest: Waiting | None
    head_since: float | None


class Inlet(LoopUnit):
    """One input of a node whose inputs are brought together.

    Attributes:
        backlog: what waits for the other inputs.
        latest: of the policy ``latest``: what came last.
        has_ended: whether nothing more will come.
    """

    def __init__(self, fan_in: FanInUnit, segment: Segment, stage: Stage, limits: QueueLimits) -> None:
        """Build it; the segment connects it."""
        super().__init__(segment, stage)
        self.open_consumers = 1
        self.backlog = Backlog(limits, on_drop=segment.losses_at(stage.id))
        # Of inputs from one node, whose queues are long: where none of them drops, that node waits.
        self._waits_for_room = fan_in.is_forked and limits.when_full == "block"
        self.latest: Waiting | None = None
        self.has_ended = False
        self._limits = limits
        self._fan_in = fan_in
        self._room: asyncio.Future[None] | None = None
        self._head_since: float | None = None

    @property
    def is_full(self) -> bool:
        """Whether what feeds it has to wait."""
        return self.backlog.is_full

    def make_inbox(self) -> Inbox:
        """Its queue has no limits of its own: the backlog has them."""
        return Inbox(self.segment, on_drop=self.segment.losses_at(self.id))

    def give_over(self) -> PassedInlet:
        """Give away what waits, to the next run."""
        passed = PassedInlet(self.backlog, self.latest, self._head_since)
        self.backlog = Backlog(self._limits)
        # What was dropped counts here.
        self.backlog.dropped, passed.backlog.dropped = passed.backlog.dropped, 0
        return passed

    def take_over(self, before: PassedInlet) -> None:
        """Go on with what waited in the run before."""
        self.backlog, self.latest, self._head_since = before
        self._drop_stale()

    def take(self) -> Waiting | None:
        """Take the first item that waits."""
        was_full = self.is_full
        waiting = self.backlog.shift()
        self._head_since = None
        if was_full:
            self.let_in()
        return waiting

    def waiting_since(self, now: float) -> float:
        """Since when, in seconds of the loop's clock, the first item waits as the first one."""
        if not len(self.backlog):
            self._head_since = None
            return now
        if self._head_since is None:
            self._head_since = now
        return self._head_since

    def waiting(self) -> list[Any]:
        """What waits here, between nodes."""
        return [*super().waiting(), *self.backlog.items()]

    def forget(self) -> None:
        """Let go of what waits."""
        self.backlog.clear()
        self.latest = None
        self.let_in()

    def interrupt(self) -> None:
        """Drop what has become stale."""
        # A loop that has ended has nothing that waits.
        with contextlib.suppress(RuntimeError):
            self.segment.loop.call_soon_threadsafe(self._drop_stale)

    async def work(self) -> None:
        """Take all items."""
        self._fan_in.begin()
        while (entry := await self.inbox.get()) is not None:
            item, done = entry
            del entry
            if done is not None:
                # From here on this queue counts, and no more what its channel lets come.
                done()
            self._fan_in.take(self, item, self.inbox.tag)
            del item
            while self.is_full or (self._waits_for_room and self._fan_in.is_held):
                if self.is_dead:
                    break
                await self._wait()
        self.has_ended = True
        self._fan_in.match()
        while self._fan_in.is_held and not self.is_dead:
            await self._wait()
        self._fan_in.input_ended()

    def ended(self) -> None:
        """Take nothing more."""
        super().ended()
        self.has_ended = True
        if all(inlet.has_ended for inlet in self._fan_in.inlets):
            self._fan_in.end()

    def _drop_stale(self) -> None:
        self.backlog.interrupt(self.segment.is_stale)
        self._head_since = None
        if self.latest is not None and self.segment.is_stale(self.latest.tag):
            self.latest = None
        self.let_in()

    def let_in(self) -> None:
        """Tell those that wait for room that there may be some."""
        if self._room is not None:
            set_done(self._room)
        self.segment.thread.notify()

    async def _wait(self) -> None:
        self._room = self.segment.loop.create_future()
        await self._room
