"""What is measured of ours in Python: sessions of a chain of ten nodes, and audio at its pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from remotemedia import Node, Pipeline

NODES = 10


class Add(Node):
    """Counts up: what is left is the cost of the session."""

    def process(self, data: int) -> int:
        """Gives the next number."""
        return data + 1


class AddAsync(Node):
    """The same, as a coroutine."""

    async def process(self, data: int) -> int:
        """Gives the next number."""
        return data + 1


class Arrival(Node):
    """Tells when a chunk has come."""

    async def process(self, data: bytes) -> float:
        """Gives the time, in s."""
        return time.perf_counter()


def items(count: int) -> float:
    """Many items through sync nodes, written as fast as the session takes them: µs per item and node."""

    async def measure() -> float:
        async with Pipeline([Add() for _ in range(NODES)]).open() as session:

            async def write() -> None:
                for number in range(count):
                    await session.write(number)
                session.end()

            start = time.perf_counter()
            writing = asyncio.create_task(write())
            outputs = [output async for output in session]
            duration = time.perf_counter() - start
            await writing
        check(outputs, [number + NODES for number in range(count)])
        return duration

    return asyncio.run(measure()) / count / NODES * 1e6


def one_at_a_time(count: int) -> list[float]:
    """Items through async nodes, each written when the one before has come out: µs of each."""

    async def measure() -> list[float]:
        durations: list[float] = []
        async with Pipeline([AddAsync() for _ in range(NODES)]).open() as session:
            for number in range(count):
                start = time.perf_counter()
                await session.write(number)
                output = await anext(session)
                durations.append((time.perf_counter() - start) * 1e6)
                check(output, number + NODES)
        return durations

    return asyncio.run(measure())


def plain(count: int) -> list[float]:
    """The same nodes in a loop, without a session: µs of each item."""

    async def measure() -> list[float]:
        durations: list[float] = []
        nodes = [AddAsync() for _ in range(NODES)]
        for number in range(count):
            start = time.perf_counter()
            output = number
            for node in nodes:
                output = await node.process(output)
            durations.append((time.perf_counter() - start) * 1e6)
            check(output, number + NODES)
        return durations

    return asyncio.run(measure())


def chunks(count: int, interval: float, byte_length: int) -> list[float]:
    """Audio chunks, written at their pace, to a node: µs from the write until the node has each."""

    async def measure() -> list[float]:
        latencies: list[float] = []
        chunk = bytes(byte_length)
        async with Pipeline([Arrival()]).open() as session:
            for _ in range(count):
                await asyncio.sleep(interval)
                start = time.perf_counter()
                await session.write(chunk)
                latencies.append((await anext(session) - start) * 1e6)
        return latencies

    return asyncio.run(measure())


def check(outputs: Any, expected: Any) -> None:
    """A figure of a wrong run is none.

    Raises:
        RuntimeError: the outputs are not what is expected.
    """
    if outputs != expected:
        raise RuntimeError(f"other outputs than expected: {str(outputs)[:200]}")


CASES: dict[str, Callable[..., Any]] = {
    case.__name__: case for case in (items, one_at_a_time, plain, chunks)
}
