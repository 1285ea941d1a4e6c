"""A Python program whose node runs in another process, which is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from pids import Pid
from remotemedia import LiveSession, Pipeline


def crashes(kills: int) -> list[float]:
    """A host is killed in a live session: ms until the next item has been processed, of each kill."""

    async def measure() -> list[float]:
        durations: list[float] = []
        async with Pipeline([Pid(executor="multiprocess", restart=kills)]).open() as session:
            for kill in range(kills):
                await session.write(2 * kill)
                before = await _output_of(session, 2 * kill)
                start = time.perf_counter()
                os.kill(before, signal.SIGKILL)
                await session.write(2 * kill + 1)
                after = await _output_of(session, 2 * kill + 1)
                # What was written to a process that was about to die may have been processed there.
                if after != before:
                    durations.append((time.perf_counter() - start) * 1e3)
        return durations

    return asyncio.run(measure())


async def _output_of(session: LiveSession, item: int) -> int:
    """In which process an item was."""
    async for output in session:
        if output["item"] == item:
            return output["pid"]
    raise RuntimeError("the session has ended")


CASES: dict[str, Callable[..., Any]] = {"crashes": crashes}
