"""Answers of the engine that are kept for the next equal question."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from remotemedia.core.fork_lock import ForkSafeLock

_MAX_KEPT = 256

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The newest answers by what they depend on. Any thread may use it."""

    def __init__(self) -> None:
        """Start empty."""
        self._answers: dict[Hashable, Value] = {}
        self._lock = ForkSafeLock()

    def get(self, key: Hashable) -> Value | None:
        """The answer of a key, or None."""
        return self._answers.get(key)

    def put(self, key: Hashable, answer: Value) -> None:
        """Keep an answer; the oldest one gives way where there are too many."""
        with self._lock:
            if key not in self._answers and len(self._answers) >= _MAX_KEPT:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = answer
