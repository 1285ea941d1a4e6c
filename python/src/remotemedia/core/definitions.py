"""Pipelines as definitions: which classes their nodes are of, and what makes these anew."""

from __future__ import annotations

import importlib
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from remotemedia.core import registry
from remotemedia.core.exceptions import PipelineError
from remotemedia.core.manifest import entry_of
from remotemedia.core.settings import SETTING_NAMES, stated_settings
from remotemedia.core.validation import class_of, is_entry, name_of


def definition_of(name: str, nodes: Sequence[Any]) -> dict[str, Any]:
    """The definition of a chain of nodes; see ``Pipeline.export_definition``."""
    entries = [_describe(node, index) for index, node in enumerate(nodes)]
    return {
        "name": name,
        "nodes": entries,
        "connections": [
            {
                "from_node": before["node_id"],
                "to_node": after["node_id"],
                "output_port": "default",
                "input_port": "default",
            }
            for before, after in itertools.pairwise(entries)
        ],
        "metadata": {
            "exported_at": time.time(),
            "node_count": str(len(entries)),
            "remote_node_count": str(sum(entry["is_remote"] for entry in entries)),
            "has_streaming_nodes": str(any(entry["is_streaming"] for entry in entries)),
            "pipeline_type": "linear",
        },
        "dependencies": sorted({"remotemedia", *itertools.chain(*map(_dependencies_of, nodes))}),
    }


def node_of(entry: Mapping[str, Any], index: int) -> Any:
    """A new node from its part of a definition.

    Args:
        entry: the part, with ``class_name`` and ``module``, or a ``node_type`` that is known.
        index: its position, for errors.

    Raises:
        PipelineError: the class cannot be imported, or refuses its settings.
    """
    node_id = entry.get("node_id") or entry.get("id") or f"nodes[{index}]"
    kind = _class_of(entry, node_id)
    settings = dict(entry.get("config") or entry.get("params") or {})
    try:
        node = kind(**settings)
    except Exception as error:
        raise PipelineError(
            f'Node "{node_id}" cannot be made: {kind.__name__}({", ".join(settings)}) failed with '
            f"{type(error).__name__}: {error}"
        ) from error
    for field in ("name", "executor", *SETTING_NAMES):
        if entry.get(field) is not None:
            setattr(node, field, entry[field])
    if entry.get("is_streaming") and not getattr(node, "is_streaming", False):
        node.is_streaming = True
    return node


def config_of(item: Any) -> Any:
    """Name, class and settings of a node; a manifest entry is its own description."""
    if is_entry(item):
        return dict(item)
    get_config = getattr(item, "get_config", None)
    if callable(get_config):
        return get_config()
    return {"name": name_of(item), "class": type(item).__name__, "config": {}}


def _describe(node: Any, index: int) -> dict[str, Any]:
    entry = entry_of(node, index)
    remote = getattr(node, "remote_config", None)
    described: dict[str, Any] = {
        "node_id": entry["id"],
        "node_type": entry["node_type"],
        "config": entry.get("params") or entry.get("config") or {},
        "is_remote": bool(getattr(node, "is_remote", False)),
        "remote_endpoint": getattr(remote, "host", None),
        "is_streaming": bool(entry.get("is_streaming", False)),
        "is_source": bool(getattr(node, "is_source", False)),
        "is_sink": bool(getattr(node, "is_sink", False)),
        "executor": entry.get("executor"),
        **stated_settings(entry),
    }
    if not is_entry(node):
        kind = class_of(node)
        name = getattr(node, "name", None)
        described |= {"module": kind.__module__, "class_name": kind.__name__, "name": name}
    return described


def _class_of(entry: Mapping[str, Any], node_id: str) -> type:
    name = entry.get("class_name") or entry.get("node_type")
    if not isinstance(name, str):
        raise PipelineError(f'Node "{node_id}" names no class. Give class_name and module, or node_type.')
    module_name = entry.get("module") or "remotemedia.nodes"
    known = registry.find(name)
    if known is not None and ("module" not in entry or known.__module__ == module_name):
        return known
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise PipelineError(
            f'Node "{node_id}": there is no class {name} in the module {module_name} ({error}).'
        ) from error
    return found


def _dependencies_of(node: Any) -> Sequence[str]:
    remote = getattr(node, "remote_config", None)
    return [*getattr(node, "dependencies", ()), *(getattr(remote, "pip_packages", None) or ())]
