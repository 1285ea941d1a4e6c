"""Nodes that note the calls of their life cycle, with and without the base class."""

from remotemedia import Node


class Plain:
    """A node without the base class."""

    def __init__(self):
        self.calls = []

    def initialize(self):
        self.calls.append("initialize")

    def process(self, data):
        return data

    def cleanup(self):
        self.calls.append("cleanup")


class Recorder(Node):
    """One with it, whose own ``initialize`` tells that it was called."""

    def __init__(self, **config):
        super().__init__(**config)
        self.calls = []

    def initialize(self):
        self.calls.append("initialize")

    def process(self, data):
        return data

    def cleanup(self):
        self.calls.append("cleanup")
