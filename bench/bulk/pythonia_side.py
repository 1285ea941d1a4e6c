"""What a program with pythonia calls."""

from typing import Any

import numpy as np

_array = np.zeros((1 << 20) // 8)


def first(numbers: Any) -> int:
    """Gives the first of the numbers."""
    return int(numbers[0])


def array_of(number: int) -> list[float]:
    """Gives a mebibyte of numbers that begins with this one, as a list: arrays do not cross."""
    _array[0] = number
    return _array.tolist()
