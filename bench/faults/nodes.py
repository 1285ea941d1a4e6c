"""The Python node of the fault soak."""

import os
import signal
import time

from remotemedia import Node


class Fragile(Node):
    """Kills its process where an item says so, is stuck for a moment where one says that."""

    def process(self, item):
        if item.get("dies") == "python":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.get("blocks"):
            time.sleep(0.02)
        return item
