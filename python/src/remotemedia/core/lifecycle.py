"""The life cycle record of every object that runs: who initialized it, and how many runs share it.

The base class notes calls of ``initialize`` and ``cleanup`` itself. Of other objects a record is kept
here, by weak reference where the object allows it.
"""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from remotemedia.core.exceptions import NodeBusyError

State = Literal["new", "initializing", "ready", "cleaning"]


class LifecycleRecord:
    """What is known of one object.

    Attributes:
        call_lock: held while sync code of the object runs: a call, or one step of a generator.
        async_owner: the run whose async ``process`` is inside, if any; see ``runner.locks``.
    """

    def __init__(self) -> None:
        """Start without users."""
        self.call_lock = threading.RLock()
        self.async_owner: object | None = None
        self.async_depth = 0
        self.async_waiters: list[Callable[[], None]] = []
        self.mutex = threading.Lock()
        self._changed = threading.Condition()
        self._state: State = "new"
        self._users = 0
        self._is_users_own = False
        self._streaming_run: object | None = None

    def enter(self, is_initialized: bool) -> bool:
        """Count one more run; wait while another one initializes or cleans up.

        Args:
            is_initialized: whether the object says that it has been initialized.

        Returns:
            Whether the caller must initialize the object and then call ``initialized``.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._state not in ("initializing", "cleaning"))
            if self._users == 0:
                self._is_users_own = is_initialized
                self._state = "ready" if is_initialized else "new"
            self._users += 1
            if self._state == "ready":
                return False
            self._state = "initializing"
            return True

    def initialized(self, is_ok: bool) -> None:
        """Say how the initialization that ``enter`` asked for went; a failed one uncounts the run."""
        with self._changed:
            self._state = "ready" if is_ok else "new"
            self._users -= 0 if is_ok else 1
            self._changed.notify_all()

    def leave(self) -> bool:
        """Take a run out of the count.

        Returns:
            Whether the caller must clean the object up and then call ``cleaned``.
        """
        with self._changed:
            self._users -= 1
            if self._users > 0 or self._is_users_own:
                return False
            self._state = "cleaning"
            return True

    def cleaned(self) -> None:
        """Say that the cleanup that ``leave`` asked for is over."""
        with self._changed:
            self._state = "new"
            self._changed.notify_all()

    def claim_stream(self, run: object, name: str) -> None:
        """Claim the object for one streaming or source place.

        Raises:
            NodeBusyError: another place or run has it.
        """
        with self._changed:
            if self._streaming_run is not None:
                place = "at another place of this run" if self._streaming_run is run else "in another run"
                raise NodeBusyError(
                    f'Node "{name}" is a streaming or source node and already running {place}. '
                    "Give each place and run an object of its own."
                )
            self._streaming_run = run

    def release_stream(self, run: object) -> None:
        """Give a claim back; without one it does nothing."""
        with self._changed:
            if self._streaming_run is run:
                self._streaming_run = None


class _Registry:
    """Records by object identity, forgotten with the object where it can be referred to weakly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[int, tuple[LifecycleRecord, Any, bool]] = {}

    def record_of(self, target: object) -> LifecycleRecord:
        key = id(target)
        with self._lock:
            entry = self._records.get(key)
            if entry is None:
                try:
                    keeper: Any = weakref.ref(target, lambda _gone: self._forget(key))
                except TypeError:
                    # A class with __slots__ and no __weakref__: the record keeps the object alive.
                    keeper = target
                entry = (LifecycleRecord(), keeper, False)
                self._records[key] = entry
            return entry[0]

    def note(self, target: object, is_initialized: bool) -> None:
        self.record_of(target)
        with self._lock:
            record, keeper, _ = self._records[id(target)]
            self._records[id(target)] = (record, keeper, is_initialized)

    def is_noted(self, target: object) -> bool:
        with self._lock:
            entry = self._records.get(id(target))
            return entry is not None and entry[2]

    def _forget(self, key: int) -> None:
        # Garbage collection calls this, perhaps while this very thread holds the lock; dict.pop is atomic.
        self._records.pop(key, None)


_registry = _Registry()


def record_of(target: object) -> LifecycleRecord:
    """The record of an object, made when it is first asked for."""
    return _registry.record_of(target)


def is_initialized(target: object) -> bool:
    """Whether somebody has initialized the object, as far as it or its record knows."""
    return getattr(target, "_is_initialized", None) is True or _registry.is_noted(target)


def note_initialized(target: object) -> None:
    """Note that an object was initialized; for objects that do not note it themselves."""
    _registry.note(target, True)


def note_cleaned_up(target: object) -> None:
    """Note that an object was cleaned up; for objects that do not note it themselves."""
    _registry.note(target, False)


def recording(method: Callable[..., Any], is_initialize: bool) -> Callable[..., Any]:
    """Wrap an ``initialize`` or ``cleanup`` of a Node class so that the instance knows of the call.

    The outermost call has the last word: an override that fails after its ``super().initialize()`` leaves the
    instance uninitialized.
    """
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def record_async(self: Any, *args: Any, **kwargs: Any) -> Any:
            return await _record_awaited(self, method(self, *args, **kwargs), is_initialize)

        return record_async

    @functools.wraps(method)
    def record(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_ok = False
        try:
            result = method(self, *args, **kwargs)
            if inspect.isawaitable(result):
                return _record_awaited(self, result, is_initialize)
            is_ok = is_initialize
        finally:
            self._is_initialized = is_ok
        return result

    return record


async def _record_awaited(node: Any, result: Awaitable[Any], is_initialize: bool) -> Any:
    is_ok = False
    try:
        value = await result
        is_ok = is_initialize
    finally:
        node._is_initialized = is_ok
    return value
