"""What the calculator computes with two numbers, by the rules of Python."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from remotemedia.core.exceptions import InvalidInputError

OPERATIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "modulo": operator.mod,
}

NUMBERS: Final = (int, float, complex, Fraction, Decimal)

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "modulo": "%"}
# Exact powers are computed up to this many bits; more takes minutes and gigabytes.
_MAX_POWER_BITS = 1_000_000
_MAX_SHOWN = 40


def is_number(value: object) -> bool:
    """Whether the calculator takes a value as a number: any of Python's and numpy's, but no bool."""
    return (isinstance(value, NUMBERS) and not isinstance(value, bool)) or is_numpy_number(value)


def is_numpy_number(value: object) -> bool:
    """Whether a value is one number of numpy's; numpy need not be there."""
    dtype = getattr(value, "dtype", None)
    is_scalar = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return is_scalar and getattr(dtype, "kind", "") in "iufc" and not hasattr(value, "__array_finalize__")


def compute(operation: str, a: Any, b: Any) -> Any:
    """Compute with two numbers.

    Args:
        operation: one of ``OPERATIONS``.
        a: the number on the left.
        b: the number on the right.

    Raises:
        ZeroDivisionError: a division by zero.
        InvalidInputError: the two do not go together, or there is no real result of real numbers.
    """
    if operation == "power":
        _refuse_huge_power(a, b)
    try:
        result = OPERATIONS[operation](a, b)
    except TypeError as error:
        raise InvalidInputError(
            f"Calculator: {show(operation, a, b)} cannot be computed: {error}."
        ) from error
    if isinstance(result, complex) and not isinstance(a, complex) and not isinstance(b, complex):
        raise InvalidInputError(f"Calculator: {show(operation, a, b)} has no real result.")
    return result


def show(operation: str, a: Any, b: Any) -> str:
    """The calculation as it is written, for errors."""
    return f"{_numeral(a)} {_SIGNS[operation]} {_numeral(b)}"


def describe(value: object) -> str:
    """A value with its type, for errors: ``'x' (str)``, ``3 (int)``, ``dict``."""
    if isinstance(value, (str, bytes)):
        shown = value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN]
        return f"{shown!r}{'' if shown is value else '…'} ({type(value).__name__})"
    if value is None or isinstance(value, (bool, *NUMBERS)):
        return "None" if value is None else f"{_numeral(value)} ({type(value).__name__})"
    return type(value).__name__


def _refuse_huge_power(a: Any, b: Any) -> None:
    is_whole = isinstance(a, int) and isinstance(b, int)
    if is_whole and abs(a) > 1 and a.bit_length() * b > _MAX_POWER_BITS:
        raise InvalidInputError(f"Calculator: {show('power', a, b)} is too large to be computed.")


def _numeral(value: Any) -> str:
    # Python refuses to write out very long integers.
    if isinstance(value, int) and value.bit_length() > 80:
        return f"an integer of {value.bit_length()} bits"
    return str(value)
