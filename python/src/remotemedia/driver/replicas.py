"""Nodes with copies in processes of their own: one stage in this program gives items to them, in order."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from remotemedia.core.exceptions import ConfigurationError, InvalidNodeError, SessionEndedError
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.session_id import SESSION_ID
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.live_session import LiveSession
from remotemedia.runner.loop import set_done
from remotemedia.runner.replica import NO_TICKET
from remotemedia.runner.tags import next_stamp
from remotemedia.wire.failures import exception_of

AHEAD: Final = 8
"""Calls at once for each item that a copy works on: so far may the others get ahead of a slow item."""

_LIMIT: Final = 16
"""Outputs of one item that wait until it is their turn, before their node has to."""

_OF_STAGE: Final = ("unordered", "failure_policy", "input_queue")
"""Settings of the node that are for the stage which has the copies."""


def with_replicas(entries: Sequence[Entry], base_dir: str) -> list[Entry]:
    """The same entries, with one stage in this program in the place of each node that has copies.

    Raises:
        ConfigurationError: a number of copies that does not exist, or a node that cannot have any.
        InvalidNodeError: an object with copies is at two places.
    """
    replaced: list[Entry] = []
    for entry in entries:
        count = _count_of(entry)
        if count == 1:
            replaced.append(entry)
            continue
        _check(entry, count, entries)
        stage = ReplicaSet(entry, count, base_dir)
        replaced.append(Entry(entry.id, "driver", stage, entry.node_type, concurrency=stage.concurrency))
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


def _count_of(entry: Entry) -> int:
    value: Any = entry.replicas if entry.node is None else getattr(entry.node, "replicas", None)
    if value is None:
        return 1
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ConfigurationError(
        f'Node "{entry.id}": replicas must be a whole number of at least 1, got {value!r}.'
    )


def _check(entry: Entry, count: int, entries: Sequence[Entry]) -> None:
    node = entry.node
    start = f'Node "{entry.id}": replicas = {count} is for nodes'
    if getattr(node, "is_source", False) is True or getattr(node, "is_streaming", False) is True:
        kind = "source" if getattr(node, "is_source", False) is True else "streaming"
        raise ConfigurationError(
            f"{start} that take one item at a time, and this is a {kind} node. Leave it out."
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
        concurrency: how many items are between input and output.
    """

    def __init__(self, entry: Entry, count: int, base_dir: str) -> None:
        """Stand for the node of ``entry``; ``initialize`` makes the copies."""
        self._entry = entry
        self._count = count
        self._base_dir = base_dir
        self._per_replica = entry.concurrency
        self.concurrency = count * entry.concurrency * AHEAD
        for name in _OF_STAGE:
            if hasattr(entry.node, name):
                setattr(self, name, getattr(entry.node, name))
        self._replicas: list[_Replica] = []
        # Items for which no copy is free, in their order.
        self._waiting: dict[_Ticket, None] = {}
        self._has_flushed = False

    async def initialize(self) -> None:
        """Make all copies at once; where one cannot be made none is left."""
        # One waits at each copy, so that that need not; in a session another may be free long before.
        if SESSION_ID.get() is None:
            self._per_replica = self._entry.concurrency + 1
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

        away = await send_away(Definition(entry.id, [entry]), False, in_thread)
        return dataclasses.replace(entry, payload=away.payloads[entry.id])

    async def _open(self, entry: Entry, index: int) -> None:
        place = dataclasses.replace(entry, id=f"{entry.id}#{index}", is_replica=True)
        definition = Definition(entry.id, [place], base_dir=self._base_dir)
        # Always more than it has at once, what it drops included.
        session = LiveSession(Pipeline(name=entry.id), 4 * self._per_replica, SESSION_ID.get())
        await session.open_definition(definition)
        self._replicas.append(_Replica(session, self._give_out))

    async def process(self, item: Any, ctx: Any) -> AsyncGenerator[Any]:
        """Give what a copy gives for an item, as it comes."""
        ticket = _Ticket(item)
        ticket.on_abandoned = lambda: self._waiting.pop(ticket, None)
        self._waiting[ticket] = None
        self._give_out()
        try:
            await ticket.assigned
            async for output in ticket:
                if type(output) is _Said:
                    getattr(ctx, output.method)()
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


def _load(replica: _Replica) -> int:
    return replica.load


class _Said:
    """A node has called a method of its context."""

    __slots__ = ("method",)

    def __init__(self, method: str) -> None:
        self.method = method


class _Ticket:
    """One item on its way through a copy of a node: its outputs, as they come.

    Attributes:
        assigned: done once a copy has it.
        stamp: before it was given to a copy, and after all that was given to that before.
        on_abandoned: called when nobody wants its outputs any more.
    """

    def __init__(self, item: Any) -> None:
        self.item = item
        self.number = NO_TICKET
        self.stamp = 0.0
        self.assigned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_abandoned: Callable[[], Any] = _nothing
        self.is_abandoned = False
        self._outputs: deque[Any] = deque()
        self._is_over = False
        self._failure: BaseException | None = None
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    def give(self, output: Any) -> Awaitable[None] | None:
        """Take an output; what to wait for where there is no room for another one."""
        if self.is_abandoned:
            return None
        self._outputs.append(output)
        self._wake()
        if len(self._outputs) < _LIMIT:
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    def end(self, failure: BaseException | None = None) -> None:
        """There are no more outputs, perhaps because of a failure."""
        if self._is_over:
            return
        self._is_over = True
        self._failure = failure
        self._wake()

    def refuse(self, failure: BaseException) -> None:
        """There is no copy for it."""
        if not self.assigned.done():
            self.assigned.set_exception(failure)

    def abandon(self) -> None:
        """Nobody wants the rest."""
        self.assigned.cancel()
        if not self._is_over:
            self.is_abandoned = True
            self.on_abandoned()
        self._outputs.clear()
        self._free()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            while self._outputs:
                output = self._outputs.popleft()
                self._free()
                yield output
            if self._is_over:
                break
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        if self._news is not None:
            set_done(self._news)

    def _free(self) -> None:
        if self._room is not None:
            set_done(self._room)
            self._room = None


class _Replica:
    """One copy of a node, in a session of its own: it is given items, and tells which outputs are whose.

    Attributes:
        flushed: what ``flush`` gives.
        is_over: whether it takes no more items.
        failure: what it has failed with.
        is_told: whether an item, or ``flush``, has failed with it.
        ended: done when the session is.
    """

    _numbers = itertools.count()

    def __init__(self, session: LiveSession, on_room: Callable[[], None]) -> None:
        self._session = session
        self._on_room = on_room
        self._tickets: dict[int, _Ticket] = {}
        self._is_looking = False
        self.flushed = _Ticket(None)
        self.is_over = False
        self.failure: BaseException | None = None
        self.is_told = False
        self.ended = asyncio.ensure_future(self._read())

    @property
    def load(self) -> int:
        """How many items it has."""
        return len(self._tickets)

    def take(self, ticket: _Ticket) -> None:
        """Work on an item."""
        ticket.number = next(self._numbers)
        ticket.stamp = next_stamp()
        self._tickets[ticket.number] = ticket
        ticket.on_abandoned = self._look_later
        # One that takes no more says why where it is read.
        with contextlib.suppress(SessionEndedError):
            self._session.try_write([ticket.number, ticket.item])
        if not ticket.assigned.done():
            ticket.assigned.set_result(None)

    def end(self) -> None:
        """No more items will come."""
        self._session.end()

    async def cancel(self) -> None:
        """End it now."""
        self.is_told = True
        await self._session.cancel()

    async def _read(self) -> None:
        try:
            async for message in self._session:
                room = self._take_message(*message)
                if room is not None:
                    await room
        except Exception as error:
            self._fail(error)
        self.is_over = True
        self.flushed.end()
        self._on_room()

    def _take_message(self, number: int, kind: str, value: Any = None) -> Awaitable[None] | None:
        ticket = self.flushed if number == NO_TICKET else self._tickets.get(number)
        # An interruption has dropped it, and it had given something before.
        if ticket is None:
            return None
        if kind == "output":
            return ticket.give(value)
        if kind in ("interrupt", "survive"):
            return ticket.give(_Said(kind))
        if kind == "last":
            ticket.give(value)
        ticket.end(exception_of(value, is_trusted=True) if kind == "failed" else None)
        del self._tickets[number]
        self._drop_abandoned()
        self._on_room()
        return None

    def _fail(self, error: Exception) -> None:
        self.failure = error
        tickets, self._tickets = self._tickets, {}
        for ticket in tickets.values():
            ticket.end(error)
        if not tickets and not self.is_told:
            self.flushed.end(error)
        self.is_told = True

    def _look_later(self) -> None:
        """Many items may be abandoned at once."""
        if self._is_looking:
            return
        self._is_looking = True
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Look once for all."""
        self._is_looking = False
        self._drop_abandoned()

    def _drop_abandoned(self) -> None:
        """Drop what nobody wants, as far as it came before all that somebody does."""
        wanted = next((ticket for ticket in self._tickets.values() if not ticket.is_abandoned), None)
        dropped = list(itertools.takewhile(lambda ticket: ticket is not wanted, self._tickets.values()))
        if not dropped:
            return
        for ticket in dropped:
            del self._tickets[ticket.number]
        if not self.is_over:
            self._session.interrupt_before(next_stamp() if wanted is None else wanted.stamp)
        self._on_room()


def _nothing() -> None:
    pass
