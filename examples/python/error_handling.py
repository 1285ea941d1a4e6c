"""What goes wrong, and what the exceptions say of it."""

import sqlite3

from remotemedia import Node, RemoteMediaError, execute_pipeline_with_input_sync
from remotemedia.core.exceptions import InvalidNodeError, UnknownNodeTypeError
from remotemedia.core.node_serialization import SerializationError


class Inverse(Node):
    def process(self, value):
        return 1 / value


class Store(Node):
    def __init__(self, **config):
        super().__init__(**config)
        self.tables = {"main": sqlite3.connect(":memory:")}

    def process(self, value):
        return value


print("1. The exception of a node is the original one. A note says where it came from.")
try:
    execute_pipeline_with_input_sync([Inverse(name="inverse")], [2, 1, 0])
except ZeroDivisionError as error:
    print(type(error).__name__, error.args, error.__notes__)

print("2. What cannot go to another process is named before anything runs.")
try:
    execute_pipeline_with_input_sync([Store(name="store", executor="multiprocess")], [1])
except SerializationError as error:
    print(f"node {error.node_name!r}, attribute {error.attribute!r}")
    print("reason:", error.reason)
    print("suggestion:", error.suggestion)

print("3. A node type that does not exist; every error of the package has a code.")
try:
    execute_pipeline_with_input_sync([{"node_type": "Calculater"}], [1])
except UnknownNodeTypeError as error:
    print(error.code, str(error).split(" Known are")[0])

print("4. A list with something else in it.")
try:
    execute_pipeline_with_input_sync([Inverse(), Inverse, 7], [1])
except InvalidNodeError as error:
    print(isinstance(error, TypeError), error)

print("5. All errors of the package have one root.")
try:
    execute_pipeline_with_input_sync([], [1])
except RemoteMediaError as error:
    print(error.code, isinstance(error, ValueError))
