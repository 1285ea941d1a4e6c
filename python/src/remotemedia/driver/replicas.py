"""Nodes with copies in processes of their own: one stage in this program gives items to them, in order."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from remotemedia.core.exceptions import ConfigurationError, InvalidNodeError, SessionEndedError
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.session_id import SESSION_ID
from remotemedia.core.settings import NodeSettings, read_settings, write_settings
from remotemedia.core.stuck import RunWatch, StuckReport
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.live_session import LiveSession
from remotemedia.driver.remote_replica import RemoteReplica, Said, Ticket

AHEAD: Final = 8
"""Calls at once for each item that a copy works on: so far may the others get ahead of a slow item."""


def with_replicas(entries: Sequence[Entry], base_dir: str) -> list[Entry]:
    """The same entries, with one stage in this program in the place of each node that has copies.

    Raises:
        ConfigurationError: a number of copies that does not exist, or a node that cannot have any.
        InvalidNodeError: an object with copies is at two places.
    """
    replaced: list[Entry] = []
    for entry in entries:
        settings = _settings_of(entry)
        if settings.replicas == 1:
            replaced.append(entry)
            continue
        _check(entry, settings, entries)
        stage = ReplicaSet(entry, settings, base_dir)
        replaced.append(Entry(entry.id, "driver", stage, entry.node_type, settings=stage.settings))
    return replaced


def check_no_state(definition: Definition) -> None:
    """Refuse to bring states home from nodes with copies.

    Raises:
        ConfigurationError: there is such a node.
    """
    for entry in definition.entries:
        if isinstance(entry.node, ReplicaSet):
            raise ConfigurationError(
                f'Node "{entry.id}": replicas leave no single state that could come home. '
                "Leave return_state out."
            )


def _settings_of(entry: Entry) -> NodeSettings:
    """What is stated for a node, also for one that the engine makes."""
    return entry.settings if entry.stated is None else read_settings(entry.stated, entry.id)


def _check(entry: Entry, settings: NodeSettings, entries: Sequence[Entry]) -> None:
    node = entry.node
    start = f'Node "{entry.id}": replicas = {settings.replicas} is for nodes'
    if getattr(node, "is_source", False) is True or getattr(node, "is_streaming", False) is True:
        kind = "source" if getattr(node, "is_source", False) is True else "streaming"
        raise ConfigurationError(
            f"{start} that take one item at a time, and this is a {kind} node. Leave it out."
        )
    if settings.restart is not None:
        raise ConfigurationError(
            f"{start} whose hosts are not started again, and this one has a restart policy. Leave restart "
            'out; with the failure_policy "skip" the other replicas go on where one dies.'
        )
    if settings.fan_in is not None:
        raise ConfigurationError(
            f"{start} that take each item by itself, and this one brings its inputs together "
            f"({settings.fan_in.policy}). Leave fan_in out, and bring them together in a node before it."
        )
    is_alone = entry.placement == "process"
    if entry.placement == "engine":
        is_alone = entry.executor in ("worker", "process", "multiprocess")
    if not is_alone:
        raise ConfigurationError(
            f"{start} in hosts of their own, and this one runs with others. "
            'Give it the executor "multiprocess" ("worker" or "process" where it is written in TypeScript).'
        )
    if node is not None and sum(other.node is node for other in entries) > 1:
        raise InvalidNodeError(
            f'Node "{entry.id}" has replicas, so it can only be at one place. '
            "Make an instance for each place."
        )


class ReplicaSet:
    """Stands in a pipeline for a node with copies.

    To its segment it is an async node that works on many items at once: that gives the outputs in order,
    counts items and applies what is to happen with failures. Each call takes the copy that has the fewest.

    Attributes:
        settings: those of the node, but for how many items are between input and output.
        stands_for_copies: its calls are not watched: the copies are.
        watch: how the copies are watched, if they are.
    """

    stands_for_copies = True

    def __init__(self, entry: Entry, settings: NodeSettings, base_dir: str) -> None:
        """Stand for the node of ``entry``, which states ``settings``; ``initialize`` makes the copies."""
        self._entry = entry
        self._count = settings.replicas
        self._base_dir = base_dir
        self._concurrency = self._per_replica = settings.concurrency
        concurrency = self._count * self._concurrency * AHEAD
        self.settings = dataclasses.replace(settings, concurrency=concurrency, replicas=1)
        self._replicas: list[RemoteReplica] = []
        # Items for which no copy is free, in their order.
        self._waiting: dict[Ticket, None] = {}
        self._has_flushed = False
        self.watch: RunWatch | None = None

    async def initialize(self) -> None:
        """Make all copies at once; where one cannot be made none is left."""
        # One waits at each copy, so that that need not; in a session another may be free long before.
        if SESSION_ID.get() is None:
            self._per_replica = self._concurrency + 1
        entry = await self._departed()
        opening = [asyncio.ensure_future(self._open(entry, index)) for index in range(self._count)]
        try:
            await asyncio.gather(*opening)
        except BaseException:
            for task in opening:
                task.cancel()
            await asyncio.gather(*opening, return_exceptions=True)
            await self._cancel_all()
            raise

    async def _departed(self) -> Entry:
        """The node, serialized once for all copies."""
        entry = self._entry
        if entry.placement != "process":
            return entry
        from remotemedia.driver.away import send_away
        from remotemedia.driver.prepare import in_thread

        away = await send_away(Definition(entry.id, [entry]), (), False, in_thread)
        return dataclasses.replace(entry, payload=away.payloads[entry.id])

    async def _open(self, entry: Entry, index: int) -> None:
        # All else that is stated is for this stage.
        own = NodeSettings(self._concurrency, self.settings.unordered)
        stated = None if entry.stated is None else write_settings(own)
        place = dataclasses.replace(
            entry, id=f"{entry.id}#{index}", settings=own, stated=stated, is_replica=True
        )
        definition = Definition(entry.id, [place], base_dir=self._base_dir)
        # Always more than it has at once, what it drops included.
        session = LiveSession(Pipeline(name=entry.id), 4 * self._per_replica, SESSION_ID.get())
        await session.open_definition(definition, self._watch_of(index))
        self._replicas.append(RemoteReplica(session, self._give_out))

    def _watch_of(self, replica: int) -> RunWatch | None:
        """What is reported of a copy is about this node; this program is watched by the run itself."""
        watch, node_id = self.watch, self._entry.id
        if watch is None:
            return None

        def report(found: StuckReport) -> None:
            if found.host != "driver":
                about = None if found.node_id is None else node_id
                watch.report(dataclasses.replace(found, node_id=about, replica=replica))

        return dataclasses.replace(watch, report=report)

    async def process(self, item: Any, ctx: Any) -> AsyncGenerator[Any]:
        """Give what a copy gives for an item, as it comes."""
        ticket = Ticket(item, ctx.timestamp_us)
        ticket.on_abandoned = lambda: self._waiting.pop(ticket, None)
        self._waiting[ticket] = None
        self._give_out()
        try:
            await ticket.assigned
            async for output in ticket:
                if type(output) is Said:
                    output.repeat(ctx)
                else:
                    yield output
        finally:
            ticket.abandon()

    def _give_out(self) -> None:
        alive = [replica for replica in self._replicas if not replica.is_over]
        for ticket in list(self._waiting):
            if not alive:
                del self._waiting[ticket]
                ticket.refuse(self._none_left())
                continue
            free = min(alive, key=_load)
            if free.load >= self._per_replica:
                return
            del self._waiting[ticket]
            free.take(ticket)

    def _none_left(self) -> BaseException:
        failures = [replica.failure for replica in self._replicas if replica.failure is not None]
        return failures[0] if failures else SessionEndedError(f'Node "{self._entry.id}" has no replica.')

    async def flush(self) -> AsyncGenerator[Any]:
        """Let each copy flush, and give what they give in their order."""
        self._has_flushed = True
        for replica in self._replicas:
            replica.end()
        for replica in self._replicas:
            async for output in replica.flushed:
                yield output

    async def cleanup(self) -> None:
        """Wait until all copies are cleaned up.

        Raises:
            BaseException: what one of them has failed with, and nobody has been told of.
        """
        if not self._has_flushed:
            await self._cancel_all()
        replicas, self._replicas = self._replicas, []
        self._has_flushed = False
        for replica in replicas:
            await replica.ended
        for replica in replicas:
            if replica.failure is not None and not replica.is_told:
                raise replica.failure

    async def _cancel_all(self) -> None:
        await asyncio.gather(*(replica.cancel() for replica in self._replicas))


def _load(replica: RemoteReplica) -> int:
    return replica.load
