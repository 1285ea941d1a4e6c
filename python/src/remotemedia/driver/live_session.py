"""Live sessions: a pipeline that is open, whose items are written as they come."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Coroutine
from types import TracebackType
from typing import Any

from remotemedia.core.exceptions import CancelTimeoutError, SessionEndedError
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.queue_settings import QueueLimits
from remotemedia.core.stuck import RunWatch
from remotemedia.driver.accounted_session import AccountedSession
from remotemedia.driver.changes import ChangeableSession
from remotemedia.driver.dead_letter_queue import DeadLetterQueue
from remotemedia.driver.definition import Definition
from remotemedia.driver.failures import error_to_raise
from remotemedia.driver.inputs import RunInput
from remotemedia.driver.ledger import Ledger
from remotemedia.driver.local import no_taker
from remotemedia.driver.session_checks import check_reason, check_timestamp
from remotemedia.driver.stream import StreamedRun
from remotemedia.driver.written_input import WrittenInput
from remotemedia.runner.dead_letter import TakeDeadLetter
from remotemedia.runner.handoff import END, End
from remotemedia.runner.loop import set_done
from remotemedia.runner.tags import next_stamp


class LiveSession(ChangeableSession, AccountedSession):
    """A pipeline that is open: items are written as they come, and outputs read as they come.

    It belongs to the event loop on which it was opened: nothing of it may be called in another thread. One
    task at a time reads. Outputs that nobody reads hold the nodes up, a bounded number ahead; so write and
    read in two tasks, or read after each item.

    At the end of ``async with`` the session is ended and closed: what was written is processed, nodes flush
    and clean up, outputs that nobody reads are dropped, and a failure that nobody has seen is raised. Another
    task that reads goes on: the block is left once it has read everything, or has ended. Left by an
    exception, the session is cancelled; so is one that takes no input, whose sources would go on.

    Attributes:
        session_id: what nodes know it by.

    Example:
        >>> import asyncio
        >>> from remotemedia import Pipeline
        >>> from remotemedia.nodes import CalculatorNode
        >>> async def main() -> list[int]:
        ...     async with Pipeline([CalculatorNode(operation="add", operand=1)]).open() as session:
        ...         await session.write(1)
        ...         first = await anext(session)
        ...         await session.write(first)
        ...         session.end()
        ...         return [first, *[output async for output in session]]
        >>> asyncio.run(main())
        [2, 3]
    """

    def __init__(
        self,
        pipeline: Pipeline,
        max_pending: int,
        session_id: str | None,
        on_dead_letter: TakeDeadLetter | None = None,
        input_queue: QueueLimits | None = None,
        accounting: bool = False,
    ) -> None:
        """Prepare; ``Pipeline.open`` makes sessions."""
        self.session_id = session_id or str(uuid.uuid4())
        self._name = pipeline.name
        self._loop = asyncio.get_running_loop()
        self._ledger = Ledger() if accounting else None
        self._input = WrittenInput(max_pending, self._input_broken, input_queue, self._ledger)
        self._letters = DeadLetterQueue(on_dead_letter)
        self._run: StreamedRun
        self._guard: AsyncGenerator[None, None]
        self._is_guarded = True
        self._is_reading = False
        self._is_dropping = False
        self._after_read: asyncio.Future[None] | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._is_cancelled = False
        self._reason: Exception | None = None
        self._timeout_error: CancelTimeoutError | None = None
        self._is_failure_seen = False
        self._waiters: list[asyncio.Future[None]] = []

    # Input

    async def write(
        self, item: Any, *, survives: bool = False, urgent: bool = False, timestamp_us: float | None = None
    ) -> None:
        """Give an item to the pipeline, and wait for room before, where there is none.

        A write that is cancelled while it waits has not given its item. Those of several tasks take turns.

        Args:
            item: whatever the first node takes; None is an item like any other.
            survives: whether the item, and what it leads to, goes on after an interruption.
            urgent: whether the item, and what it leads to, goes before all that waits in queues, and is not
                dropped by their limits. It waits for no room.
            timestamp_us: when it is to be shown or heard, in µs of a clock of your choice: nodes see it as
                ``ctx.timestamp_us``, and what they give has it as well.

        Raises:
            SessionEndedError: the session takes no more: ``end`` was called, or it is over, also while this
                has waited. What ended it is the cause.
            InvalidInputError: the pipeline begins with source nodes only.
            InvalidArgumentError: ``timestamp_us`` is no finite number.
        """
        self._check_write(timestamp_us)
        await self._input.put(item, survives, urgent, timestamp_us)

    def try_write(
        self, item: Any, *, survives: bool = False, urgent: bool = False, timestamp_us: float | None = None
    ) -> bool:
        """Give an item to the pipeline if there is room for it now; the arguments are those of ``write``.

        Returns:
            Whether it was given.

        Raises:
            SessionEndedError, InvalidInputError, InvalidArgumentError: as for ``write``.
        """
        self._check_write(timestamp_us)
        return self._input.put_now(item, survives, urgent, timestamp_us)

    def interrupt(self) -> None:
        """Make everything stale that was written so far, in all hosts at once.

        What of it waits is dropped, async work is cancelled, generators are closed, a sync ``process`` sees
        ``ctx.interrupted``, and what it leads to is discarded, outputs that nobody has read included. What
        survives goes on, and so does what is written from now on.
        """
        self.interrupt_before(next_stamp())

    def interrupt_before(self, before: float) -> None:
        """Make stale what was written before a stamp."""
        self._input.interrupt(before)
        self._run.work.interrupt(before)

    def end(self) -> None:
        """Say that no more items will come; further calls do nothing.

        What was written is processed, also by writes that still wait for room; then nodes flush and clean up,
        and the outputs end.
        """
        self._input.end()

    # Outputs

    def __aiter__(self) -> LiveSession:
        """The session itself: its outputs can be read once. Leaving a loop over them does not end it."""
        return self

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        """Wait for the next output; it is not lost where this is cancelled.

        Raises:
            StopAsyncIteration: all is done, or the session was cancelled.
            RuntimeError: another task waits for the next output.
            BaseException: what a node has raised, itself; after the outputs that came before it, once.
        """
        # Now, as ``asyncio.wait_for`` awaits it in a task of its own.
        # Asked by the loop: to find out which one runs costs a system call in Python 3.11.
        self._reader = asyncio.current_task(self._loop)
        return self._next()

    async def _next(self) -> Any:
        item = END if self._is_dropping else await self._take()
        if item is END:
            await self._until_done()
            if not (self._is_cancelled or self._is_failure_seen):
                self._finish()
            raise StopAsyncIteration
        if self._ledger is not None:
            self._ledger.gave(self._run.outputs.tag)
        return item

    # The end

    async def wait(self) -> None:
        """Wait until all outputs have been read and everything is cleaned up.

        Somebody has to read the outputs, and to call ``end`` or ``cancel``.

        Raises:
            BaseException: what a node has raised, itself; the reason of a ``cancel``, or a
                ``SessionEndedError`` where none was given.
            CancelTimeoutError: the session was cancelled, and a node does not return.
        """
        await self._until_done()
        if self._timeout_error is not None:
            raise self._timeout_error
        if self._is_cancelled:
            raise self._reason or self._refusal()
        self._finish()

    async def cancel(self, reason: Exception | None = None) -> None:
        """End the session now, and wait until everything is cleaned up.

        What waits is dropped, async work is cancelled, a sync ``process`` that runs ends first, and no node
        flushes. Readers see the end; writers are refused. Of a session that is over only the outputs that
        nobody has read are dropped.

        Args:
            reason: what ``wait`` raises then, and the cause of what later writes raise.

        Raises:
            CancelTimeoutError: a node does not return in time.
            InvalidArgumentError: ``reason`` is no exception; the session goes on.
        """
        check_reason(reason)
        if not (self._is_cancelled or self._run.running.is_over):
            self._is_cancelled = True
            self._reason = reason
            self._input.refuse(self._refusal)
        try:
            await self._run.give_up()
        except CancelTimeoutError as error:
            self._timeout_error = error
            raise
        finally:
            self._look()

    async def __aenter__(self) -> LiveSession:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None:
            await self.cancel(error if isinstance(error, Exception) else None)
            return
        if not self._input.has_taker:
            await self.cancel()
        try:
            self.end()
            await self._drop_rest()
            await self._until_done()
        except BaseException:
            await self.cancel()
            raise
        if not (self._is_cancelled or self._is_failure_seen):
            self._finish()

    # What is known of it

    def metrics(self) -> dict[str, Any] | None:
        """What has been measured so far; None where nodes are not measured.

        Returns:
            A dict as ``Pipeline.get_metrics`` gives it. With nodes in other processes or in TypeScript it has
            only those of this program until the session is over.
        """
        return self._run.metrics() if self._run.has_metrics else None

    def __repr__(self) -> str:
        """Name and state."""
        if self._run.running.is_over:
            state = "over"
        elif self._is_cancelled:
            state = "cancelled"
        else:
            state = "ended" if self._input.is_ended else "open"
        return f"LiveSession({self._name!r}, {state})"

    async def open_definition(self, definition: Definition, watch: RunWatch | None = None) -> None:
        """Open a pipeline that has been read already."""
        await self._open(Pipeline(name=definition.name), False, False, watch, definition)

    async def _open(
        self,
        pipeline: Pipeline,
        has_metrics: bool,
        returns_state: bool,
        watch: RunWatch | None,
        definition: Definition | None = None,
    ) -> None:
        """Open it; nothing is left where this fails."""
        given = RunInput(self._input, False, self._input, self.session_id, watch, self._ledger)
        take = self._letters.take
        self._run = await StreamedRun.prepare(pipeline, given, has_metrics, returns_state, take, definition)
        await self._run.open()
        self._guard = self._guarded()
        await anext(self._guard)
        self._run.running.when_over(self._run_over)
        self._run.running.when_over(self._letters.end)
        self._run.running.when_over(self._look)

    async def _guarded(self) -> AsyncGenerator[None, None]:
        """Closed with the loop, which closes all generators that are open: a session that was left open ends.

        It would leave tasks and nodes behind otherwise, that only this loop can end.
        """
        try:
            yield
        finally:
            self._is_guarded = False
            if not self._run.running.is_over:
                await self.cancel()

    def _check_write(self, timestamp_us: float | None) -> None:
        check_timestamp(timestamp_us)
        if self._input.is_ended:
            raise self._refusal()
        if not self._input.has_taker:
            raise no_taker(self._name)

    def _input_broken(self) -> None:
        """The run reads no more items, and may not be over for long: outputs may still have to be read."""
        if self._run.work.known_failures():
            self._input.refuse(self._refusal)

    def _run_over(self) -> None:
        if self._is_guarded:
            # It waits for nothing now, so that one step ends it.
            with contextlib.suppress(StopIteration):
                self._guard.aclose().__await__().send(None)
        self._input.refuse(self._refusal)
        self._look()

    def _refusal(self) -> SessionEndedError:
        """Why nothing can be written any more."""
        failure: BaseException | None = self._reason
        if not self._is_cancelled:
            running = self._run.running
            failures = self._run.work.failures if running.is_over else self._run.work.known_failures()
            failure = error_to_raise(failures)
        if failure is not None:
            why = f"it ended: {type(failure).__name__}: {failure}".removesuffix(": ").removesuffix(".")
        elif self._is_cancelled:
            why = "it was cancelled"
        else:
            why = "end() was called, or its nodes want no more"
        error = SessionEndedError(
            f'The session of pipeline "{self._name}" takes no more items: {why}. Open another one.'
        )
        error.__cause__ = failure
        return error

    async def _take(self) -> Any | End:
        if self._is_reading:
            raise RuntimeError("Another task waits for the next output of this session. Let one task read.")
        self._is_reading = True
        try:
            return await self._run.outputs.get()
        finally:
            self._is_reading = False
            if self._after_read is not None:
                set_done(self._after_read)
            self._look()

    async def _drop_rest(self) -> None:
        """Read what nobody else reads."""
        reader = self._reader
        if reader is not None and reader is not asyncio.current_task(self._loop):
            while not (reader.done() or self._is_done):
                await asyncio.wait([reader, self._look_later()], return_when=asyncio.FIRST_COMPLETED)
        self._is_dropping = True
        while not self._is_done:
            if self._is_reading:
                # A task of the reader's own, such as that of a timeout: it gets the next output.
                self._after_read = self._loop.create_future()
                await self._after_read
            elif await self._take() is END:
                return
            elif self._ledger is not None:
                self._ledger.lose_output(self._run.outputs.tag)

    async def _until_done(self) -> None:
        while not self._is_done:
            await self._look_later()

    @property
    def _is_done(self) -> bool:
        if self._timeout_error is not None:
            return True
        return self._run.running.is_over and self._run.outputs.are_read

    def _look_later(self) -> asyncio.Future[None]:
        """Done once everything is."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def _look(self) -> None:
        if self._waiters and self._is_done:
            for waiter in self._waiters:
                set_done(waiter)
            self._waiters.clear()

    def _finish(self) -> None:
        self._is_failure_seen = True
        self._run.finish()
