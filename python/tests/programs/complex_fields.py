"""A node whose fields are a complex object and a loaded model: the very same objects are used."""

import asyncio

from remotemedia.core.node import Node
from remotemedia.runtime import execute_pipeline_with_input


class Model:
    def __init__(self):
        self.calls = 0

    def predict(self, data):
        self.calls += 1
        return len(data)


class ComplexObject:
    def __init__(self):
        self.seen = []
        self.itself = self  # no pickle needed: it stays where it is
        self.key = lambda data: data.upper()


class CustomNode(Node):
    def __init__(self, complex_object, model, **kwargs):
        super().__init__(**kwargs)
        self.complex_object = complex_object
        self.model = model

    def process(self, data):
        self.complex_object.seen.append(self.complex_object.key(data))
        return self.model.predict(data)


async def main():
    complex_object, model = ComplexObject(), Model()
    node = CustomNode(complex_object, model, name="custom")
    print(await execute_pipeline_with_input([node], ["a", "bc"]), complex_object.seen, model.calls)


asyncio.run(main())
