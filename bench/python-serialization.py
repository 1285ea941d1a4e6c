"""A node to bytes and back, beside cloudpickle alone: medians of interleaved rounds, in microseconds."""

import functools
import json
import statistics
import time
from datetime import timedelta
from pathlib import PurePosixPath

import cloudpickle
import numpy as np
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    deserialize_node_from_ipc,
    serialize_node_for_ipc,
)
from remotemedia.nodes import CalculatorNode

ROUNDS = 201
LARGE_BYTES = 90_000_000


class OfMain(Node):
    """A class that the other side cannot import, so that it travels along."""

    def __init__(self, **config):
        """Start counting."""
        super().__init__(**config)
        self.count = 0

    def process(self, data):
        """Count."""
        self.count += 1
        return data * self.config["factor"]


def fill(node):
    """Fields as nodes have them: settings, tables, small buffers."""
    node.words = {f"word{index}": [index, index / 2] for index in range(40)}
    node.history = [(index, f"item {index}", index % 2 == 0) for index in range(40)]
    node.path = PurePosixPath("/models/small.onnx")
    node.timeout = timedelta(seconds=5)
    node.buffer = bytes(2_000)
    return node


def ours(node):
    """What a run does with a node for another process."""
    return deserialize_node_from_ipc(serialize_node_for_ipc(node))


def alone(node):
    """No more than cloudpickle itself."""
    return cloudpickle.loads(cloudpickle.dumps(node))


def measure(node, repeats, rounds):
    """Medians of ours and of cloudpickle."""
    durations = {ours: [], alone: []}
    for round_number in range(rounds + 2):
        order = (ours, alone) if round_number % 2 else (alone, ours)
        for variant in order:
            run = functools.partial(variant, node)
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            if round_number >= 2:
                durations[variant].append((time.perf_counter() - start) / repeats * 1e6)
    return statistics.median(durations[ours]), statistics.median(durations[alone])


large = CalculatorNode(operation="add", operand=1)
large.weights = np.arange(LARGE_BYTES // 4, dtype=np.float32)
CASES = {
    "serialize + deserialize a Python node, its class importable": (
        fill(CalculatorNode(operation="add", operand=1)),
        20,
        ROUNDS,
    ),
    "… its class from __main__": (fill(OfMain(factor=2)), 5, ROUNDS),
    "… with a numpy array of 90 MB": (large, 1, 21),
    "… with next to nothing in it, its class importable": (
        CalculatorNode(operation="add", operand=1),
        50,
        ROUNDS,
    ),
}
for name, (node, repeats, rounds) in CASES.items():
    mine, its = measure(node, repeats, rounds)
    print(json.dumps({"figure": name, "ours": mine, "peer": its}), flush=True)
