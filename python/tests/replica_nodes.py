"""Nodes of the tests of replicas, in a module that other processes can import."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from remotemedia import Node


def outputs_of(recipe: dict[str, Any]) -> list[str]:
    """What ``Recipe`` gives for an item."""
    return [f"{recipe['id']}.{index}" for index in range(recipe["outputs"])]


class Recipe(Node):
    """Gives as many outputs for an item as it says, or fails."""

    def process(self, data: Any) -> Any:
        given = outputs_of(data)
        if data.get("fails"):
            raise KeyError(f"item {data['id']}")
        return (given or [None])[0] if len(given) < 2 else iter(given)


class AsyncRecipe(Recipe):
    """The same, and others have their turns before each."""

    async def process(self, data: Any) -> AsyncIterator[str]:
        for value in outputs_of(data):
            for _ in range(data["turns"]):
                await asyncio.sleep(0)
            yield value


class Journal(Node):
    """Writes down when and where it lives; gives where it is, and at the end how many items it had."""

    def __init__(self, file: str, **config: Any) -> None:
        super().__init__(**config)
        self.file = file
        self.count = 0

    def _note(self, what: str) -> None:
        with Path(self.file).open("a") as file:
            file.write(f"{what} {os.getpid()}\n")

    def initialize(self) -> None:
        self._note("initialize")

    def process(self, _data: Any) -> int:
        self.count += 1
        return os.getpid()

    def flush(self) -> tuple[int, int]:
        return os.getpid(), self.count

    def cleanup(self) -> None:
        self._note("cleanup")


class Talk(Node):
    """Waits for what never comes, or interrupts."""

    def process(self, data: str, ctx: Any) -> Iterator[str]:
        if data == "barge in":
            ctx.interrupt()
        yield f"{data} begins"
        while data == "wait" and not ctx.interrupted:
            time.sleep(0.001)


class Stubborn(Node):
    """Fails each time, and writes it down."""

    def __init__(self, file: str, **config: Any) -> None:
        super().__init__(**config)
        self.file = file

    def process(self, data: Any) -> Any:
        with Path(self.file).open("a") as file:
            file.write(f"{data}\n")
        raise KeyError(data)


class Timed(Node):
    """Assigns its items to be their presentation times."""

    def process(self, data: float, ctx: Any) -> float:
        ctx.timestamp_us = data
        return data


class Clock(Node):
    """Gives the presentation time of its item, and what it adds to it."""

    def process(self, _data: float, ctx: Any) -> Iterator[str]:
        yield f"at {ctx.timestamp_us}"
        ctx.timestamp_us += 5
        yield f"then {ctx.timestamp_us}"
        ctx.timestamp_us += 5
        yield f"last {ctx.timestamp_us}"


class Seen(Node):
    """Gives items with their presentation times."""

    def process(self, data: Any, ctx: Any) -> tuple[Any, float | None]:
        return data, ctx.timestamp_us


class Refusing(Node):
    def initialize(self) -> None:
        raise ConnectionError("no model")

    def process(self, data: Any) -> Any:
        return data


class Dying(Node):
    def process(self, data: Any) -> Any:
        if data == "die":
            os._exit(3)
        return data


class Streaming(Node):
    is_streaming = True

    def process(self, stream: Iterator[Any]) -> Iterator[Any]:
        yield from stream
