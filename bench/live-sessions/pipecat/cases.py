"""The same with Pipecat: a worker that runs frame processors, without what it adds for its clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.frames.frames import DataFrame, EndFrame, Frame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

NODES = 10
SAMPLE_RATE = 16_000

# It would print each start and end.
logger.remove()


@dataclass
class NumberFrame(DataFrame):
    """An item.

    Attributes:
        number: its value.
    """

    number: int = 0


class Add(FrameProcessor):
    """Counts up."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pushes the next number on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, NumberFrame):
            frame.number += 1
        await self.push_frame(frame, direction)


class Last(FrameProcessor):
    """Hands frames and the time of their coming to whoever waits for them."""

    def __init__(self, kind: type[Frame]) -> None:
        super().__init__(enable_direct_mode=True)
        self._kind = kind
        self.outputs: asyncio.Queue[tuple[Any, float]] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keeps what is asked for, and pushes all else on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, self._kind):
            self.outputs.put_nowait((frame, time.perf_counter()))
        else:
            await self.push_frame(frame, direction)


@asynccontextmanager
async def running(
    processors: list[FrameProcessor], kind: type[Frame]
) -> AsyncIterator[tuple[PipelineWorker, asyncio.Queue[tuple[Any, float]]]]:
    """A pipeline that runs: its worker, and what comes out."""
    last = Last(kind)
    worker = PipelineWorker(
        Pipeline([*processors, last]),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_pipeline_started(_worker: PipelineWorker, _frame: Frame) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    run = asyncio.create_task(runner.run())
    await started.wait()
    yield worker, last.outputs
    await worker.queue_frame(EndFrame())
    await run


def chain(is_direct: bool) -> list[FrameProcessor]:
    """Ten processors."""
    return [Add(enable_direct_mode=is_direct) for _ in range(NODES)]


def items(count: int, is_direct: bool) -> float:
    """Many frames through a chain, its queues without a bound: µs per item and node."""

    async def measure() -> float:
        async with running(chain(is_direct), NumberFrame) as (worker, outputs):
            start = time.perf_counter()
            for number in range(count):
                await worker.queue_frame(NumberFrame(number=number))
            numbers = [(await outputs.get())[0].number for _ in range(count)]
            duration = time.perf_counter() - start
        check(numbers, [number + NODES for number in range(count)])
        return duration

    return asyncio.run(measure()) / count / NODES * 1e6


def one_at_a_time(count: int, is_direct: bool) -> list[float]:
    """Frames through a chain, each queued when the one before has come out: µs of each."""

    async def measure() -> list[float]:
        durations: list[float] = []
        async with running(chain(is_direct), NumberFrame) as (worker, outputs):
            for number in range(count):
                start = time.perf_counter()
                await worker.queue_frame(NumberFrame(number=number))
                frame, _ = await outputs.get()
                durations.append((time.perf_counter() - start) * 1e6)
                check(frame.number, number + NODES)
        return durations

    return asyncio.run(measure())


def chunks(count: int, interval: float, byte_length: int) -> list[float]:
    """Audio chunks, queued at their pace, to a processor: µs until it has each."""

    async def measure() -> list[float]:
        latencies: list[float] = []
        chunk = bytes(byte_length)
        async with running([], InputAudioRawFrame) as (worker, outputs):
            for _ in range(count):
                await asyncio.sleep(interval)
                start = time.perf_counter()
                frame = InputAudioRawFrame(
                    audio=chunk, sample_rate=SAMPLE_RATE, num_channels=1
                )
                await worker.queue_frame(frame)
                _, came = await outputs.get()
                latencies.append((came - start) * 1e6)
        return latencies

    return asyncio.run(measure())


def check(outputs: Any, expected: Any) -> None:
    """A figure of a wrong run is none.

    Raises:
        RuntimeError: the outputs are not what is expected.
    """
    if outputs != expected:
        raise RuntimeError(f"other outputs than expected: {str(outputs)[:200]}")


CASES: dict[str, Callable[..., Any]] = {
    case.__name__: case for case in (items, one_at_a_time, chunks)
}
