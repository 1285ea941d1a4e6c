"""What each node did, and how long it took."""

import asyncio

from remotemedia import Node, execute_pipeline_with_input


class Words(Node):
    """Gives each word of a text."""

    def process(self, text):
        yield from text.split()


class Lengths(Node):
    """Gives the length of a word; asks something slow for it."""

    async def process(self, word):
        await asyncio.sleep(0.001)
        return len(word)


async def main():
    texts = ["the quick brown fox", "jumps over", "the lazy dog"]
    result = await execute_pipeline_with_input([Words(), Lengths()], texts, enable_metrics=True)
    print("outputs:", result["outputs"])
    metrics = result["metrics"]
    print(f"whole run: {metrics['total_duration_us'] / 1000:.1f} ms")
    print("node         in  out  errors   average       p95")
    for node in metrics["node_metrics"]:
        print(
            f"{node['node_id']:<10} {node['items_in']:>4} {node['items_out']:>4} {node['errors']:>7}"
            f" {node['avg_duration_us']:>6.0f} µs {node['p95_duration_us']:>6.0f} µs"
        )


asyncio.run(main())
