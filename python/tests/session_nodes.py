"""Nodes of the tests of live sessions, in a module that other processes can import."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from remotemedia import Node


class Recording(Node):
    """Gives what it gets, and notes the calls of its life cycle."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.calls: list[str] = []

    def initialize(self) -> None:
        self.calls.append("initialize")

    def process(self, data: Any) -> Any:
        return data

    def flush(self) -> Any:
        self.calls.append("flush")

    def cleanup(self) -> None:
        self.calls.append("cleanup")


class AsyncRecording(Recording):
    async def process(self, data: Any) -> Any:
        await asyncio.sleep(0)
        return data


class AsyncTidy(AsyncRecording):
    async def cleanup(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().cleanup()


class GeneratorRecording(Recording):
    def process(self, data: Any) -> Iterator[Any]:
        yield data


class StreamRecording(Recording):
    is_streaming = True

    async def process(self, data: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in data:
            yield item


class Gated(Recording):
    """Waits, in ``process``, until the test lets it go on; a sync node holds the thread of its run."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.is_inside = threading.Event()
        self.may_go_on = threading.Event()
        self.seen: list[Any] = []

    def process(self, data: Any) -> Any:
        self.is_inside.set()
        assert self.may_go_on.wait(30)
        self.seen.append(data)
        return data


class AsyncGated(Recording):
    """The same on the loop; it notes when it is cancelled."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.is_inside = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def process(self, data: Any) -> Any:
        self.is_inside.set()
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.calls.append("cancelled")
            raise
        return data


class FailingAt(Recording):
    """Fails at one item."""

    def __init__(self, at: Any, **config: Any) -> None:
        super().__init__(**config)
        self.at = at

    def process(self, data: Any) -> Any:
        if data == self.at:
            raise LookupError(f"no {data}")
        return data


class Summing(Recording):
    """Gives its sum at the end alone."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.total = 0

    def process(self, data: int) -> None:
        self.total += data

    def flush(self) -> int:
        return self.total


class Counting(Recording):
    """A source that does not end."""

    is_source = True

    def process(self) -> Iterator[int]:  # type: ignore[override]
        number = 0
        while True:
            yield number
            number += 1


class Broken(Recording):
    """Cannot be initialized."""

    def initialize(self) -> None:
        raise OSError("no model")
