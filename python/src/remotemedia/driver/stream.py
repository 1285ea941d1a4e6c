"""Outputs as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from remotemedia.driver.work import Running
from remotemedia.runner.handoff import END, LIMIT, End
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
        self._closing: asyncio.Task[None] | None = None

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

    async def get(self) -> Any | End:
        """Wait for the next output; ``END`` once the run is over and all are given."""
        if self._is_direct:
            return await self._ports[0].get()
        entry = await self._queue.get()
        return END if entry is None else entry[0]

    def close(self) -> None:
        """Want no more."""
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
            await self._queue.put((item,))


class _AnnouncedOutput(LoopOutput):
    """Tells when it has been connected, which is when it can be read."""

    def __init__(self, linked: Callable[[LoopOutput], None]) -> None:
        super().__init__()
        self._linked = linked

    def link(self, segment: Segment, producer: Unit) -> None:
        super().link(segment, producer)
        self._linked(self)
