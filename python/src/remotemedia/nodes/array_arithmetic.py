"""What the calculator computes with numpy arrays. Numpy is imported by then: somebody made the array."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from remotemedia.core.exceptions import InvalidInputError
from remotemedia.nodes.arithmetic import show

_UFUNCS: dict[str, Any] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.true_divide,
    "power": np.power,
    "modulo": np.remainder,
}
_Array = npt.NDArray[Any]


def compute_array(operation: str, array: _Array, operand: Any) -> _Array:
    """Compute with each element; the array itself stays as it is.

    Args:
        operation: what to do.
        array: any shape, of whole, real or complex numbers.
        operand: the number on the right.

    Returns:
        An array of the same shape and dtype, but float64 where whole elements give fractions, and complex
        where the operand is.

    Raises:
        ZeroDivisionError: a division by zero.
        InvalidInputError: the elements are no numbers, or a result does not fit their dtype.
    """
    if array.dtype.kind not in "iufc":
        raise InvalidInputError(
            f"Calculator: cannot compute with an array of {array.dtype}. Convert it to a numeric dtype first."
        )
    if isinstance(operand, (Fraction, Decimal)):
        operand = float(operand)
    if operand == 0 and operation in ("divide", "modulo"):
        raise ZeroDivisionError(f"division by zero: {show(operation, 'array', operand)}")
    if array.dtype.kind not in "iu" or not isinstance(operand, int) or operation == "divide":
        return _compute_fractions(operation, array, operand)
    if operation == "power" and operand < 0:
        if not array.all():
            raise ZeroDivisionError(f"division by zero: {show(operation, 0, operand)}")
        return _compute_fractions(operation, array.astype(np.float64), operand)
    return _compute_whole(operation, array, operand)


def _compute_fractions(operation: str, array: _Array, operand: Any) -> _Array:
    try:
        # Infinity and NaN are results of real elements, as they are of Python's and numpy's floats.
        with np.errstate(all="ignore"):
            return np.asanyarray(_UFUNCS[operation](array, operand))
    except (TypeError, OverflowError) as error:
        raise InvalidInputError(
            f"Calculator: {show(operation, f'{array.dtype} array', operand)} cannot be computed: {error}."
        ) from error


def _compute_whole(operation: str, array: _Array, operand: int) -> _Array:
    if array.size == 0:
        return array.copy()
    if _fits(operation, array, operand):
        right = np.asarray(operand, array.dtype)
        return np.asanyarray(_UFUNCS[operation](array, right), array.dtype)
    return _compute_exactly(operation, array, operand)


def _fits(operation: str, array: _Array, operand: int) -> bool:
    """Whether operand and results surely fit the dtype; extreme elements give the extreme results."""
    limits = np.iinfo(array.dtype)
    if not limits.min <= operand <= limits.max:
        return False
    if operation == "modulo":
        return True
    ends = (int(array.min()), int(array.max()))
    if operation == "power" and operand > limits.bits and max(map(abs, ends)) > 1:
        return False
    results = [
        {"add": a + operand, "subtract": a - operand, "multiply": a * operand}.get(operation) for a in ends
    ]
    if operation == "power":
        results = [a**operand for a in ends]
    return all(result is not None and limits.min <= result <= limits.max for result in results)


def _compute_exactly(operation: str, array: _Array, operand: int) -> _Array:
    """Compute with Python's integers, to find the element whose result does not fit."""
    limits = np.iinfo(array.dtype)
    results = np.empty(array.size, array.dtype)
    for index, element in enumerate(array.flat):
        if operation == "power" and abs(element := int(element)) > 1 and operand > limits.bits:
            raise _does_not_fit(operation, index, element, operand, array)
        result = int(_exact(operation, int(element), operand))
        if not limits.min <= result <= limits.max:
            raise _does_not_fit(operation, index, int(element), operand, array)
        results[index] = result
    return results.reshape(array.shape)


def _exact(operation: str, a: int, b: int) -> int:
    from remotemedia.nodes.arithmetic import OPERATIONS

    return OPERATIONS[operation](a, b)


def _does_not_fit(operation: str, index: int, element: int, operand: int, array: _Array) -> InvalidInputError:
    return InvalidInputError(
        f"Calculator: element {index}: {show(operation, element, operand)} does not fit {array.dtype}. "
        "Convert the array to a wider type first."
    )
