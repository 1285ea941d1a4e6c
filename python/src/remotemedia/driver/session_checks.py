"""Refusing wrong arguments of a live session at the call, before they do harm elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from remotemedia.core.exceptions import InvalidArgumentError

_LARGEST = sys.float_info.max


def check_reason(reason: Any) -> None:
    """Check why a session is cancelled.

    Raises:
        InvalidArgumentError: it is nothing that ``wait`` could raise.
    """
    if reason is not None and not isinstance(reason, BaseException):
        raise InvalidArgumentError(
            f"The reason of cancel must be an exception, which wait() then raises, got {reason!r}. "
            'Give one, such as RuntimeError("…"), or leave it out.'
        )


def check_timestamp(timestamp_us: Any) -> None:
    """Check the presentation time of an item, where it has one.

    Raises:
        InvalidArgumentError: it is no finite number.
    """
    if timestamp_us is None:
        return
    is_number = isinstance(timestamp_us, (int, float)) and not isinstance(timestamp_us, bool)
    if not (is_number and -_LARGEST <= timestamp_us <= _LARGEST):
        raise InvalidArgumentError(
            f"timestamp_us must be a finite number, int or float, got {timestamp_us!r}. Leave it out "
            "where the item has no time."
        )


def check_taker(name: str, take: Any) -> None:
    """Check what is to be called during a session.

    Args:
        name: that of the argument.
        take: what was given; None for what is done by default.

    Raises:
        InvalidArgumentError: it cannot be called.
    """
    if take is not None and not callable(take):
        raise InvalidArgumentError(f"{name} must be a function that takes one argument, got {take!r}.")
