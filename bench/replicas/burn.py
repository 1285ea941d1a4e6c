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
    """Print the time per item in ms, from the first output to the last."""
    node = Burn(executor="multiprocess")
    node.replicas = replicas

    async def given():
        for _ in range(items):
            yield item_ms

    times = [time.perf_counter() async for _ in Pipeline([node]).process(given())]
    assert len(times) == items
    print((times[-1] - times[0]) * 1e3 / (items - 1))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
