"""One list with live Python objects, manifest entries and a node written for Node.js.

The live objects run here, and keep their state; ``shout.mjs`` runs in the engine, a Node.js process that is
started for it and kept. An entry that names a type of both languages runs here, too.
"""

from pathlib import Path

from remotemedia import Node, Pipeline


class Counter(Node):
    """Puts a number in front of each text."""

    def __init__(self, **config):
        super().__init__(**config)
        self.count = 0

    def process(self, text):
        self.count += 1
        return f"{self.count}. {text}"


class Longest(Node):
    """Gives, at the end, the longest text."""

    def initialize(self):
        self.longest = ""

    def process(self, text):
        self.longest = max(self.longest, text, key=len)
        return text

    def flush(self):
        return f"(the longest was {self.longest!r})"


counter = Counter()
pipeline = Pipeline(
    [
        counter,
        {"node_type": "PassThrough"},
        {"node_type": "./shout.mjs#Shout"},
        Longest(),
    ]
)
# Where node types such as ./shout.mjs are looked for; by default the working directory.
pipeline.base_dir = str(Path(__file__).parent)

for text in pipeline.run_sync(["hello", "good morning", "hi"]):
    print(text)
print("counted by the live object:", counter.count)
