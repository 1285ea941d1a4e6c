"""Changing a live session: inserting, removing and replacing nodes between two items."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from remotemedia.core.exceptions import (
    EmptyPipelineError,
    ExecutorUnavailableError,
    InvalidArgumentError,
    NodeBusyError,
    SessionEndedError,
)
from remotemedia.driver.changeable_run import Change, ChangeableRun
from remotemedia.driver.definition import Definition, Entry, check_entries
from remotemedia.driver.detect import detect
from remotemedia.driver.failures import error_to_raise
from remotemedia.driver.stream import StreamedRun
from remotemedia.driver.written_input import WrittenInput

_Entries = Sequence[Entry]


class ChangeableSession:
    """What a live session has to be changed with."""

    _name: str
    _input: WrittenInput
    _run: StreamedRun

    async def insert(
        self, node: Any, *, before: str | None = None, after: str | None = None, id: str | None = None
    ) -> str:
        """Insert a node next to one that is there.

        What was written before this call goes through the pipeline as it was, what is written later through
        the changed one. This waits until the former is through, so somebody has to read the outputs.

        Args:
            node: a live node, or what ``per_session`` gives.
            before: the id of the node before which it goes.
            after: or of that behind which it goes.
            id: its own; by default ``{name}_{number}``, with a number that no other node has.

        Returns:
            Its id.

        Raises:
            InvalidArgumentError: there is no such place, or the id is taken.
            NodeBusyError: a streaming or source node would have to go on.
            ExecutorUnavailableError: not all nodes are a chain in this program.
            SessionEndedError: the session has ended, or ends before that.
            BaseException: what ``initialize`` of the node has raised; nothing has changed then.
        """
        if (before is None) == (after is None):
            raise InvalidArgumentError(
                f"insert takes either before= or after=, with the id of a node; got {before=} and {after=}."
            )
        added = _entry_of(node)

        def edit(entries: _Entries) -> _Entries:
            index = self._position(entries, before or after or "")
            added.id = _checked_id(id, entries) if id is not None else _free_id(added.id, entries)
            place = index if after is None else index + 1
            return [*entries[:place], added, *entries[place:]]

        await self._change(edit)
        return added.id

    async def remove(self, id: str) -> None:
        """Remove a node: it flushes into what was behind it, and is cleaned up.

        Everything else is as for ``insert``.

        Raises:
            EmptyPipelineError: it is the only one.
        """

        def edit(entries: _Entries) -> _Entries:
            index = self._position(entries, id)
            if len(entries) == 1:
                raise EmptyPipelineError(
                    f'Node "{id}" is the only one of pipeline "{self._name}". End the session, or replace '
                    "the node."
                )
            return [*entries[:index], *entries[index + 1 :]]

        await self._change(edit)

    async def replace(self, id: str, node: Any) -> None:
        """Put another node in the place of one, whose id it gets; else as ``remove`` and ``insert``."""
        added = _entry_of(node)
        added.id = id

        def edit(entries: _Entries) -> _Entries:
            index = self._position(entries, id)
            return [*entries[:index], added, *entries[index + 1 :]]

        await self._change(edit)

    @abstractmethod
    def _refusal(self) -> SessionEndedError: ...

    async def _change(self, edit: Callable[[_Entries], _Entries]) -> None:
        """Make a change once those before it are made; it is made also where the caller waits no longer."""
        made = asyncio.get_running_loop().create_task(self._change_in_turn(edit))
        # Nobody may be left to see it.
        made.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(made)

    async def _change_in_turn(self, edit: Callable[[_Entries], _Entries]) -> None:
        async with self._input.changing:
            if self._input.is_ended or self._run.running.is_over:
                raise self._refusal()
            work = self._run.work
            if not isinstance(work, ChangeableRun) or not work.is_chain:
                raise _not_here(self._run.definition)
            definition = _edited(work.definition, edit)
            change = Change(definition)
            if not work.change(change, self._input):
                raise self._refusal()
            await change.done
            if change.is_made:
                self._run.definition = definition
                return
            failure = error_to_raise(change.failures)
            if failure is None or self._run.running.is_over:
                raise self._refusal()
            raise failure

    def _position(self, entries: _Entries, node_id: str) -> int:
        ids = [entry.id for entry in entries]
        if node_id in ids:
            return ids.index(node_id)
        known = ", ".join(f'"{known}"' for known in ids)
        raise InvalidArgumentError(f'The session has no node "{node_id}". Its nodes are {known}.')


def _entry_of(node: Any) -> Entry:
    """The entry of a node to be added.

    Raises:
        InvalidNodeError: it is no node.
        InvalidArgumentError: it is a manifest entry.
        ExecutorUnavailableError: it runs elsewhere.
    """
    definition = detect([node]).definition
    if definition is None:
        raise InvalidArgumentError(
            "A manifest entry cannot be added to a session that is open. Give a live node."
        )
    (entry,) = definition.entries
    if entry.placement != "driver":
        raise _not_here(definition)
    return entry


def _not_here(definition: Definition) -> ExecutorUnavailableError:
    """Why a session cannot be changed that does not run in this program alone, or is no chain."""
    away = next((entry for entry in definition.entries if entry.placement != "driver"), None)
    why = (
        "its nodes are no chain"
        if away is None
        else f'node "{away.id}" does not run in this program, and would lose its state'
    )
    return ExecutorUnavailableError(
        f"A session can be changed where all nodes are a chain in this program, but {why}. Open another one."
    )


def _edited(definition: Definition, edit: Callable[[_Entries], _Entries]) -> Definition:
    entries = edit(definition.entries)
    check_entries(entries, definition.name)
    before = {id(entry.node) for entry in definition.entries}
    after = {id(entry.node) for entry in entries}
    for entry in (*definition.entries, *entries):
        is_source = getattr(entry.node, "is_source", False) is True
        is_stream = getattr(entry.node, "is_streaming", False) is True
        stays = id(entry.node) in before and id(entry.node) in after
        if is_source or (is_stream and stays):
            why = (
                "a source node, whose items no change could come between"
                if is_source
                else "a streaming node: it would see the end of its input, and lose what it keeps"
            )
            raise NodeBusyError(
                f'The session cannot be changed while it goes on. Node "{entry.id}" is {why}. Open another '
                "session, or make the node one that processes item by item."
            )
    # A queue stays in front of the node that takes.
    taken = {target: limits for (_, target), limits in (definition.queues or {}).items()}
    edges = list(pairwise(entry.id for entry in entries))
    queues = {edge: taken[edge[1]] for edge in edges if edge[1] in taken}
    return replace(definition, entries=entries, edges=edges if queues else None, queues=queues)


def _checked_id(given: str, entries: _Entries) -> str:
    if any(entry.id == given for entry in entries):
        raise InvalidArgumentError(f'The session has a node "{given}" already. Give the new one another id.')
    return given


def _free_id(first: str, entries: _Entries) -> str:
    name = first.removesuffix("_0")
    ids = {entry.id for entry in entries}
    number = len(entries)
    while f"{name}_{number}" in ids:
        number += 1
    return f"{name}_{number}"
