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


class Same:
    def process(self, item):
        return item
