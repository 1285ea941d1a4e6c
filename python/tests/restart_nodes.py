"""Nodes that are killed from outside, or kill themselves, and say in which process they were."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from remotemedia import Node


class Seen(NamedTuple):
    """What a node says of an item."""

    item: Any
    pid: int
    is_initialized: bool


class Initialized(Node):
    """Says whether ``initialize`` has run in its process."""

    pid: int | None = None

    def initialize(self) -> None:
        self.pid = os.getpid()

    def seen(self, item: Any) -> Seen:
        return Seen(item, os.getpid(), self.pid == os.getpid())


class One(Initialized):
    """Gives one output; the item "die" ends the process."""

    def process(self, item: Any) -> Any:
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.seen(item)


class Later(Initialized):
    concurrency = 4

    async def process(self, item: Any) -> Any:
        await asyncio.sleep(0)
        return self.seen(item)


class Two(Initialized):
    def process(self, item: int) -> Iterator[Any]:
        yield self.seen(item)
        yield self.seen(item + 0.5)


class TwoLater(Initialized):
    async def process(self, item: int) -> AsyncIterator[Any]:
        yield self.seen(item)
        await asyncio.sleep(0)
        yield self.seen(item + 0.5)


class Even(Initialized):
    def process(self, item: int) -> Any:
        return self.seen(item) if item % 2 == 0 else None


class Failing(Initialized):
    """Fails for every tenth item."""

    failure_policy = "skip"

    def process(self, item: Any) -> Any:
        number = item if isinstance(item, int) else item.number
        if number % 10 == 3:
            raise LookupError(f"no {number}")
        return self.seen(item)


class Unlucky(One):
    """Ends its process in ``initialize``, but for the first one."""

    def __init__(self, mark: Path, **config: Any) -> None:
        super().__init__(**config)
        self.mark = mark

    def initialize(self) -> None:
        if self.mark.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        self.mark.touch()


class Counting(Node):
    """Counts its items from what it was when it left, and ends its process once."""

    def __init__(self, mark: Path, **config: Any) -> None:
        super().__init__(**config)
        self.mark = mark
        self.count = 10

    def process(self, item: Any) -> Any:
        if item == 3 and not self.mark.exists():
            self.mark.touch()
            os._exit(3)
        self.count += 1
        return item, self.count


class Unpicklable:
    """Cannot leave its process."""

    def __reduce__(self) -> Any:
        raise TypeError("stays here")
