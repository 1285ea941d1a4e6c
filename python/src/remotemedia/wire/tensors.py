"""Numpy arrays on the wire (ext 7). Numpy is imported only when an array is there."""

from __future__ import annotations

import functools
import importlib
import weakref
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.wire.records import BEGINS, record_dtype, record_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from remotemedia.wire.slices import SliceWriter

    Array = npt.NDArray[Any]

_NAMED = frozenset(
    [
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
        "bool",
    ]
)

_KEPT_DTYPES = 256

_NAMED_CHARS = "?bhilqBHILQefdFD"
"""What numpy calls these in one letter, which it finds in no time."""

# An ndarray can be referred to weakly but not hashed, so typed arrays of TypeScript are kept by identity.
_bare: dict[int, weakref.ref[Any]] = {}


def tensor_fields(array: Array, path: str, slices: SliceWriter | None = None) -> list[Any]:
    """Take an array apart into ``[dtype, shape, bytes, bare]``, or with a SLICE for the bytes.

    Raises:
        ValueTransferError: the array holds objects or a mask.
    """
    described = None if type(array) is not _numpy().ndarray and hasattr(array, "mask") else _of(array.dtype)
    if described is None:
        kind = "masked array" if hasattr(array, "mask") else f"numpy array of dtype {array.dtype}"
        raise ValueTransferError(f"a {kind} cannot cross; give plain arrays without Python objects", path)
    name, little = described
    return [name, array.shape, array_bytes(array, little, slices), is_bare(array)]


@functools.lru_cache(_KEPT_DTYPES)
def _of(dtype: np.dtype[Any]) -> tuple[str, np.dtype[Any]] | None:
    """The name of a dtype on the wire, and the dtype in the byte order there; None if it cannot cross."""
    if dtype.hasobject:
        return None
    little = dtype.newbyteorder("<")
    if little.names is not None:
        try:
            return record_text(little), little
        except TypeError:
            # Titles may be anything.
            return None
    return little.name if little.name in _NAMED else little.str, little


@functools.lru_cache(_KEPT_DTYPES)
def _named(name: str) -> np.dtype[Any]:
    """The dtype of a name on the wire.

    Raises:
        ValueError: it holds objects.
        TypeError: there is no such dtype.
        KeyError: likewise.
    """
    dtype = record_dtype(name) if name.startswith(BEGINS) else _numpy().dtype(name)
    if dtype.hasobject:
        raise ValueError(f"dtype {name!r} is not allowed on the wire")
    return dtype


@functools.cache
def _numpy() -> Any:
    return importlib.import_module("numpy")


def array_bytes(array: Array, dtype: np.dtype[Any], slices: SliceWriter | None) -> Any:
    """The bytes of an array in the order of C, as a SLICE where they are many and there is shared memory.

    Raises:
        MemoryKeptError: there is none because consumers keep too much.
        SharedMemoryFullError: there is none because the folder is full.
    """
    placed = None if slices is None else slices.place_array(array, dtype)
    if placed is not None:
        return placed
    return (array if array.dtype is dtype else array.astype(dtype, copy=False)).tobytes()


def is_exact_tensor(array: Array) -> bool:
    """Whether an array, of no subclass, arrives in Python as it is: dtype, byte order, order of its axes."""
    dtype = array.dtype
    is_plain = dtype.isnative and dtype.char in _NAMED_CHARS and dtype.metadata is None
    return is_plain and (array.flags.c_contiguous or not array.flags.f_contiguous)


def tensor_from(name: str, shape: list[int], data: memoryview | Array, was_bare: bool) -> Array:
    """Build the array that ``[dtype, shape, bytes, bare]`` describes.

    Args:
        name: of the dtype.
        shape: how long it is along each axis.
        data: bytes, which are copied; or an array of them in shared memory, over which it is built.
        was_bare: whether it was a typed array of TypeScript.

    Raises:
        ValueError: dtype, shape and bytes do not fit together.
        TypeError: there is no such dtype.
    """
    numpy, dtype = _numpy(), _named(name)
    if isinstance(data, memoryview):
        array = cast("Array", numpy.frombuffer(data, dtype=dtype).reshape(shape).copy())
    else:
        if dtype.itemsize == 0:
            # Numpy divides by it.
            raise ValueError(f"an array of dtype {name!r} has no bytes to lie anywhere")
        array = cast("Array", numpy.ndarray(shape, dtype, data))
        if array.nbytes != data.nbytes:
            raise ValueError(f"an array of {array.nbytes} bytes over {data.nbytes}")
    if was_bare:
        remember_bare(array)
    return array


def remember_bare(array: Array) -> None:
    """Note that an array was a typed array of TypeScript, so that it goes back as one."""
    key = id(array)

    def forget(reference: weakref.ref[Any]) -> None:
        if _bare.get(key) is reference:
            del _bare[key]

    _bare[key] = weakref.ref(array, forget)


def is_bare(array: Array) -> bool:
    """Whether an array goes to TypeScript as a typed array, because it came from there as one."""
    reference = _bare.get(id(array))
    return reference is not None and reference() is array and array.ndim == 1
