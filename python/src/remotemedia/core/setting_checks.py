"""Refusing wrong values of settings, in the same words for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from remotemedia.core.exceptions import ConfigurationError


class Check:
    """Refuses what is wrong with settings; ``place`` says whose they are, such as ``'Node "a": '``."""

    def __init__(self, place: str) -> None:
        """Check the settings of something."""
        self._place = place

    def __call__(self, name: str, is_right: bool, wanted: str, value: Any) -> None:
        """Refuse a value that is not right.

        Raises:
            ConfigurationError: says what is wanted, and what was given.
        """
        if is_right:
            return
        given = repr(value) if isinstance(value, (int, float, str)) else f"a {type(value).__name__}"
        raise ConfigurationError(f"{self._place}{name} must be {wanted}, got {given}.")

    def names(self, given: Mapping[str, Any], known: Iterable[str], name: str) -> None:
        """Refuse a field that is not known.

        Raises:
            ConfigurationError: says which there are.
        """
        known = tuple(known)
        unknown = next((field for field in given if field not in known), None)
        if unknown is not None:
            raise ConfigurationError(f'{self._place}{name} has no "{unknown}"; there are {", ".join(known)}.')


def is_whole(value: Any, least: int) -> bool:
    """Whether it is a whole number, and large enough."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_from(value: Any, least: float) -> bool:
    """Whether it is a number, and large enough."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= least
