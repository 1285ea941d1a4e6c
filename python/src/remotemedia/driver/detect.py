"""Which of the ways to give a pipeline was used."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from remotemedia.core.exceptions import InvalidPipelineError
from remotemedia.core.per_session import made
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.validation import check_items, node_problem
from remotemedia.driver.definition import Definition, definition_of, written_connections
from remotemedia.driver.source import Source, text_problem

logger = logging.getLogger("remotemedia.driver")


@dataclass(slots=True)
class Detected:
    """A pipeline as it was given.

    Attributes:
        definition: what it consists of, where it is a list of live objects.
        source: else, what the engine has to read.
        base_dir: the folder against which node types such as ``./nodes.js#Upper`` are resolved.
    """

    definition: Definition | None = None
    source: Source | None = None
    base_dir: str = ""

    @property
    def is_manifest(self) -> bool:
        """Whether it is a whole manifest."""
        return self.source is not None and self.source.is_manifest


def detect(given: Any) -> Detected:
    """Detect what was given as a pipeline.

    Args:
        given: a list of nodes and manifest entries, a ``Pipeline``, or a manifest (dict, JSON or YAML text).

    Raises:
        InvalidPipelineError: it is none of these; a TypeError.
        InvalidNodeError: an item of a list is no node; names each such position and its type.
        EmptyPipelineError: there is no node.
    """
    detected = _detect(given)
    if logger.isEnabledFor(logging.DEBUG):
        kind = "a list of live objects" if detected.definition is not None else "a manifest or its entries"
        logger.debug("given a %s: %s", type(given).__name__, kind)
    return detected


def _detect(given: Any) -> Detected:
    if isinstance(given, (list, tuple)):
        return _detect_list(cast("list[Any]", given), None)
    if isinstance(given, Pipeline):
        return _detect_pipeline(given)
    if isinstance(given, str):
        problem = text_problem(given)
        if problem is not None:
            raise InvalidPipelineError(problem)
        return Detected(source=Source(given), base_dir=str(Path.cwd()))
    if node_problem(given) is None:
        raise InvalidPipelineError(
            f"A pipeline is a list of nodes, but this is one {type(given).__name__}. "
            "Put it into a list: [node]."
        )
    if isinstance(given, Mapping):
        return Detected(source=Source(cast("Mapping[str, Any]", given)), base_dir=str(Path.cwd()))
    raise InvalidPipelineError(
        "A pipeline is a list of nodes, a Pipeline, or a manifest (dict, JSON or YAML), "
        f"but this is a value of type {type(given).__name__}."
    )


def _detect_pipeline(pipeline: Pipeline) -> Detected:
    if pipeline.connections is not None:
        source = Source(_manifest_of(pipeline), pipeline.name)
        source.is_manifest = False
        return Detected(source=source, base_dir=pipeline.base_dir or str(Path.cwd()))
    return _detect_list(pipeline.nodes, pipeline.name, pipeline.base_dir)


def _manifest_of(pipeline: Pipeline) -> dict[str, Any]:
    connections = written_connections(pipeline.connections or (), pipeline.queues)
    metadata = {"name": pipeline.name}
    nodes = [made(node) for node in pipeline.nodes]
    return {"version": "v1", "metadata": metadata, "nodes": nodes, "connections": connections}


def _detect_list(given: list[Any], name: str | None, base_dir: str | None = None) -> Detected:
    items = [made(item) for item in given]
    if check_items(items):
        return Detected(source=Source(items, name), base_dir=base_dir or str(Path.cwd()))
    return Detected(definition_of(items, name or "pipeline"))
