"""The life cycle record of every object that runs: who initialized it, and how many runs share it.

The base class notes calls of ``initialize`` and ``cleanup`` itself. Of other objects a record is kept
here, by weak reference where the object allows it.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from remotemedia.core.exceptions import NodeBusyError
from remotemedia.core.forking import runs_in_forked_child
from remotemedia.core.turns import Turns

State = Literal["new", "initializing", "ready", "cleaning"]


class Caller(Protocol):
    """A place of a run that calls the object's sync ``process``, without a lock while no other run does."""

    def guard(self) -> bool:
        """Take the record's lock for every call from now on; whether calls were without it until now."""
        ...

    def is_inside(self) -> bool:
        """Whether a call without the lock may not have returned yet."""
        ...

    def is_here(self) -> bool:
        """Whether its calls are made in the calling thread."""
        ...


class WaitGivenUpError(Exception):
    """A run was cancelled while it waited for another one that uses the same object."""


class LifecycleRecord:
    """What is known of one object.

    Attributes:
        call_lock: held while sync code of the object runs: one step of a generator, ``flush``, and each call
            once a second run uses the object. To enter ``process`` or ``flush`` take it by ``lock_call``.
        is_noted: whether the object was initialized, for objects that do not note it themselves.
        async_lock: held while async code of the object runs; see ``runner.locks`` for all that is async.
        async_owner: the run whose code that is.
    """

    __slots__ = (
        "__weakref__",
        "_callers",
        "_changed",
        "_holds",
        "_is_users_own",
        "_state",
        "_streaming_run",
        "_streams",
        "_turns",
        "_unsettled",
        "_users",
        "async_depth",
        "async_lock",
        "async_owner",
        "async_waiters",
        "call_lock",
        "is_noted",
        "mutex",
    )

    def __init__(self) -> None:
        """Start without users."""
        self.is_noted = False
        self.forget_runs()

    def forget_runs(self) -> None:
        """Start anew without users, whatever is locked; in a forked child, where none of the runs goes on."""
        self.call_lock = threading.RLock()
        self._turns = Turns(self.call_lock)
        self.async_lock = threading.Lock()
        self.async_owner: object | None = None
        self.async_depth = 0
        self.async_waiters: deque[Callable[[], None]] = deque()
        self.mutex = threading.Lock()
        # Made by the first who has to wait for another run, which is rare.
        self._changed: threading.Condition | None = None
        self._state: State = "new"
        self._users = 0
        self._holds = 0
        self._is_users_own = False
        self._streaming_run: object | None = None
        self._streams = 0
        self._callers: tuple[Caller, ...] = ()
        self._unsettled: list[Caller] = []

    def enter(
        self,
        is_initialized: Callable[[], bool],
        callers: tuple[Caller, ...] = (),
        is_given_up: Callable[[], bool] | None = None,
    ) -> bool:
        """Count one more run; wait while another one initializes or cleans up.

        From the second run on, all calls of the object's sync ``process`` take ``call_lock``.

        Args:
            is_initialized: says whether somebody has initialized the object; asked when nobody uses it.
            callers: the run's places that call the object without a lock.
            is_given_up: whether to wait no longer; asked again after ``wake``.

        Returns:
            Whether the caller must initialize the object and then call ``initialized``.

        Raises:
            WaitGivenUpError: it was not counted, because ``is_given_up``.
        """
        with self.mutex:
            while self._state in ("initializing", "cleaning"):
                if is_given_up is not None and is_given_up():
                    raise WaitGivenUpError(f"another run was {self._state} the node")
                self._changed = self._changed or threading.Condition(self.mutex)
                self._changed.wait()
            if self._users == 0:
                self._is_users_own = is_initialized()
                self._state = "ready" if self._is_users_own else "new"
            self._users += 1
            if self._users > 1:
                # Whoever takes the lock after this waits for the calls that were made without it.
                self._unsettled += [caller for caller in self._callers if caller.guard()]
                for caller in callers:
                    caller.guard()
            self._callers += callers
            if self._state == "ready":
                return False
            self._state = "initializing"
            return True

    def initialized(self, is_ok: bool, callers: tuple[Caller, ...] = ()) -> None:
        """Say how the initialization that ``enter`` asked for went; a failed one uncounts the run."""
        with self.mutex:
            self._state = "ready" if is_ok else "new"
            if not is_ok:
                self._users -= 1
                self._forget(callers)
            if self._changed is not None:
                self._changed.notify_all()

    def leave(self, callers: tuple[Caller, ...] = ()) -> bool:
        """Take a run out of the count.

        Returns:
            Whether the caller must clean the object up and then call ``cleaned``.
        """
        with self.mutex:
            self._users -= 1
            self._forget(callers)
            if self._users > 0 or self._is_users_own:
                return False
            self._state = "cleaning"
            return True

    def cleaned(self) -> None:
        """Say that the cleanup that ``leave`` asked for is over."""
        with self.mutex:
            self._state = "new"
            if self._changed is not None:
                self._changed.notify_all()

    def hold(self) -> None:
        """Count somebody who only keeps the object initialized between runs; before ``enter``."""
        with self.mutex:
            self._holds += 1

    def unhold(self) -> None:
        """Take back what ``hold`` counted; after ``leave``."""
        with self.mutex:
            self._holds -= 1

    def take_alone(self, name: str, is_given_up: Callable[[], bool]) -> None:
        """Have the object to oneself until ``cleaned``; wait while a run initializes or cleans it up.

        Raises:
            NodeBusyError: a run uses it.
            WaitGivenUpError: the caller does not have it, because ``is_given_up``.
        """
        with self.mutex:
            while self._state in ("initializing", "cleaning"):
                if is_given_up():
                    raise WaitGivenUpError(f"another run was {self._state} the node")
                self._changed = self._changed or threading.Condition(self.mutex)
                self._changed.wait()
            if self._users > self._holds:
                raise NodeBusyError(
                    f'Node "{name}" cannot go to a process of its own while another run uses it here. '
                    "Wait for that run, or give each run an object of its own."
                )
            self._state = "cleaning"

    def wake(self) -> None:
        """Have those that wait in ``enter`` look again whether they are given up."""
        with self.mutex:
            if self._changed is not None:
                self._changed.notify_all()

    def lock_call(self, is_given_up: Callable[[], bool]) -> None:
        """Take ``call_lock`` to enter the object; wait for calls that were made before they took the lock.

        Raises:
            WaitGivenUpError: it does not have the lock, because ``is_given_up``.
        """
        self.lock_step(is_given_up)
        if self._unsettled:
            try:
                self._settle(is_given_up)
            except BaseException:
                self.call_lock.release()
                raise

    def lock_step(self, is_given_up: Callable[[], bool]) -> None:
        """Take ``call_lock`` to go on inside the object.

        Raises:
            WaitGivenUpError: it does not have the lock, because ``is_given_up``.
        """
        if not self._turns.acquire(is_given_up):
            raise WaitGivenUpError("another run was inside the node")

    def claim_stream(self, run: object, name: str, is_row: bool = False) -> None:
        """Claim the object for one streaming or source place.

        Args:
            run: what has it, until it has released it as often as it has claimed it.
            name: the place.
            is_row: whether this is all runs of a session, of which one goes on with it after the other.

        Raises:
            NodeBusyError: another place or run has it.
        """
        with self.mutex:
            if self._streaming_run is not None and not (is_row and self._streaming_run is run):
                place = "at another place of this run" if self._streaming_run is run else "in another run"
                raise NodeBusyError(
                    f'Node "{name}" is a streaming or source node and already running {place}. '
                    "Give each place and run an object of its own."
                )
            self._streaming_run = run
            self._streams += 1

    def release_stream(self, run: object) -> None:
        """Give a claim back; without one it does nothing."""
        with self.mutex:
            if self._streaming_run is not run:
                return
            self._streams -= 1
            if self._streams == 0:
                self._streaming_run = None

    def _settle(self, is_given_up: Callable[[], bool]) -> None:
        """Wait until no call of another thread is inside that was made without the lock.

        Looked at again and again, because a run alone does not pay for telling of the end of each call. It
        happens once for each run that was alone until another one came.
        """
        delay = 0.0
        while True:
            with self.mutex:
                self._unsettled = [caller for caller in self._unsettled if caller.is_inside()]
                # A call of this thread has called the runtime itself: it may, as with a re-entrant lock.
                if all(caller.is_here() for caller in self._unsettled):
                    return
            if is_given_up():
                raise WaitGivenUpError("another run was inside the node")
            time.sleep(delay)
            delay = min(delay * 2 or _FIRST_DELAY_S, _LAST_DELAY_S)

    def _forget(self, callers: tuple[Caller, ...]) -> None:
        if len(callers) == len(self._callers):
            self._callers = ()
        else:
            self._callers = tuple(caller for caller in self._callers if caller not in callers)
        if self._unsettled:
            self._unsettled = [caller for caller in self._unsettled if caller not in callers]


_FIRST_DELAY_S = 20e-6
_LAST_DELAY_S = 1e-3

_records: dict[int, tuple[LifecycleRecord, Any]] = {}
"""By object identity, forgotten with the object where it can be referred to weakly.

They are not kept on the objects, where copying or pickling would take them along.
"""


def record_of(target: object) -> LifecycleRecord:
    """The record of an object, made when it is first asked for."""
    # No lock: single operations of a dict are atomic, and an entry goes before its object's id is given away.
    entry = _records.get(id(target))
    return _add_record(target) if entry is None else entry[0]


def _add_record(target: object) -> LifecycleRecord:
    key = id(target)
    try:
        keeper: Any = weakref.ref(target, lambda _gone: _records.pop(key, None))
    except TypeError:
        # A class with __slots__ and no __weakref__: the record keeps the object alive.
        keeper = target
    return _records.setdefault(key, (LifecycleRecord(), keeper))[0]


def is_initialized(target: object) -> bool:
    """Whether somebody has initialized the object, as far as it or its record knows."""
    return getattr(target, "_is_initialized", None) is True or record_of(target).is_noted


def note_initialized(target: object) -> None:
    """Note that an object was initialized; for objects that do not note it themselves."""
    record_of(target).is_noted = True


def note_cleaned_up(target: object) -> None:
    """Note that an object was cleaned up; for objects that do not note it themselves."""
    record_of(target).is_noted = False


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
            if result is not None and inspect.isawaitable(result):
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


@runs_in_forked_child
def _forget_runs_of_parent() -> None:
    """In a child no run of the parent goes on, whatever it held at the moment of the fork."""
    for record, _ in list(_records.values()):
        record.forget_runs()
