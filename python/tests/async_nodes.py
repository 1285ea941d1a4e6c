"""Async nodes of live sessions, and what comes out of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from live import read, run, turns
from remotemedia import LiveSession, Node, Pipeline

Work = Callable[[Any], Awaitable[Any]]


class Doing(Node):
    """Does in ``process`` what a test asks for."""

    def __init__(self, work: Work, **config: Any) -> None:
        super().__init__(**config)
        self.work = work

    async def process(self, data: Any) -> Any:
        return await self.work(data)


async def same(data: Any) -> Any:
    return data


def outputs_of(*nodes: Node, items: list[Any]) -> list[Any]:
    """Write all items, one at a time as far as they give something, and read what comes out."""

    async def main() -> list[Any]:
        async with Pipeline(list(nodes)).open() as session:
            for item in items:
                await session.write(item)
                await turns()
            session.end()
            return await read(session)

    return run(main)


def after_an_interruption(node: Node, *, when: Callable[[LiveSession], Awaitable[None]]) -> list[Any]:
    """What comes out if 0 and 1 are interrupted, as ``when`` says, and 2 is not."""

    async def main() -> list[Any]:
        async with Pipeline([Doing(same), node, Doing(same)]).open() as session:
            await session.write(0)
            await session.write(1)
            await when(session)
            await session.write(2)
            session.end()
            return await read(session)

    return run(main)
