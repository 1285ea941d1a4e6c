"""The same as ``endless.mjs``, of a Python program: a process of its own, a TypeScript node, and arrays between them.

Arguments: seed, and ``engine`` where the engine is killed at the output that the third argument says.
"""

import asyncio
import os
import random
import signal
import sys
from collections import deque
from contextlib import aclosing

import numpy

from remotemedia import Node, Pipeline
from remotemedia.core.exceptions import EngineDiedError
from remotemedia.driver.engine import running_engine


class Pass(Node):
    kept = None

    def process(self, array):
        if self.kept is None:
            self.kept = deque(maxlen=3)
        self.kept.append(array)
        return array


async def arrays(numbers):
    while True:
        yield numpy.ones(1 + int(numbers.random() ** 4 * 400_000), numpy.float32)


async def outputs(seed):
    nodes = [Pass(executor="multiprocess"), {"node_type": "PassThrough"}, Pass(executor="multiprocess"), Pass()]
    async with Pipeline(nodes).managed_execution() as pipeline:
        async with aclosing(pipeline.process(arrays(random.Random(seed)))) as stream:
            async for _ in stream:
                yield


async def main():
    seed = int(sys.argv[1])
    if sys.argv[2:3] != ["engine"]:
        print("ready", flush=True)
        async for _ in outputs(seed):
            print("output", flush=True)
    left = int(sys.argv[3])
    try:
        async for _ in outputs(seed):
            left -= 1
            if left == 0:
                os.kill(running_engine().pid, signal.SIGKILL)
    except EngineDiedError as error:
        print(error.code, flush=True)
    async with aclosing(outputs(seed)) as stream:
        async for _ in stream:
            print("again", flush=True)
            break


asyncio.run(main())
