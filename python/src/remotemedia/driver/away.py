"""Instances that run in processes of their own: sending them there, and bringing their state home."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from remotemedia.core import lifecycle
from remotemedia.core.exceptions import InvalidNodeError
from remotemedia.core.node_serialization import cleanup_failed, dump_instance, load_state, take_state
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.engine_run import Away

logger = logging.getLogger("remotemedia.driver")


async def send_away(
    definition: Definition, returns_state: bool, in_thread: Callable[..., Awaitable[Any]]
) -> Away:
    """Clean up and serialize the nodes that run in processes of their own.

    ``cleanup`` is called on the caller's thread, where whoever initialized the node did so. Serializing may
    take long, and is done in another one.

    Raises:
        SerializationError: a node cannot be serialized; with the path of what stands in the way.
        InvalidNodeError: one object is at two places.
    """
    leaving = [entry for entry in definition.entries if entry.placement == "process"]
    _check_distinct(leaving)
    payloads: dict[str, bytes] = {}
    for entry in leaving:
        taken = take_state(entry.node)
        try:
            await _clean_up(entry.node)
        except Exception as error:
            cleanup_failed(entry.node, taken, error)
        payload: bytes = await in_thread(dump_instance, entry.node, taken)
        logger.debug("node %s is sent to its process: %d bytes", entry.id, len(payload))
        payloads[entry.id] = payload
    return Away(payloads, returns_state)


def bring_home(definition: Definition, states: Mapping[str, bytes]) -> None:
    """Give the original objects the state that their copies had at the end."""
    for entry in definition.entries:
        if entry.id in states:
            load_state(entry.node, states[entry.id])


async def _clean_up(node: Any) -> None:
    cleanup = getattr(node, "cleanup", None)
    if not callable(cleanup):
        return
    result = cleanup()
    if inspect.isawaitable(result):
        await result
    # A Node has noted it itself.
    if lifecycle.is_initialized(node):
        lifecycle.note_cleaned_up(node)


def _check_distinct(leaving: list[Entry]) -> None:
    seen: dict[int, str] = {}
    for entry in leaving:
        first = seen.setdefault(id(entry.node), entry.id)
        if first is not entry.id:
            raise InvalidNodeError(
                f'Nodes "{first}" and "{entry.id}" are the same {type(entry.node).__name__}, which cannot be '
                "in two processes at once. Make a second instance."
            )
