"""What a segment is told to run, and how it says that something failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from remotemedia.core.queue_settings import QueueLimits
from remotemedia.core.settings import DEFAULT_SETTINGS, NodeSettings
from remotemedia.runner.joined import NodeInputs, inputs_of
from remotemedia.runner.loop_ports import LoopInput
from remotemedia.runner.losses import Accounts
from remotemedia.runner.ports import INPUT_NAME, InputPort, OutputPort
from remotemedia.runner.segment_thread import Row
from remotemedia.wire.failures import Failure, failure_of


class Placed(Protocol):
    """A node at its place in the graph; one object may have several.

    Attributes:
        id: unique in the plan.
        node: the live object.
        settings: what it states about its calls.
    """

    id: str
    node: Any
    settings: NodeSettings


@dataclass(slots=True)
class Place:
    """A node at its place, and nothing else."""

    id: str
    node: Any
    settings: NodeSettings = DEFAULT_SETTINGS


@dataclass(slots=True)
class SegmentPlan:
    """What a segment consists of.

    Attributes:
        nodes: the places in topological order.
        edges: pairs of ids; None where each node feeds the next one.
        inputs: ports with what they feed: ids of nodes, or output ports that take the items as they are. Such
            an output port is not in ``outputs``.
        outputs: ports with the id of the node whose outputs they take.
        has_metrics: whether nodes are measured.
        is_tagged: whether items have tags, so that what is under way can be interrupted.
        session_id: of a live session.
        row: its place among the runs of a session that may be changed.
        cancel_timeout_ms: how long a cancel waits for the nodes.
        origins: for each of the inputs the id of what gives its items; without them it is the pipeline's.
        joined: what comes before the nodes whose inputs are brought together; None where that is to be seen
            from edges and inputs.
        queues: limits of what comes by single edges, by pairs of ids; None where no edge states any.
        accounts: who keeps account of the session; None where nobody does.
    """

    nodes: Sequence[Placed]
    edges: Sequence[tuple[str, str]] | None
    inputs: Sequence[tuple[InputPort | LoopInput, Sequence[str | OutputPort]]] = ()
    outputs: Sequence[tuple[OutputPort, str]] = ()
    has_metrics: bool = False
    is_tagged: bool = False
    session_id: str | None = None
    cancel_timeout_ms: int = 5_000
    origins: Sequence[str] = ()
    joined: Mapping[str, NodeInputs] | None = None
    queues: Mapping[tuple[str, str], QueueLimits] | None = None
    accounts: Accounts | None = None
    row: Row | None = None

    def origin_of(self, index: int) -> str:
        """The id of what gives the items of an input."""
        return self.origins[index] if self.origins else INPUT_NAME

    def inputs_of(self, node_id: str) -> NodeInputs:
        """What comes before a node whose inputs are brought together."""
        if self.joined is not None:
            return self.joined[node_id]
        ids = [place.id for place in self.nodes]
        edges = list(pairwise(ids) if self.edges is None else self.edges)
        for index, (_, targets) in enumerate(self.inputs):
            edges += [(self.origin_of(index), target) for target in targets if isinstance(target, str)]
        return inputs_of(node_id, edges)


@dataclass(slots=True)
class NodeFailure:
    """A failure with its place.

    Attributes:
        error: the original exception.
        node_id: the node whose code raised it or, without a phase, that it is about.
        phase: what of the node was running.
        item_index: position of the item in the node's input.
    """

    error: BaseException
    node_id: str | None
    phase: str | None
    item_index: int | None

    def as_map(self) -> Failure:
        """The failure as the wire states it."""
        return failure_of(self.error, node_id=self.node_id, phase=self.phase, item_index=self.item_index)


class OpenError(Exception):
    """A node's ``initialize`` failed; ``failure`` says which."""

    def __init__(self, failure: NodeFailure) -> None:
        """Keep the failure."""
        super().__init__(str(failure.error))
        self.failure = failure
