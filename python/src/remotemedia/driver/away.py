"""Instances that run in processes of their own: sending them there, and bringing their state home."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Container, Mapping
from typing import Any

from remotemedia.core import lifecycle
from remotemedia.core.exceptions import InvalidNodeError
from remotemedia.core.holding import runs_on_loop
from remotemedia.core.node_serialization import cleanup_failed, dump_instance, load_state, take_state
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.engine_run import Away
from remotemedia.runner.loop import awaited, run_on

logger = logging.getLogger("remotemedia.driver")


async def send_away(
    definition: Definition,
    stays: Container[str],
    returns_state: bool,
    in_thread: Callable[..., Awaitable[Any]],
) -> Away:
    """Clean up and serialize the nodes that run in processes of their own, but for those that are there.

    Both may take long, and happen in another thread while the caller's loop goes on; an async ``cleanup``,
    and that of a node with ``run_on="caller"``, happens on the loop. No run uses a node meanwhile.

    Raises:
        SerializationError: a node cannot be serialized; with the path of what stands in the way.
        InvalidNodeError: one object is at two places.
        NodeBusyError: a run in this process uses one of them.
    """
    leaving = [entry for entry in definition.entries if entry.placement == "process"]
    _check_distinct(leaving)
    payloads: dict[str, bytes] = {}
    for entry in leaving:
        if entry.id in stays:
            continue
        if entry.payload is not None:
            payloads[entry.id] = entry.payload
            continue
        departure = _Departure(entry)
        try:
            payload: bytes = await in_thread(departure.dump)
        except asyncio.CancelledError:
            departure.give_up()
            raise
        logger.debug("node %s is sent to its process: %d bytes", entry.id, len(payload))
        payloads[entry.id] = payload
    return Away(payloads, returns_state)


def bring_home(definition: Definition, states: Mapping[str, bytes]) -> None:
    """Give the original objects the state that their copies had at the end."""
    for entry in definition.entries:
        if entry.id in states:
            load_state(entry.node, states[entry.id])


class _Departure:
    """One node that is cleaned up and serialized while nobody else has it."""

    def __init__(self, entry: Entry) -> None:
        """Prepare; to be called on the caller's running loop."""
        self._entry = entry
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._is_given_up = threading.Event()

    def give_up(self) -> None:
        """Wait for no other run any longer."""
        self._is_given_up.set()
        lifecycle.record_of(self._entry.node).wake()

    def dump(self) -> bytes:
        """The node as bytes, after its cleanup; in a thread, which lets go of the node whatever happens."""
        node = self._entry.node
        record = lifecycle.record_of(node)
        record.take_alone(self._entry.id, self._is_given_up.is_set)
        try:
            taken = take_state(node)
            try:
                self._context.run(self._clean_up, node)
            except Exception as error:
                cleanup_failed(node, taken, error)
            return dump_instance(node, taken)
        finally:
            record.cleaned()

    def _clean_up(self, node: Any) -> None:
        cleanup = getattr(node, "cleanup", None)
        if not callable(cleanup):
            return
        if runs_on_loop(node, cleanup):
            run_on(self._loop, _called(cleanup))
        else:
            result = cleanup()
            if inspect.isawaitable(result):
                run_on(self._loop, awaited(result))
        # A Node has noted it itself.
        if lifecycle.is_initialized(node):
            lifecycle.note_cleaned_up(node)


async def _called(function: Callable[[], Any]) -> None:
    result = function()
    if inspect.isawaitable(result):
        await result


def _check_distinct(leaving: list[Entry]) -> None:
    seen: dict[int, str] = {}
    for entry in leaving:
        first = seen.setdefault(id(entry.node), entry.id)
        if first is not entry.id:
            raise InvalidNodeError(
                f'Nodes "{first}" and "{entry.id}" are the same {type(entry.node).__name__}, which cannot be '
                "in two processes at once. Make a second instance."
            )
