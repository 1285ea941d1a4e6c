"""The dtype of an array of records as a text, for languages without records (``schema/wire.md``, Values)."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

BEGINS = "{"
"""What no other text of a dtype begins with."""


def record_text(dtype: np.dtype[Any]) -> str:
    """Describe a dtype with fields: JSON of what numpy makes one of.

    Raises:
        TypeError: the title of a field is no text.
    """
    return json.dumps(_described(dtype), separators=(",", ":"))


def record_dtype(text: str) -> np.dtype[Any]:
    """The dtype that a text describes.

    Raises:
        ValueError: it describes none.
        TypeError: likewise.
        KeyError: likewise.
    """
    try:
        return _dtype(json.loads(text))
    except OverflowError as error:
        raise ValueError(f"{text!r:.80} is no dtype: {error}") from error


def _described(dtype: np.dtype[Any]) -> Any:
    if dtype.subdtype is not None:
        element, shape = dtype.subdtype
        return [_described(element), shape]
    if dtype.names is None or dtype.fields is None:
        return dtype.str
    # In the order of the names, which is not that of the mapping.
    by_name = cast("Mapping[str, tuple[Any, ...]]", dtype.fields)
    fields = [by_name[name] for name in dtype.names]
    described = {
        "names": dtype.names,
        "formats": [_described(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": dtype.itemsize,
    }
    titles = [field[2] if len(field) > 2 else None for field in fields]
    if not all(isinstance(title, str | None) for title in titles):
        raise TypeError("the title of a field is no text")
    return {**described, "titles": titles} if any(title is not None for title in titles) else described


def _dtype(described: object) -> np.dtype[Any]:
    numpy = importlib.import_module("numpy")
    if isinstance(described, str):
        return numpy.dtype(described)
    if isinstance(described, list):
        element, shape = cast("list[Any]", described)
        return numpy.dtype((_dtype(element), tuple(shape)))
    if not isinstance(described, dict):
        raise ValueError(f"{described!r:.40} is no dtype")
    parts = cast("dict[str, Any]", described)
    known = {key: parts[key] for key in ("names", "offsets", "itemsize", "titles") if key in parts}
    return numpy.dtype({**known, "formats": [_dtype(entry) for entry in parts["formats"]]})
