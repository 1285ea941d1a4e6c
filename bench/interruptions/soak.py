"""Interrupts sessions of a Python program at random; prints what happened as one line of JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from remotemedia import LiveSession, Pipeline

from nodes import Direct, Giving, Stepping, Waiting

EACH = 1_000
"""How many interruptions a session has."""

counts: Counter[str] = Counter()
complaints: list[str] = []


class Record:
    """What is known of one session: an item up to ``before`` is stale unless it survives."""

    def __init__(self) -> None:
        self.written: list[bool] = []
        self.before = -1
        self.seen: Counter[int] = Counter()


async def write(session: LiveSession, record: Record) -> None:
    """Write and interrupt in random turns."""
    for _ in range(EACH):
        for _ in range(random.randrange(4)):
            item = {
                "id": len(record.written),
                "survives": random.random() < 0.1,
                "turns": random.randrange(3),
            }
            record.written.append(item["survives"])
            await session.write(item, survives=item["survives"])
        for _ in range(random.randrange(3)):
            await asyncio.sleep(0)
        record.before = len(record.written) - 1
        session.interrupt()
        counts["interruptions"] += 1
    for _ in range(5):
        record.written.append(False)
        await session.write(
            {"id": len(record.written) - 1, "survives": False, "turns": 1}
        )
    session.end()


async def read(session: LiveSession, record: Record) -> None:
    """Note what comes, and what comes too late."""
    async for item in session:
        record.seen[item["id"]] += 1
        counts["stale outputs"] += item["id"] <= record.before and not item["survives"]


async def one_session() -> None:
    """A session from its first item to its end."""
    record = Record()
    async with Pipeline(
        [Direct(), Waiting(), Stepping(), Giving(), Direct()]
    ).open() as session:
        await asyncio.gather(write(session, record), read(session, record))
    for number, survives in enumerate(record.written):
        is_there = record.seen[number] > 0
        counts["out"] += is_there
        counts["interrupted"] += not is_there
        counts["lost"] += not is_there and (survives or number > record.before)
        counts["doubled"] += record.seen[number] > 1
    counts["written"] += len(record.written)


def own_mib() -> float:
    """The resident set, in MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def main(sessions: int) -> list[dict[str, Any]]:
    """All sessions, and what the program held meanwhile."""
    loop = asyncio.get_running_loop()
    # A busy machine is no complaint.
    loop.slow_callback_duration = 60
    loop.set_exception_handler(
        lambda _, context: complaints.append(str(context.get("message")))
    )
    samples: list[dict[str, Any]] = []
    for number in range(sessions):
        await one_session()
        if (number + 1) % max(1, sessions // 10) == 0:
            open_files = len(list(Path("/proc/self/fd").iterdir()))
            samples.append(
                {
                    "interruptions": counts["interruptions"],
                    "MiB": own_mib(),
                    "files": open_files,
                }
            )
            print(json.dumps(samples[-1]), file=sys.stderr, flush=True)
    return samples


random.seed(1)
sys.unraisablehook = lambda unraisable: complaints.append(str(unraisable.exc_value))
samples = asyncio.run(main(int(sys.argv[1]) // EACH))
gc.collect()
print(
    json.dumps({"counts": dict(counts), "samples": samples, "complaints": complaints})
)
