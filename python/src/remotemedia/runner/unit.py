"""What chains, loop nodes, sources and ports have in common: a place in the graph, and dying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Unit:
    """A part of a segment that takes items, gives them, or both.

    Attributes:
        producers: the units that feed it.
        open_consumers: how many of its targets still take items.
        is_dead: it takes and gives nothing any more.
        is_closed: it has told its producers so.
        level: how often the path to here changes between thread and loop, for units in the thread.
    """

    producers: list[Unit]
    open_consumers: int
    is_dead: bool
    is_closed: bool
    level: int = -1

    __slots__ = ("is_closed", "is_dead", "open_consumers", "producers")

    def __init__(self) -> None:
        """Start alive and unconnected."""
        self.producers = []
        self.open_consumers = 0
        self.is_dead = False
        self.is_closed = False

    def kill(self) -> None:
        """Stop giving; called from any thread, once."""
        self.mark_dead()

    def mark_dead(self) -> None:
        """Note that it gives nothing any more; also of a unit that notices by itself."""
        self.is_dead = True

    def interrupt(self) -> None:
        """Give up what has become stale; called from any thread."""

    def release(self) -> None:
        """Give back what the unit holds; at the end of the segment, in its thread.

        Units that can forget what they are connected with do, so that what a run has used goes with it, and
        does not wait for the garbage collector.
        """

    def emission_failed(self, error: BaseException) -> None:
        """An output of this unit could not be sent."""
        raise error


Emit = Callable[[Any], Any]


class Full(Protocol):
    """A queue that may have no room."""

    @property
    def is_full(self) -> bool:
        """Whether what feeds it has to wait."""
        ...


class Holdable(Protocol):
    """What may have to wait for such queues; see ``runner/holding.py``."""

    waits_for: tuple[Full, ...]

    @property
    def is_dead(self) -> bool:
        """Whether it gives nothing any more."""
        ...


def is_held(unit: Holdable) -> bool:
    """Whether it gives nothing for now; of what is dead nothing has to be waited for."""
    return not unit.is_dead and any(full.is_full for full in unit.waits_for)


def kill_upstream(unit: Unit) -> None:
    """After a failure: everything that feeds the unit dies, whoever else takes from it."""
    for producer in unit.producers:
        if not producer.is_dead:
            producer.kill()
            kill_upstream(producer)


def close_upstream(unit: Unit) -> None:
    """After an early end: what feeds the unit dies if nobody else takes from it."""
    if unit.is_closed:
        return
    unit.is_closed = True
    for producer in unit.producers:
        producer.open_consumers -= 1
        if producer.open_consumers <= 0 and not producer.is_dead:
            producer.kill()
            close_upstream(producer)
