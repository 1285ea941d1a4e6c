"""Outputs as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from remotemedia.core.pipeline import Pipeline
from remotemedia.driver.definition import Definition
from remotemedia.driver.detect import detect
from remotemedia.driver.inputs import RunInput
from remotemedia.driver.prepare import define, measured, prepare
from remotemedia.driver.work import Running, raise_failure_in_coroutine
from remotemedia.runner.dead_letter import TakeDeadLetter
from remotemedia.runner.handoff import END, LIMIT, End
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_ports import LoopOutput
from remotemedia.runner.losses import Accounts, LossReason
from remotemedia.runner.ports import OUTPUT_NAME
from remotemedia.runner.segment import Segment
from remotemedia.runner.tags import Tag
from remotemedia.runner.unit import Unit

if TYPE_CHECKING:
    from remotemedia.driver.engine_run import EngineRun
    from remotemedia.driver.local import LocalRun


class StreamedRun:
    """A run whose outputs are read as they come, on the loop where it began.

    Attributes:
        definition: the pipeline.
        work: the run itself.
        outputs: what comes out.
        has_metrics: whether nodes are measured.
        running: the run under way, from ``begin`` on.
        is_open: whether all nodes have been initialized and all places are connected.
    """

    running: Running

    def __init__(
        self,
        pipeline: Pipeline,
        definition: Definition,
        work: LocalRun | EngineRun,
        outputs: Outputs,
        has_metrics: bool,
    ) -> None:
        """Keep what ``prepare`` has made."""
        self.definition = definition
        self.work = work
        self.outputs = outputs
        self.has_metrics = has_metrics
        self.is_open = False
        self._pipeline = pipeline
        self._is_finished = False

    @classmethod
    async def prepare(
        cls,
        pipeline: Pipeline,
        run_input: RunInput,
        has_metrics: bool,
        returns_state: bool = False,
        on_dead_letter: TakeDeadLetter | None = None,
        definition: Definition | None = None,
    ) -> StreamedRun:
        """Make a run; nothing of it has begun. With a ``definition`` that is what runs.

        Raises:
            PipelineError: the pipeline cannot be run.
            BaseException: what keeps nodes from being made, or from going where they are to run.
        """
        if definition is None:
            detected = detect(pipeline)
            definition = detected.definition or await define(detected, True)
        is_direct = definition.is_all_here and definition.is_chain
        outputs = Outputs(is_direct, run_input.accounts)
        work = await prepare(
            definition, run_input, outputs.make, has_metrics, returns_state, True, on_dead_letter
        )
        return cls(pipeline, definition, work, outputs, has_metrics)

    def begin(self, opened: Callable[[], None] | None = None) -> None:
        """Start; ``opened`` is called in any thread once everything is prepared for the first item."""
        self.running = Running(self.work, opened)
        self.outputs.begin(self.running)

    async def open(self) -> None:
        """Start, and wait until everything is prepared for the first item.

        Raises:
            BaseException: what a node has raised in ``initialize``, or what else has failed; all is cleaned
                up.
        """
        loop = asyncio.get_running_loop()
        opened = loop.create_future()

        def tell() -> None:
            self.is_open = True
            # A loop that has been closed has no caller that waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(set_done, opened)

        self.begin(tell)
        self.running.when_over(lambda: set_done(opened))
        try:
            await opened
        except asyncio.CancelledError:
            await self.give_up()
            raise
        if not self.is_open:
            self.outputs.close()
            raise_failure_in_coroutine(self.work)

    async def give_up(self) -> None:
        """Want no more outputs, and cancel the run unless it is over.

        Raises:
            CancelTimeoutError: a node does not return.
        """
        self.outputs.close()
        if not self.running.is_over:
            await self.running.cancel()

    def finish(self) -> None:
        """Take what the run has brought besides outputs, once it is over.

        Raises:
            BaseException: what a node has raised, itself.
        """
        is_first, self._is_finished = not self._is_finished, True
        if is_first and self.has_metrics:
            self._pipeline.last_metrics = self.metrics()
        raise_failure_in_coroutine(self.work)
        if is_first and self.work.states:
            from remotemedia.driver.away import bring_home

            bring_home(self.definition, self.work.states)

    def metrics(self) -> dict[str, Any]:
        """What has been measured so far."""
        return measured(self.work, self.definition)


class Outputs:
    """The outputs of all last nodes, for one reader on the caller's loop.

    The end of the run ends each port as well: one whose segment never ran has no other.

    Where there are several last nodes, or the engine says when they are connected, each has a task that
    brings its outputs into one queue.

    Attributes:
        tag: that of the output got last, in a session.
    """

    def __init__(self, is_direct: bool, accounts: Accounts | None = None) -> None:
        """Prepare.

        Args:
            is_direct: whether there is exactly one last node, in a segment that is made before it is read.
            accounts: who keeps account of the session.
        """
        self._loop = asyncio.get_running_loop()
        self._is_direct = is_direct
        self._ports: list[LoopOutput] = []
        self._linked_ports: list[LoopOutput] = []
        self._queue: asyncio.Queue[_Output | None] = asyncio.Queue(LIMIT)
        self._pumps: list[asyncio.Task[None]] = []
        self._closing: asyncio.Task[None] | None = None
        self._is_ended = False
        self._accounts = accounts
        # Where somebody keeps account: those that have left a port and were not read.
        self._between: dict[int, Tag] = {}
        self.tag: Tag | None = None

    @property
    def are_read(self) -> bool:
        """Whether no output is left to be read, nor will come; of a run that is over."""
        if self._is_ended:
            return True
        if self._is_direct:
            return self._ports[0].is_read
        return self._closing is not None and self._closing.done() and self._queue.qsize() <= 1

    def make(self) -> LoopOutput:
        """A port for one last node."""
        port = LoopOutput() if self._is_direct else _AnnouncedOutput(self._linked)
        self._ports.append(port)
        return port

    def begin(self, running: Running) -> None:
        """Have the end of the run end the outputs."""
        if self._is_direct:
            running.when_over(self._ports[0].end_from_loop)
        else:
            self._closing = self._loop.create_task(self._end_after(running))

    def when_ended(self, running: Running, callback: Callable[[], None]) -> None:
        """Have a function called on the loop when no further output will come, nor anything else happen."""
        if self._closing is None:
            running.when_over(callback)
        else:
            self._closing.add_done_callback(lambda _closing: callback())

    async def get(self) -> Any | End:
        """Wait for the next output; ``END`` once the run is over and all are given, and from then on."""
        if self._is_direct:
            item = await self._ports[0].get()
            self.tag = self._ports[0].tag
            return item
        while not self._is_ended:
            output = await self._queue.get()
            if output is None:
                break
            self._between.pop(id(output), None)
            if not output.is_stale():
                self.tag = output.tag
                return output.item
            self._lose(output.tag, "interrupted")
        self._is_ended = True
        return END

    def unread(self) -> list[Tag]:
        """The tags of the outputs that can still be read."""
        if self._is_ended:
            return []
        waiting = [tag for port in self._ports for tag in port.unread()]
        return [*waiting, *self._between.values()]

    def _lose(self, tag: Tag | None, reason: LossReason) -> None:
        if self._accounts is not None and tag is not None:
            self._accounts.lose(OUTPUT_NAME, tag.stamp, reason)

    def close(self) -> None:
        """Want no more: a reader that waits in another task gets ``END``."""
        if not self._is_direct and not self._is_ended:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)
            for tag in self._between.values():
                self._lose(tag, "ended")
            self._between.clear()
        self._is_ended = True
        for port in self._ports:
            port.close()
        for pump in self._pumps:
            pump.cancel()
        if self._closing is not None:
            self._closing.cancel()

    async def _end_after(self, running: Running) -> None:
        await running.wait()
        for port in self._linked_ports:
            port.end_from_loop()
        await asyncio.gather(*self._pumps)
        await self._queue.put(None)

    def _linked(self, port: LoopOutput) -> None:
        self._loop.call_soon_threadsafe(self._start_pump, port)

    def _start_pump(self, port: LoopOutput) -> None:
        self._linked_ports.append(port)
        self._pumps.append(self._loop.create_task(self._pump(port)))

    async def _pump(self, port: LoopOutput) -> None:
        async for item in port:
            output = _Output(item, port.tag, port.is_stale)
            if self._accounts is not None and output.tag is not None:
                self._between[id(output)] = output.tag
            await self._queue.put(output)


class _Output(NamedTuple):
    """An output that waits."""

    item: Any
    tag: Tag | None
    is_stale: Callable[[], bool]


class _AnnouncedOutput(LoopOutput):
    """Tells when it has been connected, which is when it can be read."""

    def __init__(self, linked: Callable[[LoopOutput], None]) -> None:
        super().__init__()
        self._linked = linked

    def link(self, segment: Segment, producer: Unit) -> None:
        super().link(segment, producer)
        self._linked(self)
