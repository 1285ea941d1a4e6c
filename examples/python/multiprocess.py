"""Two nodes that keep a processor busy, each in a process of its own, so that they work at the same time.

Any object may go: its class is that of a script, and it holds a function made on the spot. With
``return_state`` the original objects have, after the run, the state that their copies had.
"""

import asyncio
import os

from remotemedia import Node, execute_pipeline_with_input


class Primes(Node):
    """Takes a number, gives it with how many primes are below it that the filter takes."""

    def __init__(self, wanted, **config):
        super().__init__(**config)
        self.wanted = wanted
        self.tested = 0
        self.process_id = os.getpid()

    def initialize(self):
        self.process_id = os.getpid()

    def process(self, item):
        limit, *counts = item
        self.tested += limit
        found = [number for number in range(2, limit) if is_prime(number)]
        return limit, *counts, sum(map(self.wanted, found))


def is_prime(number):
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))


async def main():
    last_digit = 3
    nodes = [
        Primes(lambda prime: True, name="all", executor="multiprocess"),
        Primes(lambda prime: prime % 10 == last_digit, name="threes", executor="multiprocess"),
    ]
    inputs = [(limit,) for limit in (100, 1_000, 10_000)]
    for limit, primes, threes in await execute_pipeline_with_input(nodes, inputs, return_state=True):
        print(f"below {limit}: {primes} primes, {threes} of them end in {last_digit}")
    process_ids = {os.getpid(), *(node.process_id for node in nodes)}
    print("processes:", len(process_ids))
    print("tested in them:", [node.tested for node in nodes])


if __name__ == "__main__":
    asyncio.run(main())
