"""Outputs as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from remotemedia.driver.work import Running, Work, raise_failure_in_coroutine
from remotemedia.runner.handoff import LIMIT
from remotemedia.runner.loop_ports import LoopOutput
from remotemedia.runner.segment import Segment
from remotemedia.runner.unit import Unit


class Outputs:
    """The outputs of all last nodes, for one reader on the caller's loop.

    The end of the run ends each port as well: one whose segment never ran has no other.

    Where there are several last nodes, or the engine says when they are connected, each has a task that
    brings its outputs into one queue.
    """

    def __init__(self, is_direct: bool) -> None:
        """Prepare.

        Args:
            is_direct: whether there is exactly one last node, in a segment that is made before it is read.
        """
        self._loop = asyncio.get_running_loop()
        self._is_direct = is_direct
        self._ports: list[LoopOutput] = []
        self._linked_ports: list[LoopOutput] = []
        self._queue: asyncio.Queue[tuple[Any] | None] = asyncio.Queue(LIMIT)
        self._pumps: list[asyncio.Task[None]] = []

    def make(self) -> LoopOutput:
        """A port for one last node."""
        port = LoopOutput() if self._is_direct else _AnnouncedOutput(self._linked)
        self._ports.append(port)
        return port

    async def read(self, running: Running) -> AsyncIterator[Any]:
        """Give outputs until the run is over."""
        if self._is_direct:
            (port,) = self._ports
            running.when_over(port.end_from_loop)
            async for item in port:
                yield item
            return
        closing = self._loop.create_task(self._end_after(running))
        try:
            while (entry := await self._queue.get()) is not None:
                yield entry[0]
        finally:
            closing.cancel()

    def close(self) -> None:
        """Want no more."""
        for port in self._ports:
            port.close()
        for pump in self._pumps:
            pump.cancel()

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
            await self._queue.put((item,))


class _AnnouncedOutput(LoopOutput):
    """Tells when it has been connected, which is when it can be read."""

    def __init__(self, linked: Callable[[LoopOutput], None]) -> None:
        super().__init__()
        self._linked = linked

    def link(self, segment: Segment, producer: Unit) -> None:
        super().link(segment, producer)
        self._linked(self)


async def outputs_of(work: Work, outputs: Outputs, finish: Callable[[], None]) -> AsyncGenerator[Any, None]:
    """Run, and give each output when it is there; leaving the loop early cancels the run and cleans up.

    Args:
        work: the run.
        outputs: where its outputs go.
        finish: called once the run has ended by itself.

    Yields:
        The outputs; a failure comes after those before it.
    """
    running = Running(work)
    try:
        async for item in outputs.read(running):
            yield item
        await running.wait()
    finally:
        if not running.is_over:
            outputs.close()
            await running.cancel()
    finish()
    raise_failure_in_coroutine(work)
