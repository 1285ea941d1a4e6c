"""Nodes of the driver's tests, in a module that other processes can import."""

from __future__ import annotations

import asyncio
import os
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
