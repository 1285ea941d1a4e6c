"""Prints how long an item takes through replicas of a node that computes: python burn.py REPLICAS ITEMS ITEM_MS."""

import asyncio
import sys
import time

from remotemedia import Node, Pipeline


class Burn(Node):
    """Computes for as many milliseconds of the processor as an item says."""

    def process(self, duration_ms):
        ends = time.process_time() + duration_ms / 1e3
        while time.process_time() < ends:
            pass
        return duration_ms


async def main(replicas, items, item_ms):
    """Print the time per item in ms, from the first write to the last output."""
    node = Burn(executor="multiprocess")
    node.replicas = replicas
    async with Pipeline([node]).open() as session:
        began = time.perf_counter()

        async def write():
            for _ in range(items):
                await session.write(item_ms)
            session.end()

        writing = asyncio.create_task(write())
        async for _ in session:
            pass
        await writing
        print((time.perf_counter() - began) * 1e3 / items)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
