"""The cases of serialization.mjs, carried by cloudpickle: one line of JSON per case, in milliseconds."""

import json
import pickle
import sys
import time
from statistics import median

import cloudpickle
import numpy as np


class Small:
    """A configured node."""

    def __init__(self) -> None:
        self.name = "vad"
        self.threshold = 0.5
        self.window = 512
        self.labels = ["speech", "noise"]
        self.config = {
            "rate": 16000,
            "channels": 1,
            "options": {"mode": "fast", "depth": 3},
        }


class Point:
    """One of many instances."""

    def __init__(self, index: int) -> None:
        self.id = index
        self.name = f"item {index}"
        self.score = index / 3
        self.active = index % 2 == 0


def with_closures() -> Small:
    """A node that holds two functions, which share variables."""
    node = Small()
    count = 0
    factor = 3

    def scale(value: float) -> float:
        nonlocal count
        count += 1
        return value * factor

    def total() -> int:
        return count

    node.scale = scale
    node.total = total
    return node


def plain(index: int) -> dict:
    """One of many records."""
    return {
        "id": index,
        "name": f"item {index}",
        "score": index / 3,
        "active": index % 2 == 0,
    }


def measure(make, rounds: int) -> list[float]:
    """Medians of encoding and decoding, in milliseconds."""
    value = make()
    encodes, decodes = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        payload = cloudpickle.dumps(value)
        encodes.append(time.perf_counter() - start)
        start = time.perf_counter()
        pickle.loads(payload)
        decodes.append(time.perf_counter() - start)
    return [median(encodes) * 1e3, median(decodes) * 1e3]


def measure_out_of_band(size: int, rounds: int) -> list[float]:
    """The same for one array whose memory travels beside the payload."""
    value = {"samples": np.zeros(size, dtype=np.float32)}
    encodes, decodes = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        buffers: list[pickle.PickleBuffer] = []
        payload = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        encodes.append(time.perf_counter() - start)
        start = time.perf_counter()
        pickle.loads(payload, buffers=buffers)
        decodes.append(time.perf_counter() - start)
    return [median(encodes) * 1e3, median(decodes) * 1e3]


def main() -> None:
    """Answers one line for each line of the input: the cases take turns with those of the caller."""
    for line in sys.stdin:
        case = line.strip()
        if case == "small":
            result = measure(Small, 300)
        elif case == "closures":
            result = measure(with_closures, 200)
        elif case == "plain":
            result = measure(lambda: [plain(i) for i in range(10_000)], 5)
        elif case == "instances":
            result = measure(lambda: [Point(i) for i in range(10_000)], 5)
        elif case == "10MB":
            result = measure_out_of_band(10 * 1024 * 1024 // 4, 20)
        else:
            result = measure_out_of_band(90 * 1024 * 1024 // 4, 20)
        print(json.dumps(result), flush=True)


main()
