"""Nodes that arrays go through; they keep a few of them, as a node may that is killed."""

from collections import deque


class Pass:
    def __init__(self):
        self.kept = deque(maxlen=3)

    def process(self, array):
        self.kept.append(array)
        return array


class Sum:
    def process(self, array):
        return float(array.sum())
