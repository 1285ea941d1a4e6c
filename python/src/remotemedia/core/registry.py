"""Node classes by name. A subclass of Node is registered by being defined; the newest of a name wins."""

from __future__ import annotations

_types: dict[str, type] = {}
_changes = 0
_BUILT_IN = "remotemedia.nodes."


def register(node_type: type, name: str | None = None) -> None:
    """Register a class under its name, with and without the ``Node`` suffix.

    Built-in classes are imported when they are first needed, which may be after the program defined a class
    of the same name: they never take a name from it.
    """
    global _changes
    own = name or node_type.__name__
    short = own.removesuffix("Node") or own
    for key in (own, short, f"{short}Node"):
        if not _is_built_in(node_type) or _is_built_in(_types.get(key, node_type)):
            _changes += key not in _types
            _types[key] = node_type


def find(name: str) -> type | None:
    """The newest class of a name, or None."""
    return _types.get(name)


def registered() -> dict[str, type]:
    """All names and their classes."""
    return dict(_types)


def generation() -> int:
    """A number that is another one whenever a name has been added. The class of a name may be a newer one."""
    return _changes


def _is_built_in(node_type: type) -> bool:
    return node_type.__module__.startswith(_BUILT_IN)
