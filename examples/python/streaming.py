"""Async input, outputs as they come, and leaving early.

The input never ends. Its generator waits between items, as one that reads a microphone or a socket does; a
slow reader holds it up. Leaving the loop cancels the run: the generator is closed and the nodes are cleaned
up before the line after the loop.
"""

import asyncio
from contextlib import aclosing
from itertools import count

from remotemedia import Node, Pipeline


async def readings():
    """Stands for a device."""
    try:
        for number in count():
            await asyncio.sleep(0)
            yield number % 7
    finally:
        print("input closed")


class MovingAverage(Node):
    """A streaming node: it takes the whole input, and gives an average of the last three items for each."""

    is_streaming = True

    async def process(self, items):
        window = []
        async for item in items:
            window = [*window, item][-3:]
            yield sum(window) / len(window)


class Alarm(Node):
    """Gives an item only where it is high."""

    def __init__(self, limit, **config):
        super().__init__(**config)
        self.limit = limit

    def process(self, value):
        return f"high: {value:g}" if value > self.limit else None

    def cleanup(self):
        print("alarm cleaned up")


async def main():
    pipeline = Pipeline([MovingAverage(), Alarm(limit=4)])
    alarms = 0
    # aclosing: else Python closes what a `break` leaves at some later time.
    async with aclosing(pipeline.process(readings())) as outputs:
        async for message in outputs:
            print(message)
            alarms += 1
            if alarms == 3:
                break
    print("left")


asyncio.run(main())
