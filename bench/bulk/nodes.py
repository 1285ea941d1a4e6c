"""The nodes of the bulk benchmarks. What two of them share lies in this module, which a host loads once."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
from remotemedia.data import VideoFrame

FLOATS_PER_MEBIBYTE = (1 << 20) // 8

_left_ns = 0
_durations_us: list[float] = []


def drain() -> list[float]:
    """Gives the durations that ``Back`` has noted since the last call, in µs, and forgets them."""
    durations = _durations_us.copy()
    _durations_us.clear()
    return durations


class Allocate:
    """Gives an array made with ``ctx.allocate`` that begins with the number that it gets."""

    def __init__(self, mebibytes: int = 1) -> None:
        self.shape = (mebibytes * FLOATS_PER_MEBIBYTE,)

    def process(self, number: int, ctx: Any) -> Any:
        """Gives the array; ``Back`` takes the time from here."""
        global _left_ns
        _left_ns = time.perf_counter_ns()
        array = ctx.allocate("float64", self.shape)
        array[0] = number
        return array


class Ordinary:
    """Gives an ordinary array of the program that begins with the number that it gets."""

    def __init__(self, mebibytes: int = 1) -> None:
        # Two, as the last one must not change until its answer is there.
        self.arrays = itertools.cycle(np.zeros((2, mebibytes * FLOATS_PER_MEBIBYTE)))

    def process(self, number: int) -> Any:
        """Gives the array; ``Back`` takes the time from here."""
        global _left_ns
        array = next(self.arrays)
        array[0] = number
        _left_ns = time.perf_counter_ns()
        return array


class First:
    """Answers an array with its first number, as an int."""

    def process(self, array: Any) -> int:
        """Gives the number."""
        return int(array[0])


class Back:
    """Takes the answer where the array was made, and notes how long it took."""

    def process(self, number: int) -> int:
        """Notes the time since the array left."""
        _durations_us.append((time.perf_counter_ns() - _left_ns) / 1e3)
        return number

    def drain(self) -> list[float]:
        """Gives what was noted, in µs."""
        return drain()


class Stamp:
    """Gives the time at which an item leaves."""

    def process(self, number: int) -> int:
        """Gives the time in ns, of a clock that all processes of the machine share."""
        return time.perf_counter_ns()


class Age:
    """Says how old an item of ``Stamp`` is."""

    def process(self, stamp_ns: int) -> int:
        """Gives the age in ns."""
        return time.perf_counter_ns() - stamp_ns


class Touch:
    """Passes pictures on, changed in one place, as a node does that draws into them."""

    def process(self, picture: Any) -> Any:
        """Gives the same picture."""
        pixels = picture.data if isinstance(picture, VideoFrame) else picture
        if isinstance(pixels, np.ndarray) and pixels.flags.writeable:
            pixels.reshape(-1)[1] = 255
        return picture


class Look:
    """Answers a picture with its first byte."""

    def process(self, picture: Any) -> int:
        """Gives the byte."""
        pixels = picture.data if isinstance(picture, VideoFrame) else picture
        return int(memoryview(pixels).cast("B")[0])


class Pass:
    """Gives back its item."""

    def process(self, item: Any) -> Any:
        """Gives the item."""
        return item


class Sized:
    """Makes arrays of any size, every second one with ``ctx.allocate``, filled with their number."""

    def process(self, order: list[int], ctx: Any) -> Any:
        """Gives an array for ``[number, KiB]``."""
        number, kibibytes = order
        shape = (kibibytes * 128,)
        array = ctx.allocate("float64", shape) if number % 2 else np.empty(shape)
        array.fill(number)
        return array


class Check:
    """Looks at an array of ``Sized``: at its ends, and once in each page."""

    def process(self, array: Any) -> list[int]:
        """Gives its number and its size in KiB.

        Raises:
            ValueError: it is not one number all over.
        """
        number = array[0]
        if array[-1] != number or not (array[::512] == number).all():
            raise ValueError(
                f"the array of {array.nbytes} bytes that begins with {number} is damaged"
            )
        return [int(number), array.nbytes // 1024]
