"""What comes before a node whose inputs are brought together: a pure function of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeInputs:
    """What comes before a node.

    Attributes:
        ids: in the order of the lists that the node gets.
        is_forked: whether some of them come from the same node somewhere before: one that is made to wait may
            keep the others from coming.
    """

    ids: tuple[str, ...]
    is_forked: bool


def inputs_of(node_id: str, edges: Sequence[tuple[str, str]]) -> NodeInputs:
    """What comes before a node; ``edges`` are pairs of ids, in the order of the connections."""
    ids = tuple(_before(node_id, edges))
    return NodeInputs(ids, _are_forked(ids, edges))


def _before(node_id: str, edges: Iterable[tuple[str, str]]) -> list[str]:
    return list(dict.fromkeys(origin for origin, target in edges if target == node_id))


def _are_forked(ids: Iterable[str], edges: Sequence[tuple[str, str]]) -> bool:
    """Whether two of these come from the same node, or one from the other."""
    seen: set[str] = set()
    for node_id in ids:
        ancestors = [node_id]
        for each in ancestors:
            ancestors += [origin for origin in _before(each, edges) if origin not in ancestors]
        if not seen.isdisjoint(ancestors):
            return True
        seen.update(ancestors)
    return False
