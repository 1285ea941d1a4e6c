"""One copy of a node, in a session of its own, and the items on their way through it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from remotemedia.core.exceptions import SessionEndedError
from remotemedia.driver.live_session import LiveSession
from remotemedia.runner.loop import set_done
from remotemedia.runner.replica import NO_TICKET
from remotemedia.runner.tags import next_stamp
from remotemedia.wire.failures import exception_of

_LIMIT: Final = 16
"""Outputs of one item that wait until it is their turn, before their node has to."""


class Said:
    """A node has told its context something."""

    __slots__ = ("_kind", "_value")

    def __init__(self, kind: str, value: Any) -> None:
        """Note what: ``interrupt``, ``survive``, or ``timestamp`` with the time."""
        self._kind = kind
        self._value = value

    def repeat(self, context: Any) -> None:
        """Tell it the context of the stage."""
        if self._kind == "timestamp":
            context.timestamp_us = self._value
        else:
            getattr(context, self._kind)()


class Ticket:
    """One item on its way through a copy of a node: its outputs, as they come.

    Attributes:
        timestamp_us: when the item is to be shown or heard, in µs, where that is known.
        assigned: done once a copy has it.
        stamp: before it was given to a copy, and after all that was given to that before.
        on_abandoned: called when nobody wants its outputs any more.
    """

    def __init__(self, item: Any, timestamp_us: float | None = None) -> None:
        """Begin without outputs."""
        self.item = item
        self.timestamp_us = timestamp_us
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
        """The outputs, as they come."""
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


class RemoteReplica:
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
        """Read a session; ``on_room`` is called when it may take another item, and when it is over."""
        self._session = session
        self._on_room = on_room
        self._tickets: dict[int, Ticket] = {}
        self._is_looking = False
        self.flushed = Ticket(None)
        self.is_over = False
        self.failure: BaseException | None = None
        self.is_told = False
        self.ended = asyncio.ensure_future(self._read())

    @property
    def load(self) -> int:
        """How many items it has."""
        return len(self._tickets)

    def take(self, ticket: Ticket) -> None:
        """Work on an item."""
        ticket.number = next(self._numbers)
        ticket.stamp = next_stamp()
        self._tickets[ticket.number] = ticket
        ticket.on_abandoned = self._look_later
        # One that takes no more says why where it is read.
        given = [ticket.number, ticket.item]
        with contextlib.suppress(SessionEndedError):
            self._session.try_write(given if ticket.timestamp_us is None else [*given, ticket.timestamp_us])
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
        if kind in ("interrupt", "survive", "timestamp"):
            return ticket.give(Said(kind, value))
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
