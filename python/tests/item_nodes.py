"""Nodes, classes and exceptions of the tests of items and errors, in a module that others can import."""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Any, NamedTuple

from remotemedia import Node


class Colour(enum.Enum):
    RED = "red"


class Flag(enum.IntFlag):
    ONE = 1
    TWO = 2


class Point(NamedTuple):
    x: int
    y: Any


class Text(str):
    pass


class Settings(dict[str, Any]):
    pass


@dataclasses.dataclass
class Word:
    text: str
    at: float = 0.0


class Unloadable:
    """Pickles, and cannot be made again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


class ModelError(ValueError):
    """What a library of one's own raises."""


class TwoArgumentsError(Exception):
    """``args`` holds one of them only, so that pickle cannot make it again."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class UnpicklableError(Exception):
    """Holds what no other process can have."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.held = (number for number in ())


class Raising(Node):
    """Raises what the item names."""

    def process(self, data: str) -> None:
        getattr(self, f"raise_{data}")()

    def raise_key(self) -> None:
        raise KeyError("k")

    def raise_json(self) -> None:
        json.loads("{")

    def raise_file(self) -> None:
        open("/nowhere/at/all")  # noqa: PTH123, SIM115

    def raise_model(self) -> None:
        error = ModelError("no weights", 7)
        error.add_note("download them")
        raise error

    def raise_two(self) -> None:
        raise TwoArgumentsError("odd", 3)

    def raise_unpicklable(self) -> None:
        raise UnpicklableError("held")

    def raise_chained(self) -> None:
        try:
            self.raise_file()
        except OSError as error:
            raise ModelError("no weights") from error

    def raise_group(self) -> None:
        raise ExceptionGroup("several", [ModelError("one"), KeyError("two")])


class FailingToInitialize(Raising):
    def initialize(self) -> None:
        raise ModelError("no weights")
