"""What is in a node: its sessions, which ``cleanup()`` clears, and its fields, which may come home alone."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, cast

from remotemedia.core import lifecycle
from remotemedia.core.pickling.errors import SerializationError

_NEW_OBJECT = ("__newobj__", "__newobj_ex__")
"""What ``__reduce_ex__`` gives for objects that are made empty and then filled with their state."""

Sessions = dict[str, tuple[Any, dict[str, Any]]]
"""Sessions by id, each with its data."""


@dataclass(slots=True)
class TakenState:
    """What of a node must be taken before its ``cleanup()``.

    Attributes:
        sessions: by session id, the session and its data; None where there are none.
        is_initialized: whether the node was initialized.
    """

    sessions: Sessions | None
    is_initialized: bool


def name_of(node: Any) -> str:
    """The name of a node; that of its class where it has none."""
    name: Any = getattr(node, "name", None)
    return str(name) if isinstance(name, str) and name else type(node).__name__


def take_state(node: Any) -> TakenState:
    """Take what ``cleanup()`` clears: the sessions of a node that keeps state."""
    # Not by attribute: a Node makes its manager when it is first asked for.
    manager: Any = getattr(node, "__dict__", {}).get("state")
    sessions: Sessions | None = None
    if manager is not None and _keeps_sessions(manager):
        # The data too: a cleanup of one's own may empty each session.
        sessions = {key: (session, dict(session.data)) for key, session in manager.get_all_sessions().items()}
    return TakenState(sessions or None, lifecycle.is_initialized(node))


def restore_sessions(node: Any, sessions: Sessions | None) -> None:
    """Give a copy of the node its sessions."""
    if not sessions:
        return
    for session, values in sessions.values():
        session.data = values
    node.state.restore_sessions({key: session for key, (session, _) in sessions.items()})


def fields_of(node: Any) -> Any:
    """The state of a node as pickle has it: a dict, two of them, None, or what a ``__getstate__`` gave.

    Raises:
        SerializationError: a ``__reduce__`` of its own hides its fields.
    """
    reduction: Any = node.__reduce_ex__(5)
    if isinstance(reduction, str) or getattr(reduction[0], "__name__", "") not in _NEW_OBJECT:
        raise SerializationError(
            name_of(node),
            f"{type(node).__qualname__}.__reduce__() makes a new object, so that its state cannot come home",
            "Define __getstate__() and __setstate__() instead.",
        )
    return reduction[2]


def restore_fields(node: Any, state: Any) -> None:
    """Make the fields of a node those that ``fields_of`` gave of a copy of it."""
    new = by_name(state)
    for name in by_name(fields_of(node)).keys() - new.keys():
        # A __getstate__ may name what is no field.
        with contextlib.suppress(AttributeError):
            delattr(node, name)
    set_state: Any = getattr(node, "__setstate__", None)
    if set_state is not None:
        set_state(state)
        return
    for name, value in new.items():
        setattr(node, name, value)


def _keeps_sessions(manager: Any) -> bool:
    return all(
        callable(getattr(manager, method, None)) for method in ("get_all_sessions", "restore_sessions")
    )


def by_name(state: Any) -> dict[str, Any]:
    """The fields of a state, those in slots included; none where a ``__getstate__`` gave something else."""
    parts = cast("tuple[Any, ...]", state) if isinstance(state, tuple) else (state,)
    return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}  # pyright: ignore[reportUnknownVariableType]
