"""Real models as live objects: recorded speech → text → sentiment.

Both models are loaded once, by the program, and stay in their objects from run to run. They are inside their
PyPI packages: ``pip install pocketsphinx vaderSentiment``. Nodes, input and output are in this process, so
nothing is copied and no other process is started.
"""

import wave
from pathlib import Path

from pocketsphinx import Decoder
from remotemedia import Node, Pipeline
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

RECORDINGS = Path(__file__).parents[1] / "voice" / "recordings"


class Recognizer(Node):
    """Takes the path of a WAV file (16 kHz, mono, 16 bit), gives the text that is spoken in it."""

    decoder: Decoder

    def __init__(self, **config):
        super().__init__(**config)
        self.loads = 0

    def initialize(self):
        self.decoder = Decoder(samprate=16_000, loglevel="FATAL")
        self.loads += 1

    def process(self, path):
        with wave.open(str(path)) as recording:
            samples = recording.readframes(recording.getnframes())
        self.decoder.start_utt()
        self.decoder.process_raw(samples, full_utt=True)
        self.decoder.end_utt()
        return self.decoder.hyp().hypstr


class Sentiment(Node):
    """Takes a text, gives it with its sentiment from -1 to 1."""

    def __init__(self, analyzer, **config):
        super().__init__(**config)
        self.analyzer = analyzer

    def process(self, text):
        return self.analyzer.polarity_scores(text)["compound"], text


recognizer = Recognizer()
sentiment = Sentiment(SentimentIntensityAnalyzer())
# Initialized by the program, and so kept until the program cleans up. Otherwise each run does both.
recognizer.initialize()

pipeline = Pipeline([recognizer, sentiment])
for name in ("austen-0890.wav", "austen-0930.wav"):
    score, text = pipeline.run_sync(RECORDINGS / name)
    print(f"{score:+.2f}  {text}")

print(f"models loaded: {recognizer.loads}")
recognizer.cleanup()
