"""Nodes for the tests of the host."""

import asyncio
import contextvars
import logging
import os
import sqlite3
import sys
import threading

from remotemedia import Node


class Echo(Node):
    """Gives back what it got.

    Second paragraph.
    """

    class Inner:
        def process(self, item):
            return [item]

    def __init__(self, gain: float = 1.0, **config):
        super().__init__(**config)
        self.gain = gain
        self.table = {"a": Echo.Inner()}

    def process(self, item):
        return item

    async def later(self, value):
        await asyncio.sleep(0)
        return value

    def unsendable(self):
        return object()


class Talker(Node):
    def initialize(self):
        print("ready")

    def process(self, item):
        print("sync", item)
        sys.stderr.write(f"half {item}")
        sys.stderr.write(" and half\n")
        yield item
        print("generated")

    def flush(self):
        print("one\ntwo")


class AsyncTalker(Node):
    async def process(self, item):
        await asyncio.sleep(0)
        print("async", item)
        return item


class Gate(Node):
    """Lets items through when it is told to; ``entered`` is set when the first is there."""

    def __init__(self, **config):
        super().__init__(**config)
        self.opened = threading.Event()
        self.entered = threading.Event()

    def process(self, item):
        if item == "stop":
            self.entered.set()
            self.opened.wait()
        return item

    def wait_until_entered(self):
        return self.entered.wait(20)

    def open(self):
        self.opened.set()


class AsyncGate(Gate):
    async def process(self, item):
        self.entered.set()
        await asyncio.get_running_loop().create_future()


class Life(Node):
    def __init__(self, **config):
        super().__init__(**config)
        self.calls = []

    def initialize(self):
        self.calls.append("initialize")

    def process(self, item):
        return item

    def cleanup(self):
        self.calls.append("cleanup")


class OtherLife(Life):
    pass


class InitializesSlowly(Gate):
    def __init__(self, **config):
        super().__init__(**config)
        self.calls = []

    def initialize(self):
        self.calls.append("initialize")
        self.entered.set()
        self.opened.wait()

    def cleanup(self):
        self.calls.append("cleanup")


class InitializesForever(Gate):
    is_cancelled = False

    async def initialize(self):
        self.entered.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.is_cancelled = True


class AsyncInitializesForever(InitializesForever):
    async def process(self, item):
        return item


class StreamInitializesForever(InitializesForever):
    is_streaming = True

    def process(self, stream):
        yield from stream


_variable: contextvars.ContextVar[object] = contextvars.ContextVar("variable", default="none")


class Contextual(Node):
    def process(self, item):
        before = _variable.get()
        _variable.set(item)
        return before


class AsyncContextual(Node):
    async def process(self, item):
        before = _variable.get()
        _variable.set(1)
        return [item, before]


class SlowGenerator(Gate):
    def process(self, item):
        yield "first"
        self.opened.wait()
        yield "second"


class Forker(Node):
    def process(self, item):
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(told, b"x")
            threading.Event().wait()
        os.read(ready, 1)
        return pid


class Database(Node):
    def __init__(self, **config):
        super().__init__(**config)
        self.connection = sqlite3.connect(":memory:")

    def process(self, item):
        return self.connection.execute("select 1").fetchone()


class Logger(Node):
    def process(self, item):
        logging.getLogger("remotemedia.test").debug("saw %s", item)
        return item


class Interrupter(Node):
    def process(self, item):
        os.kill(os.getpid(), 2)
        return item
