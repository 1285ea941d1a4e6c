"""What a pipeline consists of, once it is known which object stands at which place."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from remotemedia.core.exceptions import EmptyPipelineError, ExecutorUnavailableError, InvalidNodeError
from remotemedia.core.queue_settings import QueueLimits, write_limits
from remotemedia.core.settings import DEFAULT_SETTINGS, NodeSettings, settings_of
from remotemedia.core.validation import name_of

if TYPE_CHECKING:
    from remotemedia.core.stuck import RunWatch

Placement = Literal["driver", "process", "engine"]
"""Where a node runs: in this program, in a Python process of its own, or with the engine (TypeScript)."""

_IN_DRIVER = (None, "in-process", "in_process", "driver")
_IN_PROCESS = ("multiprocess", "process")

_WHERE: dict[Placement, str] = {
    "driver": "runs in this program",
    "process": "goes to a process of its own",
    "engine": "is made by the engine, and runs in a worker of it",
}

logger = logging.getLogger("remotemedia.driver")


@dataclass(slots=True)
class Entry:
    """A node at its place.

    Attributes:
        id: unique in the pipeline.
        placement: where it runs.
        node: the live object; None where the engine makes it.
        node_type: what a manifest calls it.
        params: what the engine makes it from.
        executor: what the manifest says of where it runs.
        settings: what it states about its calls.
        stated: what the manifest states about them, where the engine makes it.
        is_replica: whether it is one of several copies.
        payload: the node, where it is serialized already.
    """

    id: str
    placement: Placement
    node: Any = None
    node_type: str = ""
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    executor: str | None = None
    settings: NodeSettings = DEFAULT_SETTINGS
    stated: Mapping[str, Any] | None = None
    is_replica: bool = False
    payload: bytes | None = None


@dataclass(slots=True)
class Definition:
    """A pipeline that can be run.

    Attributes:
        name: its name, in logs and errors.
        entries: the nodes in the order of the pipeline.
        edges: pairs of ids; None for a chain in that order.
        is_manifest: whether it was given as a manifest.
        base_dir: the folder against which node types such as ``./nodes.js#Upper`` are resolved.
        queues: limits of what comes by single edges, by their ids; None where no edge states any.
    """

    name: str
    entries: Sequence[Entry]
    edges: Sequence[tuple[str, str]] | None = None
    is_manifest: bool = False
    base_dir: str = ""
    queues: Mapping[tuple[str, str], QueueLimits] | None = None

    @property
    def is_chain(self) -> bool:
        """Whether each node feeds the next one, and nothing else does."""
        if self.edges is None:
            return True
        ids = [entry.id for entry in self.entries]
        return list(self.edges) == list(itertools.pairwise(ids)) and len(set(ids)) == len(ids)

    @property
    def stated_edges(self) -> Sequence[tuple[str, str]]:
        """The edges, also those of a chain, which are not written down."""
        if self.edges is None:
            return list(itertools.pairwise(entry.id for entry in self.entries))
        return self.edges

    @property
    def is_all_here(self) -> bool:
        """Whether all nodes run in this program."""
        for entry in self.entries:  # noqa: SIM110 - a generator takes longer than all it looks at
            if entry.placement != "driver":
                return False
        return True


def written_connections(
    edges: Iterable[tuple[str, str]], queues: Mapping[tuple[str, str], QueueLimits] | None
) -> list[dict[str, Any]]:
    """Edges in the form of manifests."""
    connections: list[dict[str, Any]] = []
    for edge in edges:
        limits = queues.get(edge) if queues else None
        queue = {} if limits is None else {"queue": write_limits(limits)}
        connections.append({"from": edge[0], "to": edge[1], **queue})
    return connections


def place_of(node: Any, executor: str | None, node_id: str) -> Placement:
    """Where a live object runs.

    Raises:
        ExecutorUnavailableError: there is no such executor for it.
    """
    wanted: Any = executor if executor is not None else getattr(node, "executor", None)
    if wanted in _IN_DRIVER:
        return "driver"
    if wanted in _IN_PROCESS:
        return "process"
    known = ", ".join(f'"{name}"' for name in ("in-process", *_IN_PROCESS))
    raise ExecutorUnavailableError(
        f'Node "{node_id}" asks for the executor {wanted!r}; for nodes written in Python there are {known}.'
    )


def definition_of(nodes: Iterable[Any], name: str = "pipeline") -> Definition:
    """The definition of a chain of live objects that ``check_items`` found nothing wrong with.

    Raises:
        PipelineError: there is none of them.
        InvalidNodeError: a streaming or source node is at two places.
        ConfigurationError: an executor that does not exist, or a wrong setting.
    """
    entries: list[Entry] = []
    # By position: to make an object by keywords takes three times as long, and a run is made for each call.
    for index, node in enumerate(nodes):
        node_id = f"{name_of(node)}_{index}"
        placement = place_of(node, None, node_id)
        entries.append(Entry(node_id, placement, node, "", {}, None, settings_of(node, node_id)))
    check_entries(entries, name)
    return Definition(name, replicated(entries))


def replicated(entries: Sequence[Entry], base_dir: str = "") -> Sequence[Entry]:
    """The entries as they are to run, where some have replicas.

    Raises:
        ConfigurationError: a number of replicas that does not exist, or a node that cannot have any.
    """
    for entry in entries:
        if entry.settings.replicas != 1 or (entry.stated and "replicas" in entry.stated):
            # Loaded where it is needed.
            from remotemedia.driver.replicas import with_replicas

            return with_replicas(entries, base_dir)
    return entries


def watch_copies(entries: Iterable[Entry], watch: RunWatch | None) -> None:
    """Have the copies of nodes be watched as their run is."""
    if watch is None:
        return
    for entry in entries:
        if getattr(entry.node, "stands_for_copies", False) is True:
            entry.node.watch = watch


def log_placement(definition: Definition) -> None:
    """Say at DEBUG where each node runs."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    for entry in definition.entries:
        logger.debug("node %s %s", entry.id, _WHERE[entry.placement])


def check_entries(entries: Sequence[Entry], name: str) -> None:
    """Check what can be said before anything runs.

    Raises:
        PipelineError: there are none.
        InvalidNodeError: a streaming or source node is at two places.
        ConfigurationError: a host is to be started again that cannot be.
    """
    if not entries:
        raise EmptyPipelineError(f'Pipeline "{name}" is empty. Give it at least one node.')
    seen: dict[int, str] = {}
    for entry in entries:
        node = entry.node
        if node is None:
            continue
        first = seen.setdefault(id(node), entry.id)
        if first is not entry.id and (_is(node, "is_streaming") or _is(node, "is_source")):
            raise InvalidNodeError(
                f'Nodes "{first}" and "{entry.id}" are the same {type(node).__name__}, a streaming or source '
                "node, which can only be at one place. Make a second instance."
            )
        if entry.settings.restart is not None:
            # Loaded where it is needed.
            from remotemedia.driver.restarts import check_restart

            check_restart(entry)


def _is(node: Any, flag: str) -> bool:
    return getattr(node, flag, False) is True
