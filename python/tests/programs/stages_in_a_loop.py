"""A list of stages that is built in a loop."""

# pyright: reportArgumentType=false
# Users write it like this, with operations that are any str to a type checker.

import asyncio

from remotemedia.nodes import CalculatorNode
from remotemedia.runtime import execute_pipeline_with_input

STAGES = [("add", 1), ("multiply", 2), ("subtract", 3)]


async def main():
    nodes = []
    for index, (operation, operand) in enumerate(STAGES):
        nodes.append(CalculatorNode(name=f"stage_{index}", operation=operation, operand=operand))
    print(await execute_pipeline_with_input(nodes, [10, 20]))


asyncio.run(main())
