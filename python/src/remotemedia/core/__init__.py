"""Nodes, their life cycle and the exceptions of the package."""
