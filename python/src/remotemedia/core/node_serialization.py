"""Live nodes as bytes: for another process, and for its answer.

What a run does with a node that is to work in another process, step by step::

    taken = take_state(node)  # before cleanup(), which clears it
    node.cleanup()            # awaited, if it is async
    data = dump_instance(node, taken)
    ...                       # there:
    node = load_instance(data)
    node.initialize()

``serialize_node_for_ipc`` and ``deserialize_node_from_ipc`` are these same steps in one call each.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remotemedia.core import lifecycle
from remotemedia.core.exceptions import ConfigurationError
from remotemedia.core.pickling import payload
from remotemedia.core.pickling.errors import (
    DeserializationError,
    InitializationError,
    SerializationError,
    SerializedSizeError,
)
from remotemedia.core.pickling.importable import make_reachable
from remotemedia.core.pickling.state import (
    TakenState,
    fields_of,
    name_of,
    restore_fields,
    restore_sessions,
    take_state,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "MAX_SERIALIZED_SIZE_BYTES",
    "DeserializationError",
    "InitializationError",
    "SerializationError",
    "SerializedSizeError",
    "TakenState",
    "cleanup_failed",
    "deserialize_node_from_ipc",
    "dump_instance",
    "dump_state",
    "load_instance",
    "load_state",
    "name_of",
    "serialize_node_for_ipc",
    "take_state",
    "validate_node_serializable",
]

_MAX_BYTES_VARIABLE = "REMOTEMEDIA_MAX_SERIALIZED_BYTES"


def _initial_limit() -> int:
    text = os.environ.get(_MAX_BYTES_VARIABLE) or "104857600"
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(
            f"{_MAX_BYTES_VARIABLE} is {text!r} and must be a number of bytes, such as 104857600"
        ) from None


MAX_SERIALIZED_SIZE_BYTES: int = _initial_limit()
"""How large a serialized node may be: a setting, looked at with every call. 100 MB by default.

REMOTEMEDIA_MAX_SERIALIZED_BYTES in the environment is what it begins with.
"""

_SHOWN_PATH_ENTRIES = 6

logger = logging.getLogger("remotemedia.serialization")


def serialize_node_for_ipc(node: Any) -> bytes:
    """Clean a node up and serialize it. Its session state is taken before, and arrives.

    Args:
        node: any object with ``process`` and ``initialize``; it stays usable, as after any ``cleanup()``.

    Returns:
        Bytes for ``deserialize_node_from_ipc``, in this or another process of the same Python.

    Raises:
        SerializationError: something in it cannot cross, its ``cleanup()`` failed, or it is too large.
        RuntimeError: its ``cleanup()`` is async and an event loop is running here; the message says how.
        TypeError: the object is no node.

    Example:
        >>> from remotemedia import Node
        >>> class Gain(Node):
        ...     factor = 2
        ...     def process(self, data):
        ...         return data * self.factor
        >>> node = Gain(name="gain")
        >>> node.factor = 3
        >>> deserialize_node_from_ipc(serialize_node_for_ipc(node)).process(2)
        6
    """
    _require_node(node)
    taken = take_state(node)
    cleanup: Any = getattr(node, "cleanup", None)
    if callable(cleanup):
        try:
            _call_to_end(cleanup, node, "cleanup")
        except _OnLoopError:
            raise
        except Exception as error:
            cleanup_failed(node, taken, error)
        # A Node has noted it itself.
        if lifecycle.is_initialized(node):
            lifecycle.note_cleaned_up(node)
    return dump_instance(node, taken)


def deserialize_node_from_ipc(serialized_bytes: ReadableBuffer) -> Any:
    """Make the node of serialized bytes, and initialize it.

    Args:
        serialized_bytes: what ``serialize_node_for_ipc`` returned. They run code: take them from nobody else.

    Raises:
        DeserializationError: the bytes are not whole, were made by other versions, or need a module that is
            not here.
        InitializationError: ``initialize()`` failed; a ``RuntimeError``.
        RuntimeError: ``initialize()`` is async and an event loop is running here; the message says how.
    """
    node = load_instance(serialized_bytes)
    try:
        _call_to_end(node.initialize, node, "initialize")
    except _OnLoopError:
        raise
    except Exception as error:
        raise InitializationError(
            f"Node '{name_of(node)}' arrived, but its initialize() failed: {type(error).__name__}: {error}"
        ) from error
    if not lifecycle.is_initialized(node):
        lifecycle.note_initialized(node)
    return node


def validate_node_serializable(node: Any) -> bool:
    """Whether a node could be serialized as it is now, without ``cleanup()``; a warning is logged if not.

    Nothing of the node is changed. An initialized node is not ready.
    """
    _require_node(node)
    taken = take_state(node)
    if taken.is_initialized:
        logger.warning("Node '%s' is initialized: cleanup() comes before serialization", name_of(node))
        return False
    try:
        dump_instance(node, taken)
    except SerializationError as error:
        logger.warning("%s", error)
        return False
    return True


def cleanup_failed(node: Any, taken: TakenState, error: Exception) -> None:
    """Judge a failed ``cleanup()``: of a node that was never initialized it may fail, and is only logged.

    Raises:
        SerializationError: the node was initialized.
    """
    words = f"{type(error).__name__}: {error}"
    if not taken.is_initialized:
        logger.debug("cleanup() of Node '%s', which was not initialized, failed: %s", name_of(node), words)
        return
    raise SerializationError(
        name_of(node),
        f"its cleanup() failed: {words}",
        "Make cleanup() let go of everything that initialize() took, without an error.",
    ) from error


def dump_instance(node: Any, taken: TakenState | None = None) -> bytes:
    """Serialize a node as it is, after its ``cleanup()``.

    Args:
        node: the node.
        taken: what ``take_state`` gave before ``cleanup()``; by default it is taken now.

    Returns:
        Bytes for ``load_instance``.

    Raises:
        SerializationError: something in it cannot cross, or it is too large.
    """
    if taken is not None and taken.is_initialized:
        logger.warning("Node '%s' was initialized: it was cleaned up, and goes as it is then", name_of(node))
    return _dumped(node, taken or take_state(node))


def load_instance(data: ReadableBuffer) -> Any:
    """Make the node of serialized bytes. It is not initialized.

    Args:
        data: what ``dump_instance`` or ``serialize_node_for_ipc`` returned. They run code: take them from
            nobody else.

    Raises:
        DeserializationError: the bytes are not whole, were made by other versions, or need a module that is
            not here.
    """
    node, sessions = _loaded(data, None)
    restore_sessions(node, sessions)
    return node


def dump_state(node: Any, taken: TakenState | None = None) -> bytes:
    """Serialize what is in a node, for ``load_state`` of the node that it was made from.

    Args:
        node: the node, after its ``cleanup()``.
        taken: what ``take_state`` gave before ``cleanup()``; by default it is taken now.

    Raises:
        SerializationError: something in it cannot cross, it is too large, or a ``__reduce__`` of its own
            hides its fields.
    """
    return _dumped(node, taken or take_state(node), lambda: fields_of(node))


def load_state(node: Any, data: ReadableBuffer) -> None:
    """Take over what ``dump_state`` gave of another process's copy of this node.

    Where the state refers to the node, it is this one. What a ``__getstate__`` leaves out stays.

    Raises:
        DeserializationError: the bytes are not whole, were made by other versions, or need a module that is
            not here.
    """
    state, sessions = _loaded(data, node)
    restore_fields(node, state)
    restore_sessions(node, sessions)


def _dumped(node: Any, taken: TakenState, fields: Callable[[], Any] | None = None) -> bytes:
    """The bytes of the node, or of its fields alone."""
    content = (node, taken.sessions)
    module = node.__class__.__module__
    make_reachable(module)
    kind = f"{module}.{node.__class__.__qualname__}"
    name = name_of(node)
    limit = MAX_SERIALIZED_SIZE_BYTES
    try:
        if fields is None:
            data = payload.write(content, kind, name, limit, lambda: _glance(node, name))
        else:
            data = payload.write((fields(), taken.sessions), kind, name, limit, itself=node)
    except SerializationError:
        raise
    except Exception as error:
        # Its import takes time, and only bad news needs it.
        from remotemedia.core.pickling import diagnosis

        if isinstance(error, payload.TooLargeError):
            raise diagnosis.too_large(content, name, limit) from None
        raise diagnosis.refusal(content, name, error) from error
    logger.debug("serialized Node '%s': %d bytes", name, len(data))
    return data


def _glance(node: Any, name: str) -> None:
    from remotemedia.core.pickling import diagnosis

    diagnosis.raise_if_seen(node, name)


def _loaded(data: ReadableBuffer, itself: Any | None) -> tuple[Any, Any]:
    pickled = payload.read(data)
    try:
        return payload.unpickle(pickled, itself)
    except Exception as error:
        raise _unpickling_failed(error, *payload.names_of(data)) from error


def _unpickling_failed(error: Exception, class_name: str, node_name: str) -> DeserializationError:
    if isinstance(error, ModuleNotFoundError):
        shown = [entry or "." for entry in sys.path[:_SHOWN_PATH_ENTRIES]]
        rest = ", …" if len(sys.path) > _SHOWN_PATH_ENTRIES else ""
        return DeserializationError(
            node_name,
            f"its class {class_name} needs the module {error.name!r}, which cannot be imported here "
            f"(searched: {', '.join(shown)}{rest})",
            "Install the module for this Python, or put its folder on the path (PYTHONPATH); a module made "
            "at run time crosses after cloudpickle.register_pickle_by_value(module).",
        )
    if isinstance(error, (ImportError, AttributeError)):
        return DeserializationError(
            node_name,
            f"its class {class_name} needs what is not here: {error}",
            "Have the same version of that module on both sides.",
        )
    return DeserializationError(
        node_name,
        f"unpickling its class {class_name} failed: {type(error).__name__}: {error}",
        "See __setstate__() and __init__() of the class that the error names.",
    )


def _require_node(node: Any) -> None:
    if callable(getattr(node, "process", None)) and callable(getattr(node, "initialize", None)):
        if not isinstance(node, type):
            return
        raise TypeError(f"{node.__qualname__} is a class, and a node is an object made of one")
    missing = [method for method in ("process", "initialize") if not callable(getattr(node, method, None))]
    lacks = " and no ".join(missing)
    raise TypeError(f"a node has process() and initialize(); this {type(node).__name__} has no {lacks}")


class _OnLoopError(RuntimeError):
    """Something async was to run while a loop is running."""


def _call_to_end(method: Callable[[], Any], node: Any, name: str) -> None:
    """Call a method; where it is async, run it to its end on a loop of its own.

    Raises:
        _OnLoopError: it is async, and this is called on a running loop, which it would block.
    """
    result = method()
    if result is None or not inspect.isawaitable(result):
        return
    if not _is_on_loop():
        asyncio.run(_awaited(result))
        return
    if inspect.iscoroutine(result):
        result.close()
    step = "take_state(node), await node.cleanup(), dump_instance(node, taken)"
    if name == "initialize":
        step = "node = load_instance(data), await node.initialize()"
    raise _OnLoopError(
        f"{name}() of Node '{name_of(node)}' is async, and an event loop is running here. Do it in steps: "
        f"{step} (all from remotemedia.core.node_serialization)."
    )


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _awaited(awaitable: Any) -> None:
    await awaitable
