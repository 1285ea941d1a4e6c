"""The thread of a run, which opens and ends it: whether it has something to do at this moment."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType

from remotemedia.driver.local import LocalRun
from remotemedia.driver.local_generation import LocalGeneration
from remotemedia.runner import loop as runner_loop
from remotemedia.runner.segment import Segment

# What a run is looks into itself here; no part of it says this to others, as nothing but a test asks.
# pyright: reportPrivateUsage=false

_WORK = (LocalRun._work.__code__, LocalGeneration._do.__code__)
_WAIT_FOR_LOOP = runner_loop._wait_for.__code__


def run_threads_rest(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether all threads of runs on a loop wait for the loop; called on it."""
    return all(_rests(frame, loop) for frame in sys._current_frames().values())


def _rests(innermost: FrameType, loop: asyncio.AbstractEventLoop) -> bool:
    is_answered = True
    frame: FrameType | None = innermost
    while frame is not None:
        if frame.f_code is _WAIT_FOR_LOOP:
            is_answered = frame.f_locals["done"].done()
        elif frame.f_code in _WORK:
            segment: Segment = frame.f_locals["self"]._segment
            return segment._own_loop is not loop or not is_answered or _waits(segment)
        frame = frame.f_back
    return True


def _waits(segment: Segment) -> bool:
    """Whether the thread waits to be woken, and will not find anything when it looks once more before."""
    return segment.is_at_rest and not segment.thread._has_entries(-1)
