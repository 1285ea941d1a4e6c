"""Which inputs of a segment give nothing for now, as what they have given waits for other inputs.

The segment's thread feeds several inputs of one node, and what waits for one of them must not block it: the
others would never come. So what gives items in that thread is not asked for more instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

from remotemedia.runner.bounded import BoundedEntries
from remotemedia.runner.chain import Chain
from remotemedia.runner.fan_in import FanInUnit
from remotemedia.runner.ports import InputPort
from remotemedia.runner.source import Source
from remotemedia.runner.unit import Full, Holdable, Unit, is_held

_Feeder = InputPort | Source | Chain
_Unit = TypeVar("_Unit", bound=Holdable)


class Held:
    """What was held when the thread has looked last, and is to be looked at again."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._units: list[Holdable] = []

    def clear(self) -> None:
        """Forget what was held."""
        self._units.clear()

    def without(self, units: list[_Unit]) -> list[_Unit]:
        """Those that are not held; the others are noted."""
        found = [unit for unit in units if not is_held(unit)]
        if len(found) < len(units):
            self._units += [unit for unit in units if unit not in found]
        return found

    def may_go_on(self) -> bool:
        """Whether one that was held is no more."""
        return not all(map(is_held, self._units))


def hold_feeders(fan_in: FanInUnit) -> None:
    """Note which units in the thread wait while an inlet is full, where the thread feeds several."""
    if fan_in.is_forked:
        return
    feeders = {inlet: _in_thread_before(inlet.producers) for inlet in fan_in.inlets}
    if sum(map(bool, feeders.values())) < 2:
        return
    for inlet, units in feeders.items():
        if units:
            inlet.inbox.limit_to(sys.maxsize)
        _hold(units, inlet)


def hold_feeders_of_lanes(entries: BoundedEntries) -> None:
    """The same for the queues of single edges: one that is full does not keep items from the others."""
    if not entries.lanes:
        return
    feeders = {lane: _in_thread_before(lane.producers) for lane in entries.all_lanes}
    if sum(map(bool, feeders.values())) < 2:
        return
    for lane, units in feeders.items():
        lane.is_held = bool(units)
        _hold(units, lane)


def _hold(units: Sequence[_Feeder], full: Full) -> None:
    for unit in units:
        if isinstance(unit, (InputPort, Source)):
            unit.waits_for += (full,)
        elif unit.box is not None:
            unit.box.waits_for += (full,)


def _in_thread_before(producers: Sequence[Unit]) -> list[_Feeder]:
    units: list[Unit] = list(producers)
    for unit in units:
        units += [producer for producer in unit.producers if producer not in units]
    return [unit for unit in units if isinstance(unit, (InputPort, Source, Chain))]
