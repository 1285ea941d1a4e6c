"""One config dict for nodes of two pipelines."""

import asyncio

from remotemedia.nodes import CalculatorNode
from remotemedia.runtime import execute_pipeline_with_input

SHARED_CONFIG = {"operation": "multiply", "operand": 3}


async def main():
    first = [CalculatorNode(name="first", **SHARED_CONFIG)]
    second = [CalculatorNode(name="second", **SHARED_CONFIG), CalculatorNode(name="third", **SHARED_CONFIG)]
    print(await execute_pipeline_with_input(first, [1, 2]), await execute_pipeline_with_input(second, [1, 2]))


asyncio.run(main())
