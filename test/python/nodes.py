"""Nodes for the tests of the Python host."""

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time


class Counter:
    """Counts what it has seen, from a start that its constructor takes."""

    def __init__(self, start=0, *, step=1):
        self.count = start
        self.step = step
        self.inner = {"label": "inner"}

    def process(self, item):
        self.count += self.step
        return {"item": item, "count": self.count}

    def describe(self, prefix="count"):
        return f"{prefix}: {self.count}"

    async def describe_later(self):
        return self.describe("later")


class Echo:
    def process(self, item):
        return item


class TypeName:
    """What arrives in Python, by the name of its type."""

    def process(self, item):
        kind = type(item)
        return f"{kind.__module__}.{kind.__qualname__}"


class Die:
    """Ends the whole process at an item, in one of several ways."""

    def __init__(self, how, at=0):
        self.how = how
        self.at = at
        self.seen = 0

    def process(self, item):
        self.seen += 1
        if self.seen <= self.at:
            return item
        print("about to die", file=sys.stderr, flush=True)
        if self.how == "exit":
            os._exit(7)
        if self.how == "sys.exit":
            sys.exit(3)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "segfault":
            ctypes.string_at(0)
        if self.how == "abort":
            os.abort()
        return item


class Block:
    """Holds the interpreter's lock in native code until it is killed."""

    def process(self, item):
        print("blocking", flush=True)
        ctypes.PyDLL(None).sleep(600)
        return item


class Sleep:
    """Sleeps without noticing a cancel."""

    def __init__(self, seconds=600):
        self.seconds = seconds

    def process(self, item):
        print("sleeping", flush=True)
        time.sleep(self.seconds)
        return item


class Strange:
    """Gives what cannot cross."""

    def __init__(self, what="lock"):
        self.what = what

    def process(self, item):
        values = {"lock": threading.Lock(), "object": object(), "function": len}
        return {"user": [1, {self.what: values[self.what]}]}


class Talk:
    def process(self, item):
        print("said", item)
        print("warned", item, file=sys.stderr)
        return item


class Broken:
    def __init__(self):
        raise ValueError("no weights")


class Chained:
    def process(self, item):
        try:
            {}["missing"]
        except KeyError as error:
            raise RuntimeError(f"cannot do {item}") from error


class NotANode:
    value = 5


class Overlap:
    """Notes whether two runs are ever inside at once."""

    def __init__(self):
        self.inside = 0
        self.most = 0

    def process(self, item):
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.0005)
        self.inside -= 1
        return item


class Loaded:
    """Counts how often its model was loaded."""

    def __init__(self):
        self.loads = 0

    def initialize(self):
        self.loads += 1

    def cleanup(self):
        pass

    def process(self, item):
        return self.loads


class EchoAsync:
    async def process(self, item):
        await asyncio.sleep(0)
        return item


class Repeat:
    def __init__(self, times):
        self.times = times

    def process(self, item):
        for _ in range(self.times):
            yield item


class Numbers:
    is_source = True

    def __init__(self, count):
        self.count = count

    def process(self):
        yield from range(self.count)


class Length:
    def process(self, item):
        return len(item)


class Bulky:
    """Counts the big items that it has made."""

    is_source = True

    def __init__(self, count, size):
        self.count = count
        self.size = size
        self.made = 0

    def process(self):
        for _ in range(self.count):
            self.made += 1
            yield bytes(self.size)


class Opened:
    def __init__(self):
        self.events = []

    def initialize(self):
        self.events.append("initialize")

    def cleanup(self):
        self.events.append("cleanup")

    def process(self, item):
        return item


class OpensForEver:
    def __init__(self):
        self.is_opening = False
        self.was_cancelled = False

    async def initialize(self):
        self.is_opening = True
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    def process(self, item):
        return item
