"""The live objects of a host, by handle."""

from __future__ import annotations

import difflib
import inspect
import itertools
import threading
from typing import Any

from remotemedia.core.exceptions import ClosedError
from remotemedia.core.node_serialization import TakenState, dump_state, load_instance, take_state
from remotemedia.runner.outputs import Traits


class ObjectTable:
    """Objects that an engine made here; they live until they are released."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._objects: dict[int, Any] = {}
        self._taken: dict[int, TakenState] = {}

    def add(self, target: Any) -> dict[str, Any]:
        """Keep an object; its handle and description."""
        with self._lock:
            number = next(self._numbers)
            self._objects[number] = target
        return {"object": number, **describe(target)}

    def adopt(self, pickled: bytes) -> dict[str, Any]:
        """Keep an object that another process serialized, not initialized; its handle and description.

        Raises:
            DeserializationError: it cannot be made here.
        """
        return self.add(load_instance(pickled))

    def take_state(self, number: int) -> None:
        """Take what ``cleanup()`` will clear, for a ``dump_state`` after it."""
        self._taken[number] = take_state(self.get(number))

    def dump_state(self, number: int) -> dict[str, Any]:
        """What is in an object, for the one that it was made from.

        Raises:
            SerializationError: something in it cannot cross, or it is too large.
        """
        return {"pickled": dump_state(self.get(number), self._taken.pop(number, None))}

    def get(self, number: int) -> Any:
        """The object of a handle.

        Raises:
            ClosedError: it was released, or never there.
        """
        try:
            return self._objects[number]
        except KeyError:
            raise ClosedError(
                f"there is no object {number} in this host; it may have been released"
            ) from None

    def release(self, numbers: list[int]) -> None:
        """Let go of objects."""
        with self._lock:
            for number in numbers:
                self._objects.pop(number, None)
                self._taken.pop(number, None)


def describe(target: Any) -> dict[str, Any]:
    """What the wire says of an object."""
    kind: type[Any] = type(target)  # pyright: ignore[reportUnknownVariableType]
    described: dict[str, Any] = {
        "className": kind.__qualname__,
        "module": kind.__module__,
        "traits": Traits(target).as_map(),
    }
    name = getattr(target, "name", None)
    if isinstance(name, str):
        described["name"] = str(name)
    return described


def get_attribute(target: Any, dotted: str) -> Any:
    """Follow a dotted name.

    Raises:
        AttributeError: a part of it is not there; the message suggests what may have been meant.
    """
    for part in dotted.split("."):
        try:
            target = getattr(target, part)
        except AttributeError as error:
            if inspect.getattr_static(target, part, None) is not None:
                raise
            raise AttributeError(
                f"{type(target).__qualname__} has no {part!r}{suggestion(part, dir(target))}"
            ) from error
    return target


def set_attribute(target: Any, dotted: str, value: Any) -> None:
    """Set what a dotted name says."""
    owner, _, last = dotted.rpartition(".")
    setattr(get_attribute(target, owner) if owner else target, last, value)


def suggestion(word: str, known: list[str]) -> str:
    """A question that names the nearest known words, or nothing."""
    near = difflib.get_close_matches(word, [entry for entry in known if not entry.startswith("__")], n=3)
    return f". Did you mean {' or '.join(map(repr, near))}?" if near else ""
