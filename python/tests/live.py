"""Runs tests of live sessions, and what they do with sessions."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from remotemedia import LiveSession
from session_nodes import AsyncRecording, Gated, GeneratorRecording, Recording, StreamRecording

KINDS = [Recording, AsyncRecording, GeneratorRecording, StreamRecording]
# The calls of a node whose session has ended by ``end``.
LIFE = ["initialize", "flush", "cleanup"]


def life_of(node: Recording) -> list[str]:
    """The same of a node of any kind: a streaming one is not flushed, as its input ends."""
    return ["initialize", "cleanup"] if isinstance(node, StreamRecording) else LIFE


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run a test on a loop of its own, on which neither tasks nor errors are left."""
    problems: list[dict[str, Any]] = []

    async def checked() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
        try:
            return await asyncio.wait_for(main(), 50)
        finally:
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left

    try:
        return asyncio.run(checked())
    finally:
        gc.collect()
        assert problems == []


async def turns(count: int = 20) -> None:
    """Let other tasks come as far as they get by themselves."""
    for _ in range(count):
        await asyncio.sleep(0)


async def wait_inside(node: Gated) -> None:
    assert await asyncio.to_thread(node.is_inside.wait, 30)


async def read(session: LiveSession) -> list[Any]:
    return [output async for output in session]


async def fill(session: LiveSession, node: Gated, pending: int) -> None:
    """Have the node at work on item 0, and as many further items wait as may."""
    await session.write(0)
    await wait_inside(node)
    for number in range(1, pending + 1):
        assert session.try_write(number)


def threads_and_descriptors() -> tuple[int, int]:
    """How many threads this program has, and how many open files where the system tells."""
    folder = Path("/proc/self/fd")
    return threading.active_count(), len(list(folder.iterdir())) if folder.is_dir() else 0
