"""Node classes by name. A subclass of Node is registered by being defined; the newest of a name wins."""

from __future__ import annotations

_types: dict[str, type] = {}


def register(node_type: type, name: str | None = None) -> None:
    """Register a class under its name, with and without the ``Node`` suffix."""
    own = name or node_type.__name__
    short = own.removesuffix("Node") or own
    for key in (own, short, f"{short}Node"):
        _types[key] = node_type


def find(name: str) -> type | None:
    """The newest class of a name, or None."""
    return _types.get(name)


def registered() -> dict[str, type]:
    """All names and their classes."""
    return dict(_types)
