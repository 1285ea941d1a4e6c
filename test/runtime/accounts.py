"""Nodes whose outputs say from which input they come."""

import asyncio


class Even:
    def initialize(self):
        pass

    def process(self, n):
        return n if n % 2 == 0 else None


class Twice:
    def initialize(self):
        pass

    def process(self, n):
        yield n
        yield n


class Later:
    def initialize(self):
        pass

    async def process(self, n):
        await asyncio.sleep(0)
        return n
