"""Nodes of the engine beside a live object: one that comes with it, one from a module beside this program."""

import asyncio
from pathlib import Path

from remotemedia import Node, execute_pipeline_with_input

UPPER = """
export class Upper {
  initialize() {}
  process(text) { return text.toUpperCase(); }
}
"""
Path("nodes.mjs").write_text(UPPER)


class Describe(Node):
    def process(self, data):
        return f"is {data}"


NODES = [
    {"node_type": "typescript:CalculatorNode", "params": {"operation": "multiply", "operand": 2}},
    Describe(name="describe"),
    {"node_type": "./nodes.mjs#Upper"},
]
print(asyncio.run(execute_pipeline_with_input(NODES, [1, 2.5])))
