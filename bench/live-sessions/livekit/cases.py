"""Audio at its pace with LiveKit Agents: what goes in and out is this program's, so it needs no server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, ModelSettings, stt
from livekit.agents.voice.io import AudioInput

SAMPLE_RATE = 16_000


class Chunks(AudioInput):
    """What is put in comes in."""

    def __init__(self) -> None:
        super().__init__(label="chunks")
        self.queue: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.queue.get()


class Recognizer(stt.STT):
    """Is there, so that the session passes audio on; never asked."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(streaming=True, interim_results=False)
        )

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise NotImplementedError("The agent listens itself.")


class Listener(Agent):
    """Tells when a chunk has come to where speech is recognized."""

    def __init__(self) -> None:
        super().__init__(instructions="", stt=Recognizer())
        self.arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncIterator[stt.SpeechEvent]:
        """Hears nothing."""
        async for _ in audio:
            self.arrivals.put_nowait(time.perf_counter())
        return
        yield


def chunks(count: int, interval: float, byte_length: int) -> list[float]:
    """Audio chunks, put in at their pace, to the node that would recognize speech: µs until it has each."""

    async def measure() -> list[float]:
        latencies: list[float] = []
        source, agent, session = Chunks(), Listener(), AgentSession()
        session.input.audio = source
        await session.start(agent, record=False)
        samples = byte_length // 2
        for _ in range(count):
            await asyncio.sleep(interval)
            start = time.perf_counter()
            source.queue.put_nowait(
                rtc.AudioFrame(bytes(byte_length), SAMPLE_RATE, 1, samples)
            )
            latencies.append((await agent.arrivals.get() - start) * 1e6)
        await session.aclose()
        return latencies

    return asyncio.run(measure())


CASES: dict[str, Callable[..., Any]] = {"chunks": chunks}
