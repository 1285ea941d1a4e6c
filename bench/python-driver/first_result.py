"""A whole program: one item through one node, and the result on stdout."""

import asyncio

from remotemedia import Node, execute_pipeline_with_input


class Shout(Node):
    """Shouts."""

    def process(self, data: str) -> str:
        """Gives the text in capitals."""
        return data.upper()


print(
    "first result:",
    asyncio.run(execute_pipeline_with_input([Shout(name="shout")], ["hello"])),
    flush=True,
)
