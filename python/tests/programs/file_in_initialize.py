"""A node that opens its file in initialize() and closes it in cleanup() goes into another process."""

# pyright: reportOptionalMemberAccess=false
# Users write it like this.

import asyncio
import os
import sys

from remotemedia.core.node import Node
from remotemedia.runtime import execute_pipeline_with_input


class GoodNode(Node):
    def __init__(self, path, **kwargs):
        super().__init__(**kwargs)
        self.path = path
        self.file_handle = None

    def initialize(self):
        super().initialize()
        self.file_handle = open(self.path, "w")  # noqa: PTH123, SIM115 - as users write it

    def process(self, data):
        self.file_handle.write(f"{data}\n")
        return {"data": data, "pid": os.getpid()}

    def cleanup(self):
        super().cleanup()
        if self.file_handle:
            self.file_handle.close()
            self.file_handle = None


async def main():
    node = GoodNode(path=sys.argv[1], name="good", executor="multiprocess")
    results = await execute_pipeline_with_input([node], ["a", "b"])
    print([result["data"] for result in results], any(result["pid"] == os.getpid() for result in results))


asyncio.run(main())
