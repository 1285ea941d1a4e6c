"""Building a segment's units and connecting them."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from remotemedia.core.exceptions import GraphError
from remotemedia.runner.async_node import AsyncNode
from remotemedia.runner.bounded import BoundedBox, BoundedInbox, Door, Lane
from remotemedia.runner.chain import Chain
from remotemedia.runner.chain_box import ChainBox
from remotemedia.runner.concurrent_node import ConcurrentNode
from remotemedia.runner.fan_in import FanInUnit
from remotemedia.runner.graph import Shape, shape_of
from remotemedia.runner.handoff import LIMIT
from remotemedia.runner.holding import hold_feeders, hold_feeders_of_lanes
from remotemedia.runner.loop_ports import LoopInput, LoopOutput
from remotemedia.runner.loop_unit import LoopTask, LoopUnit
from remotemedia.runner.plan import SegmentPlan
from remotemedia.runner.ports import InputPort, OutputPort, Target
from remotemedia.runner.source import Source
from remotemedia.runner.stage import Stage
from remotemedia.runner.stream_node import StreamNode
from remotemedia.runner.unit import Full, Unit

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

Part = Chain | LoopUnit | Source


class Pull(Protocol):
    """What gives items when it is asked for some, in the segment's thread."""

    is_finished: bool
    is_dead: bool
    waits_for: tuple[Full, ...]

    def step(self, limit: int | None) -> None:
        """Give up to ``limit`` items, or all."""
        ...


@dataclass(slots=True)
class Units:
    """The units of a segment.

    Attributes:
        is_simple: one channel or only pulls have to be waited for, and nothing is on the loop; not in a
            session, which may be changed.
    """

    inputs: list[InputPort]
    loop_inputs: list[LoopInput]
    outputs: list[OutputPort]
    chains: list[Chain]
    loop_units: list[LoopUnit]
    sources: list[Source]
    is_simple: bool = False

    def all(self) -> list[Unit]:
        """All of them, those that give items first."""
        return [
            *self.inputs,
            *self.loop_inputs,
            *self.sources,
            *self.chains,
            *self.loop_units,
            *self.outputs,
        ]

    def tasks(self) -> list[LoopTask]:
        """Those that run on the loop."""
        return [*self.loop_units, *self.loop_inputs]

    def roots(self) -> Iterator[Unit]:
        """Those that let items in from outside the pipeline."""
        yield from (port for port in self.inputs if port.is_pulled)
        yield from self.loop_inputs
        yield from self.sources
        yield from (unit for unit in self.loop_units if unit.stage.traits.is_source)

    def pulls(self) -> list[Pull]:
        """Those that have to be asked for items."""
        return [*[port for port in self.inputs if port.is_pulled], *self.sources]

    def boxes(self) -> list[ChainBox]:
        """The hand-offs from the loop, deepest level first."""
        boxes = [chain.box for chain in self.chains if chain.box is not None]
        boxes.sort(key=lambda box: -box.chain.level)
        return boxes


def wire(segment: Segment, plan: SegmentPlan, stages: list[Stage]) -> Units:
    """Build the units of a plan and connect them.

    Raises:
        PipelineError: a source node is given an input.
    """
    units = _wire_chain(segment, plan, stages)
    if units is not None:
        return units
    at = {stage.id: position for position, stage in enumerate(stages)}
    for (origin, target), limits in (plan.queues or {}).items():
        stage = stages[at[target]]
        stage.edge_queues = {**stage.edge_queues, origin: limits}
    if plan.edges is None:
        edges = list(pairwise(range(len(stages))))
    else:
        edges = [(at[origin], at[target]) for origin, target in plan.edges]
    fed = [at[target] for _, targets in plan.inputs for target in targets if isinstance(target, str)]
    shape = shape_of(stages, edges, fed, [at[origin] for _, origin in plan.outputs])
    units = Units([], [], [port for port, _ in plan.outputs], [], [], [])
    parts = _build(segment, stages, shape, units)
    fan_ins = _build_fan_ins(segment, plan, stages, parts, units)

    def taker(origin_id: str, position: int) -> Chain | LoopUnit:
        fan_in = fan_ins.get(position)
        return _taker(parts[position]) if fan_in is None else fan_in.inlet(origin_id)

    for origin, target in edges:
        if parts[origin] is not parts[target]:
            origin_id = stages[origin].id
            _connect(segment, parts[origin], taker(origin_id, target), origin_id)
    for port, origin in plan.outputs:
        _connect_output(segment, parts[at[origin]], port)
    for index, (port, targets) in enumerate(plan.inputs):
        takers: list[Target] = []
        origin_id = plan.origin_of(index)
        for target in targets:
            if isinstance(target, OutputPort):
                units.outputs.append(target)
                takers.append(target)
            else:
                takers.append(taker(origin_id, at[target]))
        if isinstance(port, LoopInput):
            units.loop_inputs.append(port)
            _connect_loop_input(segment, port, takers, origin_id)
        else:
            units.inputs.append(port)
            _connect_input(segment, port, [_door(segment, port, taker, origin_id) for taker in takers])
    units.is_simple = not segment.is_tagged and _is_simple(units)
    for fan_in in fan_ins.values():
        hold_feeders(fan_in)
    for queue in _bounded_queues(units):
        hold_feeders_of_lanes(queue.store)
    return units


def _wire_chain(segment: Segment, plan: SegmentPlan, stages: list[Stage]) -> Units | None:
    """Wire what most runs are, sync nodes in a row between two ports; None if the plan is anything else.

    It is what ``wire`` would build. For a run of one item, finding that out is most of what there is to do.
    """
    if plan.edges is not None or len(plan.inputs) != 1 or len(plan.outputs) != 1:
        return None
    (port, targets), (output, origin) = plan.inputs[0], plan.outputs[0]
    if isinstance(port, LoopInput) or isinstance(output, LoopOutput):
        return None
    if len(targets) != 1 or targets[0] != stages[0].id or origin != stages[-1].id:
        return None
    for stage in stages:
        if (
            stage.is_on_loop
            or stage.is_exclusive
            or stage.fan_in is not None
            or stage.input_queue is not None
        ):
            return None
    chain = Chain(segment, stages, 0)
    _connect_output(segment, chain, output)
    _connect_input(segment, port, [chain])
    units = Units([port], [], [output], [chain], [], [])
    units.is_simple = not segment.is_tagged
    return units


def _build(segment: Segment, stages: list[Stage], shape: Shape, units: Units) -> list[Part]:
    """Make the units of all nodes; gives the unit of each."""
    parts: list[Any] = [None] * len(stages)
    for described in shape.chains:
        members = described.members
        chain = Chain(segment, [stages[member] for member in members], described.level)
        units.chains.append(chain)
        if chain.stages[0].has_bounded_queue:
            chain.box = BoundedBox(segment, chain)
        for member in members:
            parts[member] = chain
    for position in shape.on_loop:
        parts[position] = unit = _loop_unit(segment, stages[position])
        units.loop_units.append(unit)
    for position in shape.sources:
        parts[position] = source = Source(segment, stages[position])
        units.sources.append(source)
    return parts


def _build_fan_ins(
    segment: Segment, plan: SegmentPlan, stages: list[Stage], parts: list[Part], units: Units
) -> dict[int, FanInUnit]:
    """Put what brings inputs together in front of the nodes that ask for it; by their positions."""
    fan_ins: dict[int, FanInUnit] = {}
    for position, stage in enumerate(stages):
        if stage.fan_in is None:
            continue
        fan_ins[position] = unit = FanInUnit(segment, stage, stage.fan_in, plan.inputs_of(stage.id))
        units.loop_units += unit.inlets
        _connect(segment, unit, _taker(parts[position]))
    return fan_ins


def _is_simple(units: Units) -> bool:
    if units.loop_units or units.loop_inputs or units.boxes():
        return False
    for port in units.outputs:
        if isinstance(port, LoopOutput):
            return False
    if len(units.inputs) == 1:
        return units.inputs[0].is_pulled or not units.sources
    return all(port.is_pulled for port in units.inputs)


def _loop_unit(segment: Segment, stage: Stage) -> LoopUnit:
    if stage.traits.is_streaming or stage.traits.is_source:
        return StreamNode(segment, stage)
    return AsyncNode(segment, stage) if stage.concurrency == 1 else ConcurrentNode(segment, stage)


def _connect(
    segment: Segment, origin: Part | LoopInput | FanInUnit, taker: Chain | LoopUnit, origin_id: str = ""
) -> None:
    taker.producers.append(origin)
    origin.open_consumers += 1
    is_on_loop = isinstance(origin, (LoopTask, FanInUnit))
    limit = origin.limit if isinstance(origin, (LoopInput, FanInUnit)) else LIMIT
    lane = _lane_of(taker, origin_id)
    put: Any
    if isinstance(taker, Chain):
        taker.open_inputs += 1
        if is_on_loop:
            taker.box = taker.box or ChainBox(segment, taker, limit)
            put, end = taker.box.put, taker.box.end
            _note_hand_off(origin, taker.box.entries)
        elif isinstance(taker.box, BoundedBox):
            put, end = partial(taker.box.put_from_thread, level=origin.level), taker.box.end
        else:
            put, end = taker.push, taker.input_ended
    else:
        taker.inbox.open_inputs += 1
        if limit != LIMIT:
            taker.inbox.limit_to(limit)
        _note_hand_off(origin, taker.inbox.entries)
        if is_on_loop:
            put, end = taker.inbox.put_from_loop, taker.inbox.end_from_loop
        else:
            put, end = partial(taker.inbox.put_from_thread, level=origin.level), taker.inbox.end_from_thread
    if lane is not None:
        lane.producers.append(origin)
        put = partial(put, lane=lane)
    origin.emits += (put,)
    origin.ends.append(end)


def _bounded_queues(units: Units) -> Iterator[BoundedBox | BoundedInbox]:
    for queue in (*(chain.box for chain in units.chains), *(unit.inbox for unit in units.loop_units)):
        if isinstance(queue, (BoundedBox, BoundedInbox)):
            yield queue


def _lane_of(taker: Chain | LoopUnit, origin_id: str) -> Lane | None:
    """The queue in which it takes what comes from there, of a node with several."""
    queue = taker.box if isinstance(taker, Chain) else taker.inbox
    if not isinstance(queue, (BoundedBox, BoundedInbox)) or not queue.store.lanes:
        return None
    return queue.store.lanes.get(origin_id, queue.store.others)


def _note_hand_off(origin: Part | LoopInput | FanInUnit, entries: Sized) -> None:
    if isinstance(origin, LoopInput):
        origin.hand_offs.append(entries)


def _connect_output(segment: Segment, origin: Part | LoopInput, port: OutputPort) -> None:
    port.link(segment, origin)
    origin.open_consumers += 1
    is_on_loop = isinstance(origin, LoopTask)
    origin.emits += (port.put if is_on_loop else port.taker(),)
    origin.ends.append(port.end_from_loop if is_on_loop else port.end_from_thread)


def _connect_loop_input(segment: Segment, port: LoopInput, takers: list[Target], origin_id: str) -> None:
    port.segment = segment
    for taker in takers:
        if isinstance(taker, OutputPort):
            _connect_output(segment, port, taker)
        else:
            _connect(segment, port, taker, origin_id)


def _connect_input(segment: Segment, port: InputPort, takers: list[Target]) -> None:
    port.link(segment, takers)
    for taker in takers:
        if isinstance(taker, OutputPort):
            taker.link(segment, port)
            continue
        taker.producers.append(port)
        if isinstance(taker, Chain):
            taker.open_inputs += 1
        else:
            taker.inbox.open_inputs += 1


def _door(segment: Segment, port: InputPort, taker: Target, origin_id: str) -> Target:
    """What a port in the thread gives its items to: for a node whose queue has limits what leads there."""
    if isinstance(taker, OutputPort):
        return taker
    lane = _lane_of(taker, origin_id)
    if lane is not None:
        lane.producers.append(port)
    elif not (isinstance(taker, Chain) and isinstance(taker.box, BoundedBox)):
        return taker
    return Door(segment, taker, lane)


def _taker(target: Part) -> Chain | LoopUnit:
    if isinstance(target, Source):
        raise GraphError(f'"{target.stage.id}" is a source node and takes no input. Connect nothing to it.')
    return target
