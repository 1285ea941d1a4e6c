"""How a segment's nodes fall into units: a pure function of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remotemedia.runner.stage import Stage


@dataclass(slots=True)
class ChainShape:
    """A path of sync nodes: their positions in the plan's list, and the chain's level."""

    members: list[int]
    level: int


@dataclass(slots=True)
class Shape:
    """The units of a segment, by positions in the plan's list of nodes.

    Attributes:
        chains: paths of sync nodes.
        on_loop: async and streaming nodes.
        sources: sync source nodes.
    """

    chains: list[ChainShape]
    on_loop: list[int]
    sources: list[int]


def shape_of(
    stages: Sequence[Stage], edges: Sequence[tuple[int, int]], fed: Sequence[int], drained: Sequence[int]
) -> Shape:
    """Cut the graph into units.

    Args:
        stages: the nodes in topological order.
        edges: pairs of positions.
        fed: positions of nodes that input ports feed; one may be there several times.
        drained: positions of nodes that feed output ports.

    Returns:
        The units.
    """
    before: list[list[int]] = [[] for _ in stages]
    out_count = [0] * len(stages)
    for origin, target in edges:
        before[target].append(origin)
        out_count[origin] += 1
    for origin in drained:
        out_count[origin] += 1
    shape = Shape([], [], [])
    levels = [0] * len(stages)
    chain_at: dict[int, ChainShape] = {}
    for position, stage in enumerate(stages):
        is_on_loop = stage.is_on_loop
        levels[position] = _level_of(stage, [(levels[origin], stages[origin]) for origin in before[position]])
        if is_on_loop:
            shape.on_loop.append(position)
        elif stage.traits.is_source:
            shape.sources.append(position)
        else:
            continues = len(before[position]) == 1 and position not in fed and not _has_own_entry(stage)
            origin = before[position][0] if continues else -1
            chain = chain_at.get(origin) if origin >= 0 and out_count[origin] == 1 else None
            if chain is None:
                chain = ChainShape([], levels[position])
                shape.chains.append(chain)
            chain.members.append(position)
            chain_at[position] = chain
    return shape


def _has_own_entry(stage: Stage) -> bool:
    """Whether items come to the node by more than a call."""
    return stage.fan_in is not None or stage.has_bounded_queue


def _level_of(stage: Stage, before: Sequence[tuple[int, Stage]]) -> int:
    """How often the path to a node changes sides; what waits for a chain counts as if it were on the loop."""
    is_entered_on_loop = stage.is_on_loop or _has_own_entry(stage)
    level = max((level + (origin.is_on_loop != is_entered_on_loop) for level, origin in before), default=0)
    return level + (is_entered_on_loop != stage.is_on_loop)
