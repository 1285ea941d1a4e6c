"""Building a segment's units and connecting them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from remotemedia.core.exceptions import PipelineError
from remotemedia.runner.chain import Chain, Source
from remotemedia.runner.graph import shape_of
from remotemedia.runner.handoff import ChainBox
from remotemedia.runner.plan import SegmentPlan
from remotemedia.runner.ports import InputPort, OutputPort
from remotemedia.runner.stage import Stage
from remotemedia.runner.tasks import AsyncNode, LoopUnit, StreamNode
from remotemedia.runner.unit import Unit

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

Part = Chain | LoopUnit | Source


class Pull(Protocol):
    """What gives items when it is asked for some, in the segment's thread."""

    is_finished: bool

    def step(self, limit: int | None) -> None:
        """Give up to ``limit`` items, or all."""
        ...


@dataclass(slots=True)
class Units:
    """The units of a segment.

    Attributes:
        is_simple: one channel or only pulls have to be waited for, and no node is on the loop.
    """

    inputs: list[InputPort]
    outputs: list[OutputPort]
    chains: list[Chain]
    loop_units: list[LoopUnit]
    sources: list[Source]
    is_simple: bool = False

    def all(self) -> Iterator[Unit]:
        """All of them, those that give items first."""
        yield from self.inputs
        yield from self.sources
        yield from self.chains
        yield from self.loop_units
        yield from self.outputs

    def roots(self) -> Iterator[Unit]:
        """Those that let items in from outside the pipeline."""
        yield from (port for port in self.inputs if port.is_pulled)
        yield from self.sources
        yield from (unit for unit in self.loop_units if unit.stage.traits.is_source)

    def pulls(self) -> Iterator[Pull]:
        """Those that have to be asked for items."""
        yield from (port for port in self.inputs if port.is_pulled)
        yield from self.sources

    def boxes(self) -> list[ChainBox]:
        """The hand-offs from the loop, deepest level first."""
        boxes = [chain.box for chain in self.chains if chain.box is not None]
        return sorted(boxes, key=lambda box: -box.chain.level)


def wire(segment: Segment, plan: SegmentPlan, stages: list[Stage]) -> Units:
    """Build the units of a plan and connect them.

    Raises:
        PipelineError: a source node is given an input.
    """
    at = {stage.id: position for position, stage in enumerate(stages)}
    edges = [(at[origin], at[target]) for origin, target in plan.edges]
    fed = [at[target] for _, targets in plan.inputs for target in targets]
    shape = shape_of(stages, edges, fed, [at[origin] for _, origin in plan.outputs])
    units = Units([port for port, _ in plan.inputs], [port for port, _ in plan.outputs], [], [], [])
    parts: dict[int, Part] = {}
    for members, level in ((chain.members, chain.level) for chain in shape.chains):
        chain = Chain(segment, [stages[member] for member in members], level)
        units.chains.append(chain)
        parts.update(dict.fromkeys(members, chain))
    for position in shape.on_loop:
        parts[position] = unit = _loop_unit(segment, stages[position])
        units.loop_units.append(unit)
    for position in shape.sources:
        parts[position] = source = Source(segment, stages[position])
        units.sources.append(source)
    for origin, target in edges:
        if parts[origin] is not parts[target]:
            _connect(segment, parts[origin], parts[target])
    for port, origin in plan.outputs:
        _connect_output(segment, parts[at[origin]], port)
    for port, target_ids in plan.inputs:
        _connect_input(segment, port, [parts[at[target]] for target in target_ids])
    channels = sum(not port.is_pulled for port in units.inputs)
    is_one_kind = channels == 0 or (channels == 1 and not any(True for _ in units.pulls()))
    units.is_simple = not units.loop_units and is_one_kind
    return units


def _loop_unit(segment: Segment, stage: Stage) -> LoopUnit:
    is_stream = stage.traits.is_streaming or stage.traits.is_source
    return StreamNode(segment, stage) if is_stream else AsyncNode(segment, stage)


def _connect(segment: Segment, origin: Part, target: Part) -> None:
    taker = _taker(target)
    taker.producers.append(origin)
    origin.open_consumers += 1
    put: Any
    if isinstance(taker, Chain):
        taker.open_inputs += 1
        if isinstance(origin, LoopUnit):
            taker.box = taker.box or ChainBox(segment, taker)
            put, end = taker.box.put, taker.box.end
        else:
            put, end = taker.push, taker.input_ended
    else:
        taker.inbox.open_inputs += 1
        if isinstance(origin, LoopUnit):
            put, end = taker.inbox.put_from_loop, taker.inbox.end_from_loop
        else:
            put, end = partial(taker.inbox.put_from_thread, level=origin.level), taker.inbox.end_from_thread
    origin.emits += (put,)
    origin.ends.append(end)


def _connect_output(segment: Segment, origin: Part, port: OutputPort) -> None:
    port.link(segment, origin)
    origin.open_consumers += 1
    is_on_loop = isinstance(origin, LoopUnit)
    origin.emits += (port.put if is_on_loop else port.append,)
    origin.ends.append(port.end_from_loop if is_on_loop else port.end_from_thread)


def _connect_input(segment: Segment, port: InputPort, targets: list[Part]) -> None:
    takers = [_taker(target) for target in targets]
    port.link(segment, takers)
    for taker in takers:
        taker.producers.append(port)
        if isinstance(taker, Chain):
            taker.open_inputs += 1
        else:
            taker.inbox.open_inputs += 1


def _taker(target: Part) -> Chain | LoopUnit:
    if isinstance(target, Source):
        raise PipelineError(f'node "{target.stage.id}" is a source and takes no input')
    return target
