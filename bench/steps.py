"""Three small nodes, and the plain loop over them."""

import statistics
import sys
import time


class Step:
    """Adds one."""

    def process(self, item: int) -> int:
        return item + 1


def plain_loop(count: int) -> float:
    """Gives the time per item in µs, the median of many rounds."""
    nodes = [Step(), Step(), Step()]
    items = list(range(count))
    durations = []
    for _ in range(30):
        start = time.perf_counter()
        outputs = []
        for item in items:
            for node in nodes:
                item = node.process(item)
            outputs.append(item)
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) / count * 1e6


if __name__ == "__main__":
    print(plain_loop(int(sys.argv[1])))
