"""The failure codec: an exception as a plain map, and back (``schema/wire.md``, Failures)."""

from __future__ import annotations

import builtins
import itertools
import re
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from remotemedia.core.exceptions import (
    HostDiedError,
    ManifestError,
    RemoteExecutionError,
    RemoteMediaError,
    ValueTransferError,
    error_of_code,
    exception_class_of,
)
from remotemedia.core.pickling.raised import load_exception, pickle_exception
from remotemedia.wire.raised_values import crossing_args, crossing_attributes

Failure = dict[str, Any]

_MAX_DEPTH = 20
_MAX_ERRORS = 100
"""How many exceptions one failure holds in all."""
_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_LINE_AND_COLUMN = re.compile(r"\bline (\d+), column (\d+)")
_FOREIGN_CODES = ("RM_NODE_FAILED", "RM_PYTHON_EXCEPTION")
"""Codes of what a node's own code raised."""
_RUNNER = str(Path(__file__).parent.parent / "runner")


class RemoteError(RemoteExecutionError):
    """An exception of a class that this side does not have; what the other side knew of it.

    Attributes:
        type_name: the exception's class name.
        module: the Python module of the class, or ``""``.
        language: ``python`` or ``typescript``.
        remote_traceback: the stack as the other side printed it.
    """

    def __init__(self, failure: Failure, errors: Sequence[BaseException] = ()) -> None:
        """Take over the fields of a failure."""
        super().__init__(failure["message"], failure.get("stack"))
        self.attributes = failure.get("attributes", {})
        self.errors = tuple(errors)
        self.type_name: str = failure["type"]
        self.module: str = failure.get("module", "")
        self.language: str = failure.get("language", "")

    def __str__(self) -> str:
        """Class and message."""
        return f"{self.type_name}: {self.args[0]}"


class RemoteTraceback(Exception):  # noqa: N818 - named as in concurrent.futures
    """The other side's traceback, kept as the cause of an exception that was built again here."""

    def __init__(self, stack: str) -> None:
        """Keep the stack."""
        super().__init__(stack)
        self.stack = stack

    def __str__(self) -> str:
        """Print the stack in quotes, as concurrent.futures does."""
        return f'\n"""\n{self.stack}"""'


def failure_of(
    error: BaseException,
    *,
    node_id: str | None = None,
    phase: str | None = None,
    item_index: int | None = None,
    is_pickled: bool = False,
) -> Failure:
    """Describe an exception as a failure.

    Args:
        error: the exception.
        node_id: the node whose code raised it.
        phase: ``initialize``, ``process``, ``flush``, ``stream``, ``source`` or ``cleanup``.
        item_index: position of the item in the node's own input, from 0.
        is_pickled: whether the exceptions themselves go along, for the Python program that is served.

    Returns:
        A map that can be written on the wire.
    """
    failure = _Describer(is_pickled).describe(error, _MAX_DEPTH)
    context = {"nodeId": node_id, "phase": phase, "itemIndex": item_index}
    failure.update({name: value for name, value in context.items() if value is not None})
    return failure


def exception_of(failure: Failure, *, is_trusted: bool = False) -> BaseException:
    """Build an exception from a failure, with its causes; the other side's traceback is the last of them.

    Built-in classes and those of this package become what they were, others a ``RemoteError``.

    Args:
        failure: what the other side said.
        is_trusted: whether a process that this one started said it, so that the exceptions that it pickled
            are made again: of any class, and with all they held.
    """
    errors: list[BaseException] = []
    stacks: list[str] = []
    left: Failure | None = failure
    while left is not None:
        error = _original(left) if is_trusted else None
        errors.append(_build(left) if error is None else error)
        _add_notes(errors[-1], left.get("notes", ()))
        # Where no original is there, it is in ``remote_traceback``.
        has_stack = error is None and isinstance(errors[-1], (RemoteError, RemoteMediaError))
        if left.get("stack") and not has_stack:
            stacks.append(left["stack"])
        left = left.get("cause")
    if stacks:
        # The first cause first, as Python prints them.
        errors.append(RemoteTraceback(_CAUSED.join(reversed(stacks))))
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[0]


def _original(failure: Failure) -> BaseException | None:
    """The exception that the other side pickled, if it can be made here."""
    pickled = failure.get("pickled")
    return None if pickled is None else load_exception(pickled)


def _add_notes(error: BaseException, notes: Iterable[str]) -> None:
    for note in notes:
        # An original has brought them.
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


class _Describer:
    """Makes one failure, of an exception and those that it leads to."""

    def __init__(self, is_pickled: bool) -> None:
        self._is_pickled = is_pickled
        self._left = _MAX_ERRORS

    def describe(self, error: BaseException, depth: int) -> Failure:
        self._left -= 1
        kind = type(error)
        failure: Failure = {
            "type": kind.__qualname__,
            "module": kind.__module__,
            "message": _clean(_message_of(error)),
            "stack": _clean(_stack_of(error)),
            "language": "python",
        }
        if isinstance(error, RemoteMediaError):
            _add_own(failure, error)
        else:
            _add_values(failure, error)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            for described in self._describe_all([cause], depth):
                failure["cause"] = described
        notes = getattr(error, "__notes__", None)
        if notes:
            failure["notes"] = [_clean(str(note)) for note in notes]
        pickled = pickle_exception(error) if self._is_pickled else None
        if pickled is not None:
            failure["pickled"] = pickled
        if isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            failure["errors"] = self._describe_all(group.exceptions, depth)
        return failure

    def _describe_all(self, errors: Sequence[BaseException], depth: int) -> list[Failure]:
        described: list[Failure] = []
        for error in errors:
            if depth <= 0 or self._left <= 0:
                break
            described.append(self.describe(error, depth - 1))
        return described


def _add_own(failure: Failure, error: RemoteMediaError) -> None:
    """What an error of this package says beside its message."""
    code = getattr(error, "code", None)
    if isinstance(code, str):
        failure["code"] = code
    path = getattr(error, "path", None)
    if isinstance(error, ValueTransferError) and isinstance(path, str):
        failure["path"] = path


def _add_values(failure: Failure, error: BaseException) -> None:
    args = crossing_args(error)
    if args is not None:
        failure["args"] = args
    attributes = crossing_attributes(error)
    if attributes:
        failure["attributes"] = attributes


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:
        return f"<message unavailable: {type(problem).__name__}>"


def _stack_of(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(
            type(error), error, _without_runner(error.__traceback__), chain=False
        )
    except Exception as problem:
        return f"<traceback unavailable: {type(problem).__name__}>"
    return "".join(lines)


def _without_runner(frames: TracebackType | None) -> TracebackType | None:
    """Leave out the runner's own frames at the top, so that the user's code comes first."""
    own = frames
    while own is not None and own.tb_frame.f_code.co_filename.startswith(_RUNNER):
        own = own.tb_next
    return own if own is not None else frames


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _build(failure: Failure) -> BaseException:
    own = _build_own(failure)
    if own is not None:
        return own
    errors = [exception_of(inner) for inner in failure.get("errors", ())]
    kind = getattr(builtins, failure["type"], None) if failure.get("module") == "builtins" else None
    if isinstance(kind, type) and issubclass(kind, Exception):
        error = _build_group(kind, failure, errors) if errors else _build_built_in(kind, failure)
        if error is not None:
            return error
    return RemoteError(failure, errors)


def _build_built_in(kind: type[Exception], failure: Failure) -> Exception | None:
    """A built-in exception with what it was made with or, where that did not cross, with its message."""
    for args in (failure.get("args"), [failure["message"]]):
        if args is None:
            continue
        try:
            error = kind(*args)
        except (TypeError, ValueError):
            # Some, such as UnicodeDecodeError, cannot be made from a message alone.
            continue
        if str(error) == failure["message"] or isinstance(error, KeyError):
            return error
    return None


def _build_group(
    kind: type[Exception], failure: Failure, errors: Sequence[BaseException]
) -> Exception | None:
    message = failure.get("attributes", {}).get("message", failure["message"])
    try:
        return kind(message, errors)
    except (TypeError, ValueError):
        return None


def _build_own(failure: Failure) -> RemoteMediaError | None:
    """An error of this package, in whichever language it arose."""
    code = failure.get("code")
    if code is None or code in _FOREIGN_CODES:
        return None
    kind = exception_class_of(code)
    if kind is RemoteMediaError:
        return None
    ended = failure.get("exit")
    if issubclass(kind, HostDiedError) and ended is not None:
        return kind(failure["message"], ended.get("exitCode"), ended.get("signal"), ended.get("stderr", ()))
    if failure["type"] == "ManifestError" or issubclass(kind, ManifestError):
        return _manifest_error(kind, failure)
    return error_of_code(code, failure["message"], path=failure.get("path"))


def _manifest_error(kind: type[RemoteMediaError], failure: Failure) -> ManifestError:
    """What failed at a place of a manifest is an error of the manifest, whatever its code."""
    place = _LINE_AND_COLUMN.search(failure["message"])
    line, column = (None, None) if place is None else map(int, place.groups())
    made = kind if issubclass(kind, ManifestError) else ManifestError
    error = made(failure["message"], failure.get("path", ""), line, column)
    error.code = failure["code"]
    return error
