"""A stage that is there by condition, and drops items by returning None."""

import asyncio

from remotemedia.core.node import Node
from remotemedia.core.pipeline import Pipeline


class FilterNode(Node):
    def __init__(self, threshold, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold

    def process(self, data):
        return data if data >= self.threshold else None


class OutputNode(Node):
    def process(self, data):
        return data


async def build(use_filter):
    pipeline = Pipeline("conditional")
    if use_filter:
        pipeline.add_node(FilterNode(name="filter", threshold=5))
    pipeline.add_node(OutputNode(name="output"))
    return await pipeline.run([1, 5, 3, 9])


print(asyncio.run(build(True)), asyncio.run(build(False)))
