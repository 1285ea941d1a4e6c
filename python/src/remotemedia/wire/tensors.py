"""Numpy arrays on the wire (ext 7). Numpy is imported only when an array is there."""

from __future__ import annotations

import importlib
import weakref
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.exceptions import ValueTransferError

if TYPE_CHECKING:
    import numpy.typing as npt

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

_NAMED_CHARS = "?bhilqBHILQefdFD"
"""What numpy calls these in one letter, which it finds in no time."""

# An ndarray can be referred to weakly but not hashed, so typed arrays of TypeScript are kept by identity.
_bare: dict[int, weakref.ref[Any]] = {}


def tensor_fields(array: Array, path: str) -> list[Any]:
    """Take an array apart into ``[dtype, shape, bytes, bare]``.

    Raises:
        ValueTransferError: the array holds objects, fields or a mask.
    """
    dtype = array.dtype
    if dtype.hasobject or dtype.names is not None or hasattr(array, "mask"):
        kind = "masked array" if hasattr(array, "mask") else f"numpy array of dtype {dtype}"
        raise ValueTransferError(f"a {kind} cannot cross; give plain numeric arrays", path)
    little = dtype.newbyteorder("<")
    name = little.name if little.name in _NAMED else little.str
    return [name, list(array.shape), array.astype(little, copy=False).tobytes(), is_bare(array)]


def is_exact_tensor(array: Array) -> bool:
    """Whether an array, of no subclass, arrives in Python as it is: dtype, byte order, order of its axes."""
    dtype = array.dtype
    is_plain = dtype.isnative and dtype.char in _NAMED_CHARS and dtype.metadata is None
    return is_plain and (array.flags.c_contiguous or not array.flags.f_contiguous)


def tensor_from(fields: tuple[str, list[int], memoryview, bool]) -> Array:
    """Build the array that ``[dtype, shape, bytes, bare]`` describes: writable, with memory of its own.

    Raises:
        ValueError: dtype, shape and bytes do not fit together.
        TypeError: there is no such dtype.
    """
    numpy = importlib.import_module("numpy")
    name, shape, data, was_bare = fields
    dtype = numpy.dtype(name)
    if dtype.hasobject:
        raise ValueError(f"dtype {name!r} is not allowed on the wire")
    array = cast("Array", numpy.frombuffer(data, dtype=dtype).reshape(shape).copy())
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
