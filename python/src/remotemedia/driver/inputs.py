"""What a run is fed with."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.exceptions import InvalidInputError

if TYPE_CHECKING:
    from remotemedia.core.stuck import RunWatch
    from remotemedia.driver.written_input import WrittenInput
    from remotemedia.runner.losses import Accounts


@dataclass(slots=True)
class RunInput:
    """The items of a run.

    Attributes:
        items: what gives them.
        is_given: whether the caller gave an input at all.
        written: the same items, where they are written one by one: in a live session.
        session_id: that of the session.
        watch: how the run is watched, if it is.
        accounts: who keeps account of the session, if anybody does.
    """

    items: Iterable[Any] | AsyncIterable[Any]
    is_given: bool = True
    written: WrittenInput | None = None
    session_id: str | None = None
    watch: RunWatch | None = None
    accounts: Accounts | None = None

    @property
    def is_async(self) -> bool:
        """Whether the items have to be awaited."""
        return not hasattr(self.items, "__iter__")


def no_input() -> RunInput:
    """The input of a run without input: one empty text, for a first node that is no source."""
    return RunInput(("",), is_given=False)


def any_input(value: Any) -> RunInput:
    """The input of ``Pipeline.run``: a list or an iterator is many items, anything else is one."""
    if value is None:
        return no_input()
    if isinstance(value, list) or hasattr(cast("object", value), "__aiter__"):
        return RunInput(cast("Iterable[Any]", value))
    is_iterator = hasattr(value, "__next__") and hasattr(value, "__iter__")
    return RunInput(value if is_iterator and not isinstance(value, io.IOBase) else (value,))


def many_inputs(value: Any) -> RunInput:
    """The input of ``execute_pipeline_with_input``: any iterable or async iterable of items.

    Raises:
        TypeError: it is a single value.
    """
    is_many = isinstance(value, list) or (
        (hasattr(value, "__iter__") or hasattr(value, "__aiter__"))
        and not isinstance(value, (str, bytes, bytearray, memoryview, Mapping))
        and not hasattr(value, "__array_interface__")
    )
    if is_many:
        return RunInput(cast("Iterable[Any]", value))
    raise InvalidInputError(
        "input_data must be a list, an iterable or an async iterable of items, but it is one "
        f"{type(cast('object', value)).__name__}. For one item give [value]."
    )
