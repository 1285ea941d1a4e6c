"""What an exception holds beside its message, as far as it can cross to another language or process."""

from __future__ import annotations

import contextlib
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

_MAX_BYTES = 64 * 1024
"""The values of one exception may take so much together: they go over the control connection."""


def crossing_args(error: BaseException) -> list[Any] | None:
    """What an exception was made with.

    Returns:
        A list; None where something of it cannot cross or it is too large.
    """
    args = list(error.args)
    size = _size_of(args)
    return None if size is None or size > _MAX_BYTES else args


def crossing_attributes(error: BaseException) -> dict[str, Any]:
    """The public attributes of an exception, without those that cannot cross or are too large.

    Returns:
        Those that its instance holds, and those that its class keeps in slots, as ``OSError`` does ``errno``.
    """
    attributes: dict[str, Any] = {}
    left = _MAX_BYTES
    for name, value in _public_attributes(error).items():
        size = _size_of({name: value})
        if size is None or size > left:
            continue
        left -= size
        attributes[name] = value
    return attributes


def _public_attributes(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in type(error).__mro__:
        if kind is BaseException:
            break
        for name, member in vars(kind).items():
            if isinstance(member, (MemberDescriptorType, GetSetDescriptorType)):
                # A slot that nobody has set says nothing.
                with contextlib.suppress(Exception):
                    value = getattr(error, name)
                    if value is not None:
                        found.setdefault(name, value)
    found.update(vars(error))
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _size_of(value: Any) -> int | None:
    # A program whose nodes are all its own needs none of the wire.
    from remotemedia.wire.values import encode

    try:
        return len(encode(value))
    except Exception:
        # Also what a value of a class of the user's raises: the failure itself matters more.
        return None
