"""Nodes that are interrupted at all of their moments. Items are dicts with ``id``, ``survives`` and ``turns``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from remotemedia import Node

Item = dict[str, Any]


class Direct(Node):
    """Gives each item at once."""

    def process(self, data: Item) -> Item:
        """Gives the item."""
        return data


class Waiting(Node):
    """Gives it after some turns of the event loop, in which it may be cancelled."""

    async def process(self, data: Item) -> Item:
        """Gives the item."""
        for _ in range(data["turns"]):
            await asyncio.sleep(0)
        return data


class Giving(Node):
    """An async generator, which is closed where its item is interrupted."""

    async def process(self, data: Item) -> AsyncIterator[Item]:
        """Gives the item at the end."""
        for _ in range(data["turns"]):
            await asyncio.sleep(0)
        yield data


class Stepping(Node):
    """A plain generator."""

    def process(self, data: Item) -> Iterator[Item | None]:
        """Gives nothing some times, then the item."""
        for _ in range(data["turns"]):
            yield None
        yield data
