"""Nodes of the driver's tests, in a module that other processes can import."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from remotemedia import Node


class Echo(Node):
    def process(self, data: Any) -> Any:
        return data


class Collecting(Echo):
    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.seen: list[Any] = []

    def process(self, data: Any) -> Any:
        self.seen.append(data)
        return data


class AsyncEcho(Node):
    async def process(self, data: Any) -> Any:
        await asyncio.sleep(0)
        return data


class Pid(Node):
    def process(self, data: Any) -> tuple[Any, int]:
        return data, os.getpid()


class Counter(Node):
    """Has state of its own, and sessions."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.total = 0

    def process(self, data: int) -> int:
        self.total += data
        return self.total


class Noting(Node):
    """Notes its calls, and in which thread they happened."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def initialize(self) -> None:
        self.note("initialize")

    def process(self, data: Any) -> Any:
        self.note("process")
        return data

    def flush(self) -> None:
        self.note("flush")

    def cleanup(self) -> None:
        self.note("cleanup")


class Failing(Node):
    """Raises an error once it has let so many items through."""

    def __init__(self, error: BaseException, at: int = 0, **config: Any) -> None:
        super().__init__(**config)
        self.error = error
        self.at = at
        self.seen = 0

    def process(self, data: Any) -> Any:
        self.seen += 1
        if self.seen > self.at:
            raise self.error
        return data
