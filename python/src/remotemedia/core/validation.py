"""Whether what was given as nodes is that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard, cast

from remotemedia.core.exceptions import InvalidNodeError, InvalidPipelineError
from remotemedia.core.node import Node
from remotemedia.core.per_session import PerSession


def is_entry(item: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether an item of a list is a manifest entry: a mapping with ``node_type`` or ``instance``."""
    if isinstance(item, Node):
        # Most are, and to ask an abstract class takes longer than all the rest.
        return False
    is_mapping = isinstance(item, Mapping) and ("node_type" in item or "instance" in item)
    return is_mapping and node_problem(cast("object", item)) is not None


def node_problem(item: object) -> str | None:
    """What keeps an object from being a node, or None where nothing does.

    Example:
        >>> node_problem(3)
        'int'
    """
    if isinstance(item, PerSession):
        return None
    if isinstance(item, type):
        return f"class {item.__name__}, not an instance of it"
    if getattr(item, "is_pipeline", False) is True:
        return f"a {type(item).__name__}, which is no node (add its nodes instead: *pipeline)"
    process = getattr(item, "process", None)
    has_process = callable(process) and getattr(process, "__func__", None) is not Node.process
    has_initialize = callable(getattr(item, "initialize", None))
    if not has_process or not has_initialize:
        kind = type(item).__name__
        if not has_process and not has_initialize:
            return kind
        return f"{kind} without {'initialize' if has_process else 'process'}()"
    cleanup = getattr(item, "cleanup", None)
    if cleanup is not None and not callable(cleanup):
        return f"{type(item).__name__} whose cleanup is no method"
    return None


def items_of(nodes: Any) -> list[Any]:
    """The items of what was given as the nodes of a pipeline.

    Args:
        nodes: nodes, and manifest entries such as ``{"node_type": "PassThrough"}``.

    Raises:
        InvalidPipelineError: this is no list of nodes.
        InvalidNodeError: an item of it is neither a node nor a manifest entry.
    """
    if node_problem(nodes) is None:
        raise InvalidPipelineError(
            f"A pipeline is a list of nodes, but this is one {type(nodes).__name__}. "
            "Put it into a list: [node]."
        )
    if isinstance(nodes, (Mapping, bytes)) or not isinstance(nodes, Iterable):
        raise InvalidPipelineError(
            f"nodes must be a list of nodes, got {type(cast('object', nodes)).__name__}."
            " A manifest is run as it is, with execute_pipeline(manifest);"
            " load_pipeline(manifest) makes a Pipeline of it."
        )
    if getattr(cast("object", nodes), "is_pipeline", False) is True:
        raise InvalidPipelineError("nodes must be a list of nodes, got a Pipeline. Give list(pipeline).")
    items = list(cast("Iterable[Any]", nodes))
    check_items(items)
    return items


def check_items(items: Iterable[object]) -> bool:
    """Refuse a list of which an item is neither a node nor a manifest entry.

    Args:
        items: nodes, and manifest entries such as ``{"node_type": "PassThrough"}``.

    Returns:
        Whether there are manifest entries among them.

    Raises:
        InvalidNodeError: names the position and the type of each wrong item; it is a TypeError.
    """
    problems: list[str] = []
    has_entries = False
    for position, item in enumerate(items):
        problem = node_problem(item)
        if problem is None:
            continue
        if is_entry(item):
            has_entries = True
        elif isinstance(item, Mapping):
            problems.append(f"item {position} is a dict without node_type")
        else:
            problems.append(f"item {position} is {problem}")
    if problems:
        raise InvalidNodeError(
            'Every item of a pipeline must be a node instance or a manifest entry {"node_type": …}, '
            f"but {', '.join(problems)}."
        )
    return has_entries


def name_of(node: object) -> str:
    """The name that a node was given, else that of its class."""
    name = getattr(node, "name", None)
    return name if isinstance(name, str) and name else type(node).__name__


def called(item: Any) -> Any:
    """What an item of a pipeline is called: the name of a node, the ``id`` of a manifest entry."""
    return item.get("id") if is_entry(item) else name_of(item)


def live_object(item: Any) -> Any:
    """The live object of an item, or None where each run or the engine makes it."""
    if isinstance(item, PerSession):
        return None
    return item.get("instance") if is_entry(item) else item


def class_of(node: object) -> type:
    """The class of a node."""
    return type(node)
