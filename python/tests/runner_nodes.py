"""Nodes of the runner's tests."""

import asyncio
import threading


class Sync:
    def process(self, item):
        return item


class Async:
    async def process(self, item):
        await asyncio.sleep(0)
        return item


class AsyncAtOnce:
    """Async, but it waits for nothing."""

    async def process(self, item):
        return item


class Stream:
    is_streaming = True

    async def process(self, stream):
        async for item in stream:
            yield item


class Many:
    def __init__(self, times):
        self.times = times

    def process(self, item):
        for _ in range(self.times):
            yield item


class ManyAsync(Many):
    async def process(self, item):
        for _ in range(self.times):
            yield item


class Stalling:
    """A source that gives so many numbers, and then neither more nor its end."""

    is_source = True

    def __init__(self, count):
        self.count = count

    async def process(self):
        for item in range(self.count):
            yield item
        await asyncio.get_running_loop().create_future()


class Watched:
    """Notes the thread of each of its calls."""

    def __init__(self, **attributes):
        self.threads = set()
        vars(self).update(attributes)

    def note(self):
        self.threads.add(threading.get_ident())

    def initialize(self):
        self.note()

    def process(self, item):
        self.note()
        return item

    def flush(self):
        self.note()
        return "flushed"

    def cleanup(self):
        self.note()


class Streaming:
    """Gives what a function makes of its input, in whatever form that has."""

    is_streaming = True

    def __init__(self, make):
        self.make = make
        self.threads = set()

    def note(self):
        self.threads.add(threading.get_ident())

    def initialize(self):
        self.note()

    def process(self, items):
        self.note()
        return self.make(items)

    def cleanup(self):
        self.note()


def plain(items):
    """For ``Streaming``: a generator of its input."""
    yield from items
