"""Nodes, their life cycle and the exceptions of the package."""

import logging

# Nothing is printed unless the program sets up logging, not even warnings, which Python would write to stderr.
logging.getLogger("remotemedia").addHandler(logging.NullHandler())
