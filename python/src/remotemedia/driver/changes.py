"""Changing a live session: inserting, removing and replacing nodes between two items."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from remotemedia.core.exceptions import GraphError, InvalidArgumentError, NodeBusyError, SessionEndedError
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.detect import detect
from remotemedia.driver.failures import error_to_raise
from remotemedia.driver.generations import Generations
from remotemedia.driver.graph_changes import with_inserted, with_removed, with_replaced
from remotemedia.driver.local import is_source
from remotemedia.driver.prepare import define
from remotemedia.driver.stream import StreamedRun
from remotemedia.driver.written_input import WrittenInput

_Edit = Callable[[Definition], Definition]


class ChangeableSession:
    """What a live session has to be changed with."""

    _name: str
    _input: WrittenInput
    _run: StreamedRun

    async def insert(
        self, node: Any, *, before: str | None = None, after: str | None = None, id: str | None = None
    ) -> str:
        """Insert a node next to one that is there.

        What was written before goes through the pipeline as it was, what is written once this has returned
        through the changed one.

        Args:
            node: a live node, what ``per_session`` gives, or a manifest entry.
            before: the id of the node before which it goes: it takes all that this one took.
            after: or of that behind which it goes: it is given all that this one gives.
            id: its own; by default ``{name}_{number}``, with a number that no other node has.

        Returns:
            Its id.

        Raises:
            InvalidArgumentError: there is no such place, or the id is taken.
            GraphError: the changed graph cannot run.
            NodeBusyError: a streaming node would have to go on, or one with another number of inputs that it
                brings together, or one that may be started again with its host.
            SessionEndedError: the session has ended, or ends before that.
            BaseException: what ``initialize`` of the node has raised. Nothing has changed then.
        """
        if (before is None) == (after is None):
            raise InvalidArgumentError(
                f"insert takes either before= or after=, with the id of a node; got {before=} and {after=}."
            )
        added = await _entry_of(node)

        def edit(definition: Definition) -> Definition:
            added.id = _free_id(added.id, definition) if id is None else id
            return with_inserted(definition, added, before or after or "", after is None)

        await self._change(edit)
        return added.id

    async def remove(self, id: str) -> None:
        """Remove a node: what was before it gives to what was behind it.

        Once all that was written before is through, it flushes and is cleaned up. Everything else is as for
        ``insert``.

        Raises:
            EmptyPipelineError: it is the only one.
        """
        await self._change(lambda definition: with_removed(definition, id))

    async def replace(self, id: str, node: Any) -> None:
        """Put another node in the place of one, whose id it gets; else as ``remove`` and ``insert``."""
        added = await _entry_of(node)
        added.id = id
        await self._change(lambda definition: with_replaced(definition, added))

    @abstractmethod
    def _refusal(self) -> SessionEndedError: ...

    async def _change(self, edit: _Edit) -> None:
        """Make a change once those before it are made; it is made also where the caller waits no longer."""
        made = asyncio.get_running_loop().create_task(self._change_in_turn(edit))
        # Nobody may be left to see it.
        made.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(made)

    async def _change_in_turn(self, edit: _Edit) -> None:
        async with self._input.changing:
            work = self._run.work
            if self._input.is_ended or self._run.running.is_over or not isinstance(work, Generations):
                raise self._refusal()
            definition = edit(work.definition)
            _check_roles(work.definition, definition)
            failures = await work.change(definition)
            if failures is None:
                self._run.definition = definition
                return
            failure = error_to_raise(failures)
            if failure is None or self._input.is_ended:
                raise self._refusal()
            raise failure


async def _entry_of(node: Any) -> Entry:
    """The entry of a node to be added.

    Raises:
        InvalidNodeError: it is no node.
        ManifestError: it is a manifest entry that cannot be.
    """
    detected = detect([node])
    definition = detected.definition or await define(detected, True)
    (entry,) = definition.entries
    return entry


def _check_roles(before: Definition, after: Definition) -> None:
    """Check that no node loses what it has, and that the input leads somewhere.

    Raises:
        NodeBusyError: one would.
        GraphError: it would not.
    """
    places = {_thing(entry): entry.id for entry in before.entries}
    for entry in after.entries:
        id_before = places.get(_thing(entry))
        if id_before is None:
            continue
        why = _why_not(entry, id_before, _inputs_of(before, id_before), _inputs_of(after, entry.id))
        if why is not None:
            raise NodeBusyError(
                f'The session cannot be changed like that while it goes on. Node "{entry.id}" {why}'
            )
    if _takes_input(before) and not _takes_input(after):
        raise GraphError(
            "The session cannot be changed like that while it goes on: only source nodes would be left at "
            "its beginning, and nothing would take what is written."
        )


def _thing(entry: Entry) -> int:
    """What stands for a node: the object or, where the engine makes it, its entry."""
    return id(entry if entry.node is None else entry.node)


def _why_not(entry: Entry, id_before: str, inputs_before: int, inputs_after: int) -> str | None:
    """Why a node cannot go on in a changed pipeline."""
    fan_in = entry.settings.fan_in
    if entry.settings.restart is not None or (entry.stated or {}).get("restart") is not None:
        return (
            "may be started again with its host, which keeps what is in it for one run. Leave restart out, "
            "or open another session."
        )
    if getattr(entry.node, "is_streaming", False) is True:
        return (
            "is a streaming node: it would see the end of its input, and lose what it keeps. Open another "
            "session, or make the node one that processes item by item."
        )
    if is_source(entry) and entry.id != id_before:
        return f'is a source node, which gives items at "{id_before}". Give the place a source of its own.'
    if fan_in is not None and inputs_before != inputs_after:
        return (
            f"brings its inputs together ({fan_in.policy}), and would have {inputs_after} of them instead of "
            f"{inputs_before}: what waits there for others would be lost. Replace the node as well, or put "
            "the change elsewhere."
        )
    return None


def _inputs_of(definition: Definition, node_id: str) -> int:
    return max(1, len({origin for origin, target in definition.stated_edges if target == node_id}))


def _takes_input(definition: Definition) -> bool:
    """Whether a node takes the input; of one that the engine makes it says itself whether it is a source."""
    fed = {target for _, target in definition.stated_edges}
    return any(not is_source(entry) for entry in definition.entries if entry.id not in fed)


def _free_id(first: str, definition: Definition) -> str:
    name = first.removesuffix("_0")
    ids = {entry.id for entry in definition.entries}
    number = len(ids)
    while f"{name}_{number}" in ids:
        number += 1
    return f"{name}_{number}"
