"""Nodes that are killed from outside, or kill themselves, and say in which process they were."""

import asyncio
import os
import signal


class Initialized:
    is_initialized = False

    def initialize(self):
        self.is_initialized = True

    def seen(self, n):
        return {"n": n, "pid": os.getpid(), "isInitialized": self.is_initialized}


class One(Initialized):
    def process(self, n):
        if not isinstance(n, int):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.seen(n)


class Later(Initialized):
    async def process(self, n, ctx):
        await asyncio.sleep(0)
        return self.seen(n)


class Two(Initialized):
    def process(self, n):
        yield self.seen(n)
        yield self.seen(n + 0.5)


class TwoLater(Initialized):
    async def process(self, n):
        yield self.seen(n)
        await asyncio.sleep(0)
        yield self.seen(n + 0.5)


class Even(Initialized):
    def process(self, n):
        return self.seen(n) if n % 2 == 0 else None


class Dying:
    def process(self, item):
        os.kill(os.getpid(), signal.SIGKILL)


class Same:
    def process(self, item):
        return item


class Thing:
    """What only Python has."""

    def __init__(self, n):
        self.n = n


class Wrap:
    def process(self, n):
        return Thing(n)


class OfThing(One):
    def process(self, thing):
        return thing, super().process(thing.n)


class Unwrap:
    def process(self, pair):
        thing, seen = pair
        assert thing.n == seen["n"]
        return seen


class Audio:
    """Gives a frame of silence."""

    def process(self, n):
        import numpy

        from remotemedia.data import AudioFrame

        return AudioFrame(numpy.zeros((1, n), numpy.float32), 8000)
