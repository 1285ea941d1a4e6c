"""A small node for bench/restart.mjs: says in which process it is."""

import os


class Pid:
    def process(self, item):
        return {"item": item, "pid": os.getpid()}
