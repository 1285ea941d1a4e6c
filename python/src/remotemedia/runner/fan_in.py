"""Items of several inputs, brought together for one node: in lists, with one item of each input."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from remotemedia.core.exceptions import NoTimestampError, QueueFullError
from remotemedia.core.queue_settings import DEFAULT_QUEUE, FanIn, QueueLimits
from remotemedia.runner.backlog import Waiting
from remotemedia.runner.handoff import LIMIT
from remotemedia.runner.inlet import Inlet, PassedInlet
from remotemedia.runner.joined import NodeInputs
from remotemedia.runner.tags import TAG, Tag, new_tag
from remotemedia.runner.unit import Emit, Unit, close_upstream

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.stage import Stage

_MOST_FORKED: Final = 65_536
"""Items that wait for those of a forked input before the run fails."""

_NOTHING: Final[Sequence[Waiting | None]] = ()
"""Items have been taken that make no list, and there may be more."""


class FanInUnit(Unit):
    """Brings items of several inputs together for one node; it works on the loop, as its inlets do.

    Attributes:
        inlets: its inputs, in the order of the lists.
        is_forked: whether inputs come from the same node somewhere before.
        limit: how many lists may wait for the node.
        emits: what takes the lists.
        ends: what is called after the last one.
    """

    def __init__(self, segment: Segment, stage: Stage, fan_in: FanIn, inputs: NodeInputs) -> None:
        """Build it with its inlets; the segment connects them."""
        super().__init__()
        self.is_forked = inputs.is_forked
        # Where edges have queues of their own, what more there is waits there.
        self.limit = 0 if stage.edge_queues and stage.input_queue is None else LIMIT
        self.emits: tuple[Emit, ...] = ()
        self.ends: list[Callable[[], None]] = []
        self._segment = segment
        self._succession = segment.succession
        self._stage = stage
        self._fan_in = fan_in
        self._ids = inputs.ids
        self.inlets = [Inlet(self, segment, stage, self._limits_of(origin)) for origin in inputs.ids]
        self.producers = list(self.inlets)
        self._unmatched = 0
        self._came = count()
        # How many hand-offs have no room for another list.
        self._held_by = 0
        self._is_over = False
        self._has_begun = False
        self._timer: asyncio.TimerHandle | None = None
        stage.drops += (self._count_drops,)

    def inlet(self, origin: str) -> Inlet:
        """Where the items of one input go."""
        return self.inlets[self._ids.index(origin)]

    @property
    def is_held(self) -> bool:
        """Whether the node has no room for another list, so that what comes waits in the inlets."""
        return self._held_by > 0 and not self._is_over

    def begin(self) -> None:
        """Go on with what waited for others when the session was changed; before the first item."""
        if self._has_begun:
            return
        self._has_begun = True
        legacy = self._succession.inherit(self._stage.id)
        if not isinstance(legacy, _WaitingInputs):
            return
        for inlet, before in zip(self.inlets, legacy.inlets, strict=True):
            inlet.take_over(before)
        self._came = legacy.came
        self._set_timer()

    def take(self, inlet: Inlet, item: Any, tag: Tag | None) -> None:
        """Take an item of an input, and give what is complete by now."""
        if self._is_over or self.is_dead:
            self._segment.lose(self._stage.id, tag)
            return
        inlet.backlog.push(item, tag, next(self._came))
        self._match(inlet)

    def input_ended(self) -> None:
        """An input has given its last item; whatever is complete has been given."""
        if self._is_kept:
            # Nothing waits in vain, as more of each input will come.
            return
        if self._can_give_no_more():
            self.end()

    def end(self) -> None:
        """Give nothing more, and want nothing more."""
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._is_kept:
            self._succession.leave(
                self._stage.id, _WaitingInputs([inlet.give_over() for inlet in self.inlets], self._came)
            )
        for inlet in self.inlets:
            self._unmatched += len(inlet.backlog)
            inlet.forget()
            if not inlet.has_ended:
                inlet.kill()
                close_upstream(inlet)
        for end in self.ends:
            end()

    @property
    def _is_kept(self) -> bool:
        """Whether the node goes on in the next run, with what waits here."""
        return self._succession.is_kept(self._stage.id)

    def _count_drops(self) -> int:
        return self._unmatched + sum(inlet.backlog.dropped for inlet in self.inlets)

    def _limits_of(self, origin: str) -> QueueLimits:
        """Those of an input.

        One that is made to wait may keep the others from coming that it waits for, where they come from the
        same node.
        """
        stated = self._stage.edge_queues.get(origin) or self._stage.input_queue or DEFAULT_QUEUE
        if not self.is_forked or stated.when_full != "block":
            return stated
        return replace(stated, max_items=max(stated.max_items, _MOST_FORKED), max_bytes=None)

    def match(self) -> None:
        """Give what is complete by now and finds room; what finds none waits in the inlets."""
        self._match(None)

    def _match(self, came: Inlet | None) -> None:
        try:
            while not (self.is_dead or self._is_over or self._held_by):
                found = self._next()
                if found is None:
                    break
                if found is not _NOTHING:
                    self._give(found)
            if came is not None:
                self._check_forked(came)
        except Exception as error:
            self._segment.fail_about(self, self._stage.id, error)
        else:
            self._set_timer()

    def _go_on(self, _room: asyncio.Future[None]) -> None:
        """A hand-off has room again."""
        self._held_by -= 1
        if self._held_by == 0:
            self._match(None)
            for inlet in self.inlets:
                inlet.let_in()

    def _next(self) -> Sequence[Waiting | None] | None:
        policy = self._fan_in.policy
        if policy == "latest":
            return self._next_latest()
        return self._next_zipped() if policy == "zip" else self._next_in_time()

    def _next_latest(self) -> Sequence[Waiting | None] | None:
        first: Inlet | None = None
        before: Waiting | None = None
        for inlet in self.inlets:
            head = inlet.backlog.peek()
            if head is not None and (before is None or head.goes_before(before)):
                first, before = inlet, head
        if first is None:
            return None
        first.latest = first.take()
        latest = [inlet.latest for inlet in self.inlets]
        return _NOTHING if None in latest else latest

    def _next_zipped(self) -> Sequence[Waiting | None] | None:
        heads = [inlet.backlog.peek() for inlet in self.inlets]
        if None not in heads:
            return [inlet.take() for inlet in self.inlets]
        return self._next_incomplete(heads)

    def _next_in_time(self) -> Sequence[Waiting | None] | None:
        """The first items whose times fit; those that nothing can fit any more go before."""
        tolerance_us = self._fan_in.tolerance_us
        heads = [inlet.backlog.peek() for inlet in self.inlets]
        times = [None if head is None else self._time_of(head) for head in heads]
        known = [time for time in times if time is not None]
        if not known:
            return None
        newest, oldest = max(known), min(known)
        # The times of an input rise: what is older than the newest by more than that will find nothing.
        end = newest - tolerance_us
        if oldest < end:
            last = oldest + tolerance_us
            return self._give_up([time is not None and time < end and time <= last for time in times])
        if None not in heads:
            return [inlet.take() for inlet in self.inlets]
        return self._next_incomplete(heads)

    def _next_incomplete(self, heads: Sequence[Waiting | None]) -> Sequence[Waiting | None] | None:
        """What has waited too long, or waits for an input that has ended."""
        if all(head is None for head in heads):
            return None
        is_vain = not self._is_kept and any(
            inlet.has_ended and head is None for inlet, head in zip(self.inlets, heads, strict=True)
        )
        if not is_vain and not self._has_waited_long():
            return None
        return self._give_up([head is not None for head in heads])

    def _has_waited_long(self) -> bool:
        max_wait_ms = self._fan_in.max_wait_ms
        if max_wait_ms is None:
            return False
        now = self._segment.loop.time()
        return any(now - inlet.waiting_since(now) >= max_wait_ms / 1_000 for inlet in self.inlets)

    def _give_up(self, are_taken: Sequence[bool]) -> Sequence[Waiting | None]:
        """Take the first items of some inputs out: as a list with gaps, or to be dropped."""
        found = [
            inlet.take() if is_taken else None for inlet, is_taken in zip(self.inlets, are_taken, strict=True)
        ]
        if self._fan_in.incomplete == "pass":
            return found
        for waiting in found:
            if waiting is not None:
                self._unmatched += 1
                self._segment.lose(self._stage.id, waiting.tag, "dropped")
        return _NOTHING

    def _give(self, found: Sequence[Waiting | None]) -> None:
        """Give a list; where there is no room for the next one, that is told."""
        if self._segment.is_tagged:
            TAG.set(_joint_tag(found))
        items = [None if waiting is None else waiting.item for waiting in found]
        for put in self.emits:
            room: asyncio.Future[None] | None = put(items)
            if room is not None:
                self._held_by += 1
                room.add_done_callback(self._go_on)

    def _time_of(self, waiting: Waiting) -> float:
        time: Any = None if waiting.tag is None else waiting.tag.timestamp_us
        if time is None:
            time = getattr(waiting.item, "timestamp_us", None)
        if isinstance(time, (int, float)):
            return time
        raise NoTimestampError(
            f'Node "{self._stage.id}" brings its inputs together by time, and an item has none. Write items '
            "with timestamp_us, give media with a timestamp_us, or set ctx.timestamp_us in a node before it."
        )

    def _set_timer(self) -> None:
        """Look again when what has waited longest has waited too long."""
        max_wait_ms = self._fan_in.max_wait_ms
        if self._timer is not None:
            self._timer.cancel()
        if max_wait_ms is None or self._held_by or self._is_over:
            return
        loop = self._segment.loop
        now = loop.time()
        since = [inlet.waiting_since(now) for inlet in self.inlets if len(inlet.backlog)]
        if since:
            self._timer = loop.call_at(min(since) + max_wait_ms / 1_000, self.match)

    def _can_give_no_more(self) -> bool:
        """Whether all inputs have ended, or one has of which nothing waits, and the others would for it."""
        if all(inlet.has_ended for inlet in self.inlets):
            return True
        if self._fan_in.policy == "latest":
            return any(
                inlet.has_ended and inlet.latest is None and not len(inlet.backlog) for inlet in self.inlets
            )
        if self._fan_in.incomplete == "pass":
            return False
        return any(inlet.has_ended and not len(inlet.backlog) for inlet in self.inlets)

    def _check_forked(self, inlet: Inlet) -> None:
        if not self.is_forked or len(inlet.backlog) < _MOST_FORKED:
            return
        pairs = zip(self._ids, self.inlets, strict=True)
        missing = ", ".join(name for name, other in pairs if not len(other.backlog))
        raise QueueFullError(
            f'Node "{self._stage.id}" brings its inputs together: {_MOST_FORKED} items wait, and none of '
            f"{missing} has come. Let that node give something for every item, or give fan_in a max_wait_ms."
        )


class _WaitingInputs:
    """What waits at the place of a node, each item for those of other inputs."""

    def __init__(self, inlets: Sequence[PassedInlet], came: count[int]) -> None:
        self.inlets = inlets
        # Gives the number of the next item.
        self.came = came

    def drop(self) -> None:
        """Forget it."""
        for inlet in self.inlets:
            inlet.backlog.clear()
        self.inlets = ()


def _joint_tag(found: Sequence[Waiting | None]) -> Tag:
    """That of a list, which is as new as the newest of its items."""
    tags = [waiting.tag for waiting in found if waiting is not None and waiting.tag is not None]
    newest = max(tags, key=lambda tag: tag.stamp, default=None) or new_tag()
    return newest._replace(survives=any(tag.survives for tag in tags), urgent=any(tag.urgent for tag in tags))
