"""Nodes of tests: one that adds its letter to texts, as the one in TypeScript that it is tested beside, and one that hangs."""

import asyncio


class Letter:
    def __init__(self, letter):
        self.name = letter
        self.letter = letter
        self.count = 0
        self.life = []

    def initialize(self):
        self.life.append("initialize")

    def process(self, text):
        self.count += 1
        return f"{text}{self.letter}{self.count}.{len(self.life)}"

    def flush(self):
        self.life.append("flush")
        return f"[{self.letter}{self.count}]"

    def cleanup(self):
        self.life.append("cleanup")


class Hang:
    """Gives what it gets; at 0 it then waits until it is interrupted."""

    def initialize(self):
        pass

    async def process(self, item):
        yield item
        if item == 0:
            await asyncio.Event().wait()


class Numbers:
    """Counts from 0, for as long as somebody takes the numbers."""

    is_source = True

    def initialize(self):
        pass

    def process(self):
        number = 0
        while True:
            yield str(number)
            number += 1


class Joined:
    def initialize(self):
        pass

    def process(self, texts):
        return "+".join(texts)
