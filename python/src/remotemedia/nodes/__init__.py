"""Built-in nodes, and the registration of further ones."""

from remotemedia.core.node import Node
from remotemedia.nodes.base import PassThroughNode
from remotemedia.nodes.calculator import CalculatorNode
from remotemedia.nodes.io_nodes import DataSinkNode, DataSourceNode
from remotemedia.nodes.registration import (
    NodeRegistration,
    get_registered_nodes,
    register_python_node,
    streaming_node,
)

__all__ = [
    "CalculatorNode",
    "DataSinkNode",
    "DataSourceNode",
    "Node",
    "NodeRegistration",
    "PassThroughNode",
    "get_registered_nodes",
    "register_python_node",
    "streaming_node",
]
