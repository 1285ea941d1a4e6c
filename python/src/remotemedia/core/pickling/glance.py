"""A short look at what is near the surface of a large node, lest it be pickled to the end in vain.

It goes through lists, tuples, dicts and simple objects, the nearest first, and finds only what certainly is
pickled and certainly cannot be. What it overlooks, pickling finds.
"""

from __future__ import annotations

import collections
import itertools
from typing import Any

from remotemedia.core.pickling.kinds import is_opaque
from remotemedia.core.pickling.path import Step
from remotemedia.core.pickling.sizes import fields_of
from remotemedia.core.pickling.trace import Trace, is_plain

_MAX_OBJECTS = 5_000
_MAX_PARTS = 200
_PLAIN_KEYS = (str, int)


def glance(node: object) -> tuple[list[Step], BaseException] | None:
    """The way from a node to something near that cannot cross, and what pickling it raises; else None."""
    waiting: collections.deque[tuple[object, list[Step]]] = collections.deque(
        (value, [Step(node, f".{name}", value)]) for name, value in _state(node).items()
    )
    seen = {id(node)}
    opaque: dict[type, bool] = {}
    plain: dict[type, bool] = {}
    while waiting and len(seen) < _MAX_OBJECTS:
        target, steps = waiting.popleft()
        if id(target) in seen:
            continue
        seen.add(id(target))
        kind = type(target)
        if kind not in opaque:
            opaque[kind] = is_opaque(target)
            plain[kind] = is_plain(kind)
        if opaque[kind]:
            error = Trace().run(target)
            if error is not None:
                return steps, error
        waiting.extend(
            (part, [*steps, Step(target, text, part)]) for text, part in _parts(target, kind, plain[kind])
        )
    return None


def _state(node: object) -> dict[str, Any]:
    """The fields by the names under which the node has them."""
    try:
        fields = dict(fields_of(node))
    except Exception:
        # Pickling says so, in a moment.
        return {}
    own: dict[str, Any] = getattr(node, "__dict__", {})
    return {name: value for name, value in own.items() if name in fields and fields[name] is value}


def _parts(target: Any, kind: type, is_plain_kind: bool) -> list[tuple[str, Any]]:
    if kind in (list, tuple):
        parts: list[Any] = list(itertools.islice(target, _MAX_PARTS))
        return [(f"[{index}]", part) for index, part in enumerate(parts)]
    if kind is dict:
        entries: list[tuple[Any, Any]] = list(itertools.islice(target.items(), _MAX_PARTS))
        return [(f"[{key!r}]", part) for key, part in entries if type(key) in _PLAIN_KEYS]
    if is_plain_kind:
        fields: dict[str, Any] = getattr(target, "__dict__", {})
        return [(f".{name}", part) for name, part in fields.items()]
    return []
