"""A small node: says in which process it is."""

import os

from remotemedia import Node


class Pid(Node):
    def process(self, item):
        return {"item": item, "pid": os.getpid()}
