"""Manifests and lists with manifest entries: the engine reads them, Python's nodes are made here."""

from __future__ import annotations

import copy
import importlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remotemedia.core import registry
from remotemedia.core.exceptions import InvalidPipelineError, ManifestError, RemoteMediaError
from remotemedia.core.queue_settings import QueueLimits, queue_of
from remotemedia.core.setting_checks import Check
from remotemedia.core.settings import settings_of, stated_settings
from remotemedia.driver.definition import Definition, Entry, check_entries, place_of, replicated
from remotemedia.driver.engine import engine
from remotemedia.driver.engine_failures import answer_of
from remotemedia.driver.kept import Kept
from remotemedia.driver.own_python import base_folder
from remotemedia.driver.source import Source
from remotemedia.host import modules

_PYTHON_FILE = re.compile(r"^(?:python:)?(.+\.py)#([\w.]+)$")

_kept: Kept[dict[str, Any]] = Kept()
"""What the engine has said of manifests, by their text, folder and the generation of the registry."""


def kept_answer(source: Source, base_dir: str) -> dict[str, Any] | None:
    """What the engine has said of an equal source before."""
    key = source.key(base_dir)
    kept = None if key is None else _kept.get(key)
    # A node may change the parameters that it is made with.
    return copy.deepcopy(kept)


def ask_engine(source: Source, base_dir: str) -> dict[str, Any]:
    """Have the engine read a source; blocks while it does.

    Raises:
        ManifestError: the manifest is wrong; with the place.
        UnknownNodeTypeError: there is no such node in either language.
    """
    # Before the key is made: it registers types.
    importlib.import_module("remotemedia.nodes")
    kept = kept_answer(source, base_dir)
    if kept is not None:
        return kept
    key = source.key(base_dir)
    types = sorted(registry.registered())
    request = {**source.params, "pythonTypes": types, "baseDir": base_folder(base_dir)}
    defined: dict[str, Any] = answer_of(engine().request("define", request))
    if key is not None:
        _kept.put(key, copy.deepcopy(defined))
    return defined


def definition_from(defined: Mapping[str, Any], source: Source) -> Definition:
    """The definition that the engine's answer stands for, with Python's nodes made.

    Raises:
        ManifestError: a node cannot be made; with its place.
    """
    base_dir: str = defined["baseDir"]
    entries: list[Entry] = []
    for index, node in enumerate(defined["nodes"]):
        entries.append(_entry_from(node, f"nodes[{index}]", base_dir, source))
    name = source.name or defined["name"]
    check_entries(entries, name)
    connections: list[Mapping[str, Any]] = defined["connections"]
    edges = [(connection["from"], connection["to"]) for connection in connections]
    queues: dict[tuple[str, str], QueueLimits] = {}
    for index, connection in enumerate(connections):
        limits = queue_of(connection.get("queue"), Check(""), f"connections[{index}].queue")
        if limits is not None:
            queues[edges[index]] = limits
    nodes = replicated(entries, base_dir)
    return Definition(name, nodes, edges or None, source.is_manifest, base_dir, queues)


def _entry_from(node: Mapping[str, Any], place: str, base_dir: str, source: Source) -> Entry:
    node_id: str = node["id"]
    executor: str | None = node.get("executor")
    node_type: str = node.get("node_type", "")
    if node["language"] != "python":
        params = dict(node.get("params") or {})
        return Entry(node_id, "engine", None, node_type, params, executor, stated=stated_settings(node))
    given = node.get("instance")
    made = source.instances[given] if given is not None else _make(node, place, base_dir)
    for name, value in stated_settings(node).items():
        setattr(made, name, value)
    if node.get("is_streaming") and given is None:
        made.is_streaming = True
    placement = place_of(made, executor, node_id)
    return Entry(node_id, placement, made, node_type, {}, executor, settings_of(made, node_id))


def _make(node: Mapping[str, Any], place: str, base_dir: str) -> Any:
    node_type: str = node["node_type"]
    try:
        node_class = _class_of(node_type, base_dir)
        made = node_class(**(node.get("params") or {}))
    except RemoteMediaError as error:
        message = f"{place}: {node_type} could not be made: {error}"
        raise _manifest_error(message, place, error.code) from error
    except Exception as error:
        message = f"{place}.params: {node_type} could not be made: {type(error).__name__}: {error}"
        raise _manifest_error(message, f"{place}.params", "RM_MODULE") from error
    # What a manifest names needs no more than process(), as wherever nodes are made for the user.
    if not callable(getattr(made, "process", None)):
        kind = type(made).__name__
        raise ManifestError(f"{place}.node_type: {node_type} is no node: {kind} has no process().", place)
    return made


def _manifest_error(message: str, place: str, code: str) -> ManifestError:
    error = ManifestError(message, place)
    error.code = code
    return error


def _class_of(node_type: str, base_dir: str) -> Any:
    file = _PYTHON_FILE.match(node_type)
    if file is not None:
        path = Path(base_dir or ".") / file[1]
        return modules.find(modules.load(file=str(path)), file[2], f"file {file[1]!r}")
    if node_type.startswith("python:"):
        name, _, attribute = node_type.removeprefix("python:").rpartition(".")
        module = _load_module(name or attribute, base_dir)
        return modules.find(module, attribute if name else None, f"module {name or attribute!r}")
    known = registry.find(node_type)
    if known is None:
        raise InvalidPipelineError(f"the node type {node_type!r} has been unregistered meanwhile")
    return known


def _load_module(name: str, base_dir: str) -> Any:
    """Import a module, also from the manifest's folder, which comes first as for a script in it."""
    folder = os.path.realpath(base_dir or ".")
    if folder in map(os.path.realpath, sys.path):
        return modules.load(module=name)
    sys.path.insert(0, folder)
    try:
        return modules.load(module=name)
    finally:
        sys.path.remove(folder)
