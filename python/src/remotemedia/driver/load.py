"""Making a pipeline of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from remotemedia.core.pipeline import Pipeline
from remotemedia.driver.definition import Entry
from remotemedia.driver.manifest import ask_engine, definition_from
from remotemedia.driver.source import Source


def load_pipeline(path_or_manifest: str | PathLike[str] | Mapping[str, Any]) -> Pipeline:
    """Make a pipeline of a manifest, with its Python nodes made: to run it many times, or as live sessions.

    Args:
        path_or_manifest: a file, JSON or YAML, or the manifest itself as a dict, with live objects among its
            nodes if wanted (``{"id": "tts", "instance": tts}``). Node types such as ``./nodes.js#Upper`` are
            looked for in the folder of the file, or in the current one.

    Returns:
        A pipeline that can run many times, also at once.

    Raises:
        OSError: the file cannot be read.
        ManifestError: it is no manifest; with line and column where it is a file.
        UnknownNodeTypeError: there is no such node in either language.

    Example::

        pipeline = load_pipeline("pipeline.yaml")
        results = pipeline.run_sync([1, 2, 3])
    """
    if isinstance(path_or_manifest, Mapping):
        source, base_dir = Source(path_or_manifest), str(Path.cwd())
    else:
        file = Path(path_or_manifest)
        source, base_dir = Source(file.read_text(encoding="utf-8")), str(file.parent.absolute())
    defined = ask_engine(source, base_dir)
    definition = definition_from(defined, source)
    pipeline = Pipeline(name=definition.name)
    pipeline.nodes = [_item_of(entry) for entry in definition.entries]
    pipeline.connections = list(definition.edges or ())
    pipeline.queues = dict(definition.queues or {})
    pipeline.base_dir = base_dir
    return pipeline


def _item_of(entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {"id": entry.id}
    if entry.node is not None:
        item["instance"] = entry.node
    else:
        item |= {"node_type": f"typescript:{entry.node_type}", "params": entry.params}
    if entry.executor is not None:
        item["executor"] = entry.executor
    return item
