"""What a node's ``process`` is given as ``ctx``, if it asks for it."""

from __future__ import annotations

import importlib
import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from remotemedia.core.session_id import SESSION_ID
from remotemedia.runner.tags import TAG, current_tag

if TYPE_CHECKING:
    import numpy.typing as npt

    from remotemedia.runner.segment import Segment
    from remotemedia.slabs.arena import Arena


class NodeContext:
    """What a run tells a node; the argument ``ctx`` of a ``process`` that has one.

    Attributes:
        node_id: the node's id in the pipeline.
    """

    __slots__ = ("_allocate", "_numpy", "_session", "node_id")

    def __init__(self, node_id: str, arena: Arena | None, session: Segment | None = None) -> None:
        """Allocate in ``arena``, or in ordinary memory without one; ``session`` can be interrupted."""
        self.node_id = node_id
        self._session = session
        self._numpy: Any = None
        self._allocate = None if arena is None else _allocator(arena)

    @property
    def session_id(self) -> str | None:
        """The id of the live session, the same in all hosts; None in a run."""
        return SESSION_ID.get()

    @property
    def interrupted(self) -> bool:
        """Whether the item of this call was interrupted: nobody wants what is made of it any more."""
        return self._session is not None and self._session.is_stale(TAG.get())

    def interrupt(self) -> None:
        """Interrupt the session, as a speaker who barges in does.

        Everything that was let in before the item of this call becomes stale in all hosts at once: what of it
        waits is dropped, what runs is cancelled, and what it leads to is discarded. In a run, whose items all
        count, nothing happens.
        """
        if self._session is not None:
            self._session.interrupt(current_tag().stamp)

    def survive(self) -> None:
        """Let the item of this call, and what is given for it, survive interruptions."""
        if self._session is not None:
            TAG.set(current_tag()._replace(survives=True))

    @property
    def timestamp_us(self) -> float | None:
        """When the item of this call is to be shown or heard, in µs of the clock of those who write; or None.

        What is given for the item has the same time, or the one that is assigned here. In a run nothing has
        one, but media of their own.
        """
        tag = TAG.get() if self._session is not None else None
        return None if tag is None else tag.timestamp_us

    @timestamp_us.setter
    def timestamp_us(self, timestamp_us: float | None) -> None:
        if self._session is not None:
            TAG.set(current_tag()._replace(timestamp_us=timestamp_us))

    def allocate(
        self, dtype: npt.DTypeLike, shape: SupportsIndex | Sequence[SupportsIndex]
    ) -> npt.NDArray[Any]:
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


def _allocator(arena: Arena) -> Callable[[Any, Any], npt.NDArray[Any] | None]:
    """What makes an array in shared memory; none if it is small, holds objects, or there is no room."""
    from remotemedia.core.exceptions import SharedMemoryFullError
    from remotemedia.slabs.arena import LEAST_BYTES

    arrays: Any = None

    def allocate(dtype: Any, shape: Any) -> npt.NDArray[Any] | None:
        nonlocal arrays
        size = _size_of(dtype.itemsize, shape)
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


def _size_of(item_size: int, shape: Any) -> int:
    """How many bytes an array has; 0 where ``shape`` is none, which numpy says best."""
    given = cast("Sequence[SupportsIndex]", shape if isinstance(shape, (tuple, list)) else (shape,))
    try:
        lengths = [operator.index(length) for length in given]
    except TypeError:
        return 0
    return 0 if min(lengths, default=0) < 0 else item_size * math.prod(lengths)
