"""Nodes of sessions that are changed."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from typing import Any

from driver_nodes import Noting
from remotemedia import Node

LIFE = ["initialize", "flush", "cleanup"]


class Letter(Noting):
    """Adds its letter to texts, with how many it has had, and notes its life and the threads of it."""

    def __init__(self, letter: str) -> None:
        super().__init__(name=letter)
        self.letter = letter
        self.count = 0

    def process(self, text: str) -> Any:
        self.threads.add(threading.get_ident())
        self.count += 1
        return f"{text}{self.letter}{self.count}"

    def flush(self) -> str:
        self.note("flush")
        return f"[{self.letter}{self.count}]"


class AsyncLetter(Letter):
    async def process(self, text: str) -> Any:
        await asyncio.sleep(0)
        return super().process(text)


class ManyLetters(Letter):
    """Gives each text twice."""

    def process(self, text: str) -> Any:
        for _ in range(2):
            yield super().process(text)


class BrokenLetter(Letter):
    def initialize(self) -> None:
        raise LookupError("no model")


class Pairs(Node):
    is_streaming = True

    async def process(self, data: AsyncIterator[str]) -> AsyncIterator[str]:
        waiting: list[str] = []
        async for text in data:
            waiting.append(text)
            if len(waiting) == 2:
                yield "+".join(waiting)
                waiting.clear()
        if waiting:
            yield waiting[0]


class Numbers(Node):
    """A source that does not end."""

    is_source = True

    def __init__(self, first: int) -> None:
        super().__init__(name="numbers")
        self.first = first
        self.calls: list[str] = []
        self.may_go_on = threading.Semaphore(0)

    def give(self) -> None:
        self.may_go_on.release()

    def process(self) -> Any:
        self.calls.append("process")
        try:
            for number in itertools.count(self.first):
                yield str(number)
                while not self.may_go_on.acquire(timeout=0.05):
                    yield None
        finally:
            self.calls.append("closed")


class AsyncNumbers(Numbers):
    def __init__(self, first: int) -> None:
        super().__init__(first)
        self.wake = asyncio.Event()

    def give(self) -> None:
        self.wake.set()

    async def process(self) -> Any:
        self.calls.append("process")
        try:
            for number in itertools.count(self.first):
                yield str(number)
                await self.wake.wait()
                self.wake.clear()
        finally:
            self.calls.append("closed")
