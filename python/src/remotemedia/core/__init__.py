"""Nodes, their life cycle and the exceptions of the package."""

import logging

# Nothing is printed unless the program sets up logging, not even the warnings that Python writes to stderr.
logging.getLogger("remotemedia").addHandler(logging.NullHandler())
