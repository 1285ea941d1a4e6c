"""RemoteMedia: pipelines of live Python and TypeScript objects."""

from remotemedia.core.node import Node

__version__ = "0.1.0"

__all__ = ["Node", "__version__"]
