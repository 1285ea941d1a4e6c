"""Exceptions as bytes: a program catches the very class that was raised in a process that it started."""

from __future__ import annotations

import logging
from typing import Any

from remotemedia.core.pickling.objects import ObjectReader, ObjectWriter

_MAX_BYTES = 1 << 20
"""An exception may hold the item that it is about, and goes over the control connection."""

logger = logging.getLogger("remotemedia.serialization")


def pickle_exception(error: BaseException) -> bytes | None:
    """Pickle an exception with its arguments, attributes and notes, without its traceback and its causes.

    Returns:
        Bytes for ``load_exception``; None where it cannot be made again from them, or is too large.
    """
    if not isinstance(error, Exception):
        # What ends a process or a task ends none of the program's.
        return None
    for content in (error, _Remade(error)):
        try:
            pickled = ObjectWriter().write(content)
        except Exception as problem:
            logger.debug("%s cannot be pickled: %s", type(error).__qualname__, problem)
            return None
        if len(pickled) > _MAX_BYTES:
            return None
        if type(load_exception(pickled)) is type(error):
            return pickled
    return None


def load_exception(pickled: bytes) -> Exception | None:
    """Make an exception again; runs code of its class.

    Returns:
        None where that fails.
    """
    try:
        error = ObjectReader().read(pickled)
    except Exception as problem:
        logger.debug("an exception could not be unpickled: %s", problem)
        return None
    return error if isinstance(error, Exception) else None


class _Remade:
    """Stands for an exception whose ``__init__`` takes other arguments than are in ``args``."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        return _remake, (type(error), error.args, dict(error.__dict__))


def _remake(kind: type[Exception], args: tuple[Any, ...], fields: dict[str, Any]) -> Exception:
    """Without ``__init__``: what it did is in the fields."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error
