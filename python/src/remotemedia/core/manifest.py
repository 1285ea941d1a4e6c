"""Writing nodes and pipelines as manifests (version v1)."""

from __future__ import annotations

import inspect
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from remotemedia.core.exceptions import ManifestError
from remotemedia.core.settings import described_settings
from remotemedia.core.validation import class_of, is_entry, name_of

_BASE_PARAMETERS = frozenset({"self", "name", "enable_state", "state_ttl", "max_sessions", "executor"})
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def entry_of(item: Any, index: int, include_capabilities: bool = True) -> dict[str, Any]:
    """The manifest entry of one item of a list of nodes.

    Args:
        item: a node, or a manifest entry already, which may hold an instance.
        index: its position, which ids that are made end with.
        include_capabilities: whether to state what the node asks of the machine.

    Returns:
        An entry with an ``id``.
    """
    if is_entry(item):
        entry = dict(item)
        if "instance" in entry:
            instance = entry.pop("instance")
            entry = {**entry_of(instance, index, include_capabilities), **entry}
        entry["id"] = entry.get("id") or f"{_class_named(str(entry.get('node_type', 'node')))}_{index}"
        return entry
    write = getattr(item, "to_manifest", None)
    entry = write(include_capabilities) if callable(write) else entry_of_node(item, params_of(item, {}), None)
    return {**cast("dict[str, Any]", entry), "id": f"{name_of(item)}_{index}"}


def entry_of_node(
    node: Any, params: Mapping[str, Any], capabilities: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The manifest entry of a node, with its name as the ``id``."""
    entry: dict[str, Any] = {"id": name_of(node), "node_type": type(node).__name__, "params": dict(params)}
    if getattr(node, "is_streaming", False):
        entry["is_streaming"] = True
    executor = getattr(node, "executor", None)
    if isinstance(executor, str):
        entry["executor"] = executor
    entry |= described_settings(node)
    if capabilities:
        entry["capabilities"] = dict(capabilities)
    remote = getattr(node, "remote_config", None)
    if getattr(node, "is_remote", False) and remote is not None:
        entry["host"] = f"{remote.host}:{remote.port}"
    return entry


def params_of(node: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a node's constructor has to be given to make it anew.

    These are its settings, and what its constructor takes by name and it keeps under that name, where JSON
    can hold it.
    """
    names, takes_any = _parameters_of(class_of(node))
    params = {key: value for key, value in config.items() if takes_any or key in names}
    fields = _fields_of(node)
    for name in names:
        if name in fields and not list(_problems(fields[name], name, ())):
            params[name] = fields[name]
    if takes_any:
        params.update(_state_params_of(node))
    return params


def manifest_of(
    name: str,
    items: Iterable[Any],
    description: str | None = None,
    include_capabilities: bool = True,
) -> dict[str, Any]:
    """The manifest of a chain of nodes.

    Args:
        name: name of the pipeline.
        items: nodes and manifest entries, in the order of the chain.
        description: what the pipeline does.
        include_capabilities: whether to state what nodes ask of the machine.

    Returns:
        A manifest, of which ``to_json`` makes the text.
    """
    entries = [entry_of(item, index, include_capabilities) for index, item in enumerate(items)]
    metadata = {"name": name, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
    if description:
        metadata["description"] = description
    connections = [{"from": a["id"], "to": b["id"]} for a, b in itertools.pairwise(entries)]
    return {"version": "v1", "metadata": metadata, "nodes": entries, "connections": connections}


def to_json(manifest: Mapping[str, Any]) -> str:
    """The text of a manifest, or of an entry of one.

    Raises:
        ManifestError: something in it is nothing that JSON can hold; the message names all places.
    """
    problems = list(_problems(manifest, "", ()))
    if problems:
        places = "; ".join(f"{path} {text}" for path, text in problems)
        raise ManifestError(f"This cannot be written as a manifest: {places}.", problems[0][0])
    return json.dumps(manifest, indent=2, ensure_ascii=False)


def _parameters_of(kind: type) -> tuple[list[str], bool]:
    """The named parameters of a constructor, with those that it hands on, and whether it takes any others."""
    names: list[str] = []
    for base in kind.__mro__[:-1]:
        init = base.__dict__.get("__init__")
        if init is None:
            continue
        try:
            parameters = inspect.signature(init).parameters.values()
        except ValueError:
            # Some constructors of extension modules have no signature to show.
            return names, False
        names += [
            p.name for p in parameters if p.kind in _NAMED and p.name not in (*_BASE_PARAMETERS, *names)
        ]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names, False
    return names, True


def _state_params_of(node: Any) -> dict[str, Any]:
    """The settings of the base class that differ from what it has by itself."""
    ttl = getattr(node, "state_ttl", None)
    params = {
        "enable_state": None if getattr(node, "enable_state", True) else False,
        "state_ttl": ttl.total_seconds() if isinstance(ttl, timedelta) else ttl,
        "max_sessions": getattr(node, "max_sessions", None),
    }
    return {name: value for name, value in params.items() if value is not None}


def _fields_of(node: Any) -> dict[str, Any]:
    return getattr(node, "__dict__", {})


def _class_named(node_type: str) -> str:
    """The class that a node type names: ``Sentiment`` of ``python:my_nodes.Sentiment``."""
    return re.split(r"[:.#/\\]", node_type)[-1] or node_type


def _problems(value: Any, path: str, within: tuple[int, ...]) -> Iterable[tuple[str, str]]:
    """The places of a value that JSON cannot hold, and what is there."""
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    here = (*within, id(value))
    if id(value) in within:
        yield path, "refers to what it lies in, which no manifest can hold"
    elif isinstance(value, dict):
        for key, inner in cast("dict[Any, Any]", value).items():
            if isinstance(key, str):
                yield from _problems(inner, f"{path}.{key}" if path else key, here)
            else:
                yield path, f"has the key {key!r}, and keys of a manifest are strings"
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(cast("Sequence[Any]", value)):
            yield from _problems(inner, f"{path}[{index}]", here)
    else:
        shown = repr(value) if isinstance(value, float) else f"a {type(value).__name__}"
        yield path, f"is {shown}, which no manifest can hold; run the pipeline as it is instead"
