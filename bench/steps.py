"""Three small nodes, and the plain loop over them."""

import sys
import time


class Step:
    """Adds one."""

    def process(self, item: int) -> int:
        return item + 1


def plain_loop(count: int) -> float:
    """Gives the time per item in µs, the best of many rounds."""
    nodes = [Step(), Step(), Step()]
    items = list(range(count))
    best = float("inf")
    for _ in range(30):
        start = time.perf_counter()
        outputs = []
        for item in items:
            for node in nodes:
                item = node.process(item)
            outputs.append(item)
        best = min(best, time.perf_counter() - start)
    return best / count * 1e6


if __name__ == "__main__":
    print(plain_loop(int(sys.argv[1])))
