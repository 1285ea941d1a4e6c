"""Nodes that make, keep, change and give on arrays, for the tests of shared memory between processes."""

import asyncio
import gc
import os
import time

import numpy as np

from remotemedia import Node
from remotemedia.slabs.arrays import held_slice


class Make(Node):
    """Gives an array for each number, of so many bytes, in memory of the context's or ordinary."""

    def __init__(self, size=1 << 20, is_allocated=True):
        self.size = size
        self.is_allocated = is_allocated

    def process(self, number, ctx):
        array = ctx.allocate(np.uint8, self.size) if self.is_allocated else np.empty(self.size, np.uint8)
        array[:] = number % 251
        return array


class Pass(Node):
    def process(self, item):
        return item


class Bump(Node):
    """Adds one, in place."""

    def process(self, array):
        array += 1
        return array


class Look(Node):
    """What it finds: the number, whether it is the same all through, may be written to, and lies in place."""

    def process(self, array):
        is_even = bool((array == array[0]).all())
        return [int(array[0]), is_even, array.flags.writeable, held_slice(array) is not None]


class Keep(Node):
    """Keeps all that it gets; gives the sum of the first bytes of all."""

    def __init__(self, most=10**9):
        self.most = most
        self.kept = []

    def process(self, array):
        self.kept.append(array)
        if len(self.kept) > self.most:
            del self.kept[0]
        return sum(int(kept[0]) for kept in self.kept)


class Cycles(Node):
    """Leaves each array in garbage that refers to itself; collects it now and then."""

    def __init__(self, step=8):
        self.step = step
        self.count = 0

    def process(self, array):
        cycle = [array]
        cycle.append(cycle)
        self.count += 1
        if self.count % self.step == 0:
            gc.collect()
        return int(array[0])


class Slow(Node):
    """Has an array for some hundredths of a second."""

    def process(self, array):
        time.sleep(0.03)
        return int(array[0])


class AsyncSlow(Node):
    async def process(self, array):
        await asyncio.sleep(0.03)
        return int(array[0])


class ForkAndLook(Node):
    """Forks while it has an array; the child reads it, lets go of it, and ends."""

    def process(self, array):
        pid = os.fork()
        if pid == 0:
            code = 0 if (array == array[0]).all() else 1
            del array
            gc.collect()
            os._exit(code)
        return [os.waitpid(pid, 0)[1], int(array[0])]


class AsyncLook(Look):
    async def process(self, array):
        return super().process(array)


class Streaming(Node):
    """Sums what it reads of a stream, with a context."""

    is_streaming = True

    def process(self, stream, ctx):
        for array in stream:
            total = ctx.allocate(np.int64, 1 << 13)
            total[:] = int(array[0])
            yield total


class Source(Node):
    is_source = True

    def __init__(self, count, size):
        self.count = count
        self.size = size

    def process(self, ctx):
        for number in range(self.count):
            array = ctx.allocate(np.uint8, self.size)
            array[:] = number % 251
            yield array


class Named(Node):
    def process(self, item, *, ctx):
        return [ctx.node_id, item]
