"""What a node's ``process`` is given as ``ctx``, if it asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from remotemedia.slabs.arena import Arena


class NodeContext:
    """What a run tells a node; the argument ``ctx`` of a ``process`` that has one.

    Attributes:
        node_id: the node's id in the pipeline.
    """

    __slots__ = ("_allocate", "_numpy", "node_id")

    def __init__(self, node_id: str, arena: Arena | None) -> None:
        """Allocate in ``arena``, or in ordinary memory without one."""
        self.node_id = node_id
        self._numpy: Any = None
        self._allocate = None if arena is None else _allocator(arena)

    def allocate(self, dtype: npt.DTypeLike, shape: int | tuple[int, ...]) -> npt.NDArray[Any]:
        """Make an array to fill and give as an output, which crosses to another process without a copy.

        It lies in shared memory where outputs of this process go to another one on this machine. Once it is
        given as an output it belongs to whoever gets it: leave it alone then. Until then it is an ordinary
        array.

        Args:
            dtype: its dtype.
            shape: how long it is along each axis.

        Returns:
            An array in the order of C, with any content, like ``numpy.empty``.
        """
        numpy = self._numpy
        if numpy is None:
            numpy = self._numpy = importlib.import_module("numpy")
        array = None if self._allocate is None else self._allocate(numpy.dtype(dtype), shape)
        return numpy.empty(shape, dtype) if array is None else array


def _allocator(arena: Arena) -> Callable[[Any, int | tuple[int, ...]], npt.NDArray[Any] | None]:
    """What makes an array in shared memory; none if it is small, holds objects, or there is no room."""
    from remotemedia.core.exceptions import SharedMemoryFullError
    from remotemedia.slabs.arena import LEAST_BYTES

    arrays: Any = None

    def allocate(dtype: Any, shape: int | tuple[int, ...]) -> npt.NDArray[Any] | None:
        nonlocal arrays
        size = dtype.itemsize
        for length in (shape,) if isinstance(shape, int) else shape:
            size *= length
        if size < LEAST_BYTES or dtype.hasobject:
            return None
        if arrays is None:
            # It needs numpy, which is there by now.
            arrays = importlib.import_module("remotemedia.slabs.arrays")
        try:
            block = arena.allocate(size)
        except SharedMemoryFullError:
            # Whoever sends the array says so: perhaps nobody does.
            return None
        return None if block is None else arrays.allocated(block, size, dtype, shape)

    return allocate
