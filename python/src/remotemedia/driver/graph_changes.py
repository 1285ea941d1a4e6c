"""A pipeline with one node more, or less, or another one: pure functions of definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from remotemedia.core.exceptions import EmptyPipelineError, GraphError, InvalidArgumentError
from remotemedia.core.queue_settings import QueueLimits
from remotemedia.driver.definition import Definition, Entry, check_entries

_Edge = tuple[str, str]


def with_inserted(definition: Definition, added: Entry, anchor: str, is_before: bool) -> Definition:
    """The pipeline with one node more.

    The queue of an edge stays in front of the node that it leads to; only where several lead there they go
    with their edges, which come together at the new one now.

    Args:
        definition: the pipeline.
        added: the node; before the anchor it takes all that this one took, behind it it is given all that
            this one gives.
        anchor: the id of a node.
        is_before: on which side of that.

    Raises:
        InvalidArgumentError: there is no such node, or the id is taken.
    """
    index = position_of(definition, anchor)
    if any(entry.id == added.id for entry in definition.entries):
        raise InvalidArgumentError(
            f'The pipeline "{definition.name}" has a node "{added.id}" already. Give the new one another id.'
        )
    known = definition.queues or {}
    edges: list[_Edge] = []
    queues: dict[_Edge, QueueLimits] = {}
    for edge in definition.stated_edges:
        origin, target = edge
        if is_before and target == anchor:
            target = added.id
        elif not is_before and origin == anchor:
            origin = added.id
        edges.append((origin, target))
        if edge in known:
            queues[(origin, target)] = known[edge]
    link = (added.id, anchor) if is_before else (anchor, added.id)
    taken = [edge for edge in edges if edge[1] == added.id]
    if is_before and len(taken) == 1 and taken[0] in queues:
        # It stays in front of the node that takes.
        queues[link] = queues.pop(taken[0])
    edges.append(link)
    place = index if is_before else index + 1
    entries = [*definition.entries[:place], added, *definition.entries[place:]]
    return _edited(definition, entries, edges, queues)


def with_removed(definition: Definition, node_id: str) -> Definition:
    """The pipeline without a node: what was before it gives to what was behind it, whose edges keep queues.

    Raises:
        InvalidArgumentError: there is no such node.
        EmptyPipelineError: there is no other.
        GraphError: a node beside it would take the input, or give the outputs, in its stead and cannot.
    """
    index = position_of(definition, node_id)
    if len(definition.entries) == 1:
        raise EmptyPipelineError(
            f'Node "{node_id}" is the only one of pipeline "{definition.name}". End the session, or replace '
            "the node."
        )
    edges = definition.stated_edges
    others = [edge for edge in edges if node_id not in edge]
    before = [origin for origin, target in edges if target == node_id]
    behind = [target for origin, target in edges if origin == node_id]
    if not before:
        _check_freed(node_id, behind, {target for _, target in others}, is_input=True)
    if not behind:
        _check_freed(node_id, before, {origin for origin, _ in others}, is_input=False)
    known = definition.queues or {}
    bridged: list[_Edge] = []
    queues: dict[_Edge, QueueLimits] = {}
    for edge in edges:
        origin, target = edge
        # In the place of what they replace: a node may get its inputs in the order of its edges.
        bridges = [(first, target) for first in before] if origin == node_id else [edge]
        for bridge in bridges:
            if target == node_id or (origin == node_id and bridge in others):
                continue
            bridged.append(bridge)
            if edge in known:
                queues[bridge] = known[edge]
    left = [*definition.entries[:index], *definition.entries[index + 1 :]]
    if not bridged and len(left) > 1:
        raise GraphError(
            f'Node "{node_id}" cannot be removed: nothing would connect '
            + " and ".join(f'"{entry.id}"' for entry in left)
            + ". Replace it by a node that passes items on."
        )
    return _edited(definition, left, bridged, queues)


def with_replaced(definition: Definition, added: Entry) -> Definition:
    """The pipeline with another node in the place of the one whose id it has.

    Raises:
        InvalidArgumentError: there is no such node.
    """
    index = position_of(definition, added.id)
    entries = [*definition.entries[:index], added, *definition.entries[index + 1 :]]
    return _edited(definition, entries, definition.stated_edges, definition.queues)


def position_of(definition: Definition, node_id: str) -> int:
    """Where a node stands.

    Raises:
        InvalidArgumentError: there is no such node.
    """
    ids = [entry.id for entry in definition.entries]
    if node_id in ids:
        return ids.index(node_id)
    known = ", ".join(f'"{known}"' for known in ids)
    raise InvalidArgumentError(
        f'The pipeline "{definition.name}" has no node "{node_id}". Its nodes are {known}.'
    )


def _edited(
    definition: Definition,
    entries: Sequence[Entry],
    edges: Sequence[_Edge],
    queues: Mapping[_Edge, QueueLimits] | None,
) -> Definition:
    check_entries(entries, definition.name)
    chain = list(pairwise(entry.id for entry in entries))
    is_chain = set(edges) == set(chain)
    stated = None if is_chain and not queues else chain if is_chain else edges
    return replace(definition, entries=entries, edges=stated, queues=queues)


def _check_freed(node_id: str, neighbours: Iterable[str], held: set[str], *, is_input: bool) -> None:
    """What is next to a node at an end of the pipeline comes to that end, unless other edges hold it."""
    found = next((neighbour for neighbour in neighbours if neighbour in held), None)
    if found is None:
        return
    what, why = (
        ("the input of the pipeline", "takes what other nodes give")
        if is_input
        else ("the output of the pipeline", "gives to other nodes")
    )
    raise GraphError(
        f'Node "{node_id}" cannot be removed: without it {what} would be lost at "{found}", which {why} as '
        "well. Replace it by a node that passes items on."
    )
