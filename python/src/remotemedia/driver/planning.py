"""Graphs of nodes that all live here: the engine orders them, once for each shape."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from remotemedia.driver.definition import Definition
from remotemedia.driver.engine import engine
from remotemedia.driver.engine_failures import answer_of
from remotemedia.driver.engine_run import Away, pipeline_of
from remotemedia.driver.kept import Kept
from remotemedia.driver.local import Shape, is_source
from remotemedia.host.described import INPUT, OUTPUT

_kept: Kept[dict[str, Any]] = Kept()
"""Plans by what they depend on: ids, sources and edges."""


def kept_shape(definition: Definition) -> Shape | None:
    """The shape of a graph that was planned before."""
    plan = _kept.get(_key(definition))
    return None if plan is None else _shape_of(definition, plan)


def plan_shape(definition: Definition) -> Shape:
    """The shape of a graph; blocks while the engine plans it.

    Raises:
        GraphError: the connections form no graph that can run; with the place.
    """
    plan: dict[str, Any] = ask_plan(definition)
    _kept.put(_key(definition), plan)
    return _shape_of(definition, plan)


def ask_plan(definition: Definition) -> dict[str, Any]:
    """The engine's plan: which segment runs where; with ``text`` and ``mermaid``."""
    return answer_of(engine().request("plan", {"pipeline": pipeline_of(definition, Away())}))


def _key(definition: Definition) -> Hashable:
    nodes = tuple((entry.id, is_source(entry)) for entry in definition.entries)
    return nodes, tuple(definition.edges or ())


def _shape_of(definition: Definition, plan: dict[str, Any]) -> Shape:
    entries = {entry.id: entry for entry in definition.entries}
    (segment,) = plan["segments"]
    edges = [(edge["from"], edge["to"]) for edge in segment["edges"]]
    # A node whose inputs are brought together gets them in the order of the connections.
    stated = {edge: position for position, edge in enumerate(definition.edges or ())}
    edges.sort(key=lambda edge: stated.get(edge, len(stated)))
    return Shape(
        order=[entries[node_id] for node_id in segment["nodes"] if node_id in entries],
        edges=[edge for edge in edges if edge[0] != INPUT and edge[1] != OUTPUT],
        fed=[target for origin, target in edges if origin == INPUT],
        drained=[origin for origin, target in edges if target == OUTPUT],
    )
