"""How a user reaches what cannot cross: the text of a chain of objects that a trace found.

Parts that no attribute or index leads to are in angle brackets: ``<closure>.name``, ``<defaults>.name`` and
``<globals>.name`` of a function, ``<class>`` of an object; ``<keys>[i]`` and ``<values>[i]`` of a dict and
``<items>[i]`` of a set, in the order of iteration; ``<state>`` of an object with a ``__getstate__``, and
``<arguments>[i]`` of one with a ``__reduce__``.
"""

from __future__ import annotations

import contextlib
import inspect
import types
from dataclasses import dataclass
from typing import Any, cast

from remotemedia.core.pickling.trace import Reduction, Trace, is_new_arguments, slots_of

_NAMED_PARTS = (
    "__self__",
    "__func__",
    "func",
    "args",
    "keywords",
    "cell_contents",
    "fget",
    "fset",
    "fdel",
    "__bases__",
    "__orig_bases__",
    "__wrapped__",
)
_PLAIN_KEYS = (str, int, float, bool, bytes, type(None))
_FUNCTION_PARTS = {"__closure__": "closure", "__globals__": "globals", "__defaults__": "defaults"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way.

    Attributes:
        owner: where it starts.
        text: how it is written: ``.name``, ``[2]``, ``['key']``, ``.<closure>.name``.
        target: where it leads to.
    """

    owner: Any
    text: str
    target: Any


def steps_of(trace: Trace) -> list[Step]:
    """The way from the object that was pickled to the one that failed; empty where it is lost.

    It is where an object, rather than its class, has a ``__getstate__`` or ``__reduce_ex__``.
    """
    chain = trace.chain()
    steps: list[Step] = []
    if chain[0] is not trace.visited[0]:
        return steps
    position = 0
    while position < len(chain) - 1:
        text, taken = _step(trace, chain[position], chain[position + 1 :])
        steps.append(Step(chain[position], text, chain[position + taken]))
        position += taken
    return steps


def text_of(steps: list[Step]) -> str:
    """The whole way as one text."""
    return "".join(step.text for step in steps).removeprefix(".")


def attribute_name(owner: Any, child: Any) -> str | None:
    """The attribute of an object that holds this very child."""
    for name, value in _own_attributes(owner).items():
        if value is child and name.isidentifier():
            return name
    for name in _NAMED_PARTS:
        # Not by getattr: what a property or a __getattr__ makes anew is not found twice.
        if inspect.getattr_static(owner, name, None) is not None and _value(owner, name) is child:
            return name
    return None


def _value(owner: Any, name: str) -> Any:
    # A property of the user's may raise anything.
    with contextlib.suppress(Exception):
        return getattr(owner, name)
    return None


def _own_attributes(owner: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for kind in type(owner).__mro__:
        for name, member in vars(kind).items():
            if isinstance(member, types.MemberDescriptorType):
                attributes[name] = _value(owner, name)
    return attributes | dict(getattr(owner, "__dict__", None) or {})


def _step(trace: Trace, owner: object, rest: list[Any]) -> tuple[str, int]:
    """The text of one step, and how many entries of the chain it takes."""
    child = rest[0]
    if type(owner) in (list, tuple):
        return f"[{_index(owner, child)}]", 1
    if type(owner) in (set, frozenset):
        return f".<items>[{_index(owner, child)}]", 1
    if type(owner) is dict:
        return _entry(cast("dict[Any, Any]", owner), child), 1
    reduction = trace.reduction_of(owner)
    if isinstance(owner, types.FunctionType) and reduction is not None:
        return _function_step(owner, reduction, rest)
    if reduction is None:
        return ".<unknown>", 1
    return _reduced_step(owner, reduction, rest)


def _reduced_step(owner: Any, reduction: Reduction, rest: list[Any]) -> tuple[str, int]:
    child = rest[0]
    if child is type(owner):
        return _class_step(owner, rest)
    if (len(reduction) > 2 and child is reduction[2]) or slots_of(owner, child) is not None:
        return _state_step(owner, rest)
    for number, items in enumerate(reduction[3:5]):
        found = _item_step(number == 1, items, child)
        if found is not None:
            return found, 1
    name = attribute_name(owner, child)
    if name is not None:
        return f".{name}", 1
    arguments: Any = reduction[1]
    if len(rest) > 1 and (child is arguments or is_new_arguments(reduction, child)):
        name = attribute_name(owner, rest[1])
        return (f".{name}" if name is not None else f".<arguments>[{_index(arguments, rest[1])}]"), 2
    index = _index(arguments, child)
    return (f".<arguments>[{index}]" if index is not None else ".<reducer>"), 1


def _class_step(owner: Any, rest: list[Any]) -> tuple[str, int]:
    """A class that travels by value: what it holds is an attribute of its instances as well."""
    if len(rest) > 3 and type(rest[1]) is tuple and type(rest[2]) is dict:
        name = _key(cast("dict[str, Any]", rest[2]), rest[3])
        if name is not None and inspect.getattr_static(owner, name, None) is rest[3]:
            return f".{name}", 4
    return ".<class>", 1


def _state_step(owner: Any, rest: list[Any]) -> tuple[str, int]:
    """Through the state, a dict or a pair of dicts, to what is in it."""
    is_pair = _is_pair(rest[0]) and len(rest) > 1 and type(rest[1]) is dict
    taken = 2 if is_pair else 1
    state: Any = rest[taken - 1]
    if not isinstance(state, dict) or len(rest) == taken:
        # A partial's state is a tuple of what are its attributes.
        inner = attribute_name(owner, rest[1]) if isinstance(rest[0], tuple) and rest[1:] else None
        if inner is not None:
            return f".{inner}", 2
        name = attribute_name(owner, rest[0])
        return (".<state>" if name is None else f".{name}"), 1
    fields = cast("dict[str, Any]", state)
    child = rest[taken]
    name = attribute_name(owner, child)
    if name is None and isinstance(owner, type):
        name = _key(fields, child)
    return (f".<state>{_entry(fields, child)}" if name is None else f".{name}"), taken + 1


def _is_pair(state: Any) -> bool:
    return isinstance(state, tuple) and len(cast("tuple[Any, ...]", state)) == 2


def _item_step(is_dict: bool, items: Any, child: Any) -> str | None:
    if items is None:
        return None
    if not is_dict:
        index = _index(items, child)
        return None if index is None else f"[{index}]"
    if any(child is part for pair in items for part in pair):
        return _entry(dict(items), child)
    return None


def _function_step(owner: types.FunctionType, reduction: Reduction, rest: list[Any]) -> tuple[str, int]:
    """Into a function that travels by value: state is (its ``__dict__``, its parts)."""
    if len(rest) < 3 or rest[0] is not reduction[2]:
        return ".<code>", len(rest)
    parts = cast("dict[str, Any]", rest[1])
    child = rest[2]
    key = _key(parts, child)
    if parts is reduction[2][0]:
        return (f".{key}" if key is not None else _entry(parts, child)), 3
    if key is None or len(rest) == 3:
        return f".{key}", 3
    if key == "__closure__" and len(rest) > 4:
        # tuple → cell → its arguments → what it holds
        name = owner.__code__.co_freevars[_index(child, rest[3]) or 0]
        return f".<closure>.{name}", len(rest) - len(_after_cell(rest[4:], rest[3]))
    if key == "__defaults__":
        code = owner.__code__
        names = code.co_varnames[code.co_argcount - len(child) : code.co_argcount]
        return f".<defaults>.{names[_index(child, rest[3]) or 0]}", 4
    if key == "__kwdefaults__":
        return f".<defaults>.{_key(child, rest[3])}", 4
    if key in _FUNCTION_PARTS:
        return f".<{_FUNCTION_PARTS[key]}>.{_key(child, rest[3])}", 4
    return f".{key}", 3


def _after_cell(rest: list[Any], cell: types.CellType) -> list[Any]:
    while rest and rest[0] is not cell.cell_contents:
        rest = rest[1:]
    return rest[1:]


def _entry(owner: dict[Any, Any], child: Any) -> str:
    for number, (key, value) in enumerate(owner.items()):
        if value is child:
            return f"[{key!r}]" if isinstance(key, _PLAIN_KEYS) else f".<values>[{number}]"
    return f".<keys>[{_index(owner, child)}]"


def _key(owner: dict[str, Any], child: Any) -> str | None:
    return next((key for key, value in owner.items() if value is child), None)


def _index(owner: Any, child: Any) -> int | None:
    return next((number for number, part in enumerate(owner) if part is child), None)
