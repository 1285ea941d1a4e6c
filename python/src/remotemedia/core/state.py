"""State of a node that is kept apart for each session, such as each user of a service."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from remotemedia.core.fork_lock import ForkSafeLock

_logger = logging.getLogger("remotemedia.state")
_DEFAULT_TTL = timedelta(hours=24)
_DEFAULT_INTERVAL = timedelta(minutes=5)


def _no_values() -> dict[str, Any]:
    return {}


@dataclass
class SessionState:
    """What a node knows of one session.

    Attributes:
        session_id: which session it is.
        data: the values, by key.
        created_at: when the session began, in local time.
        last_accessed: when it was last used, in local time; it expires from then on.
        metadata: whatever belongs to the session besides its values.

    Example:
        >>> session = SessionState("alice")
        >>> session.set("count", 1)
        >>> session.get("count")
        1
    """

    session_id: str
    data: dict[str, Any] = field(default_factory=_no_values)
    created_at: datetime = field(default_factory=datetime.now)
    last_accessed: datetime = field(default_factory=datetime.now)
    metadata: dict[str, Any] = field(default_factory=_no_values)

    def update_access_time(self) -> None:
        """Note that the session is in use now."""
        self.last_accessed = datetime.now()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        self.update_access_time()
        return self.data.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set the value of a key."""
        self.update_access_time()
        self.data[key] = value

    def update(self, updates: dict[str, Any]) -> None:
        """Set several values."""
        self.update_access_time()
        self.data.update(updates)

    def clear(self) -> None:
        """Forget all values; the session stays."""
        self.data.clear()
        self.update_access_time()


class StateManager:
    """The sessions of a node. Any thread may use it.

    Sessions that have expired are dropped when sessions are used: no thread watches over them.

    Attributes:
        default_ttl: how long a session lives after its last use.
        max_sessions: how many sessions are kept at most, None for any number; the one used longest ago goes.
        enable_persistence: kept as it was given.
    """

    def __init__(
        self,
        default_ttl: timedelta | float | None = None,
        max_sessions: int | None = None,
        enable_persistence: bool = False,
    ) -> None:
        """Start without sessions.

        Args:
            default_ttl: how long a session lives after its last use, in seconds or as a timedelta; None for
                24 hours.
            max_sessions: how many sessions are kept at most.
            enable_persistence: taken for existing code; sessions live in memory, and travel with their node.
        """
        if isinstance(default_ttl, (int, float)):
            default_ttl = timedelta(seconds=default_ttl)
        self.default_ttl = default_ttl or _DEFAULT_TTL
        self.max_sessions = max_sessions
        self.enable_persistence = enable_persistence
        self._states: dict[str, SessionState] = {}
        self._lock = ForkSafeLock()
        self._interval: timedelta | None = _DEFAULT_INTERVAL
        self._swept_at = datetime.now()

    def get_or_create_session(self, session_id: str) -> SessionState:
        """The session of an id, made where there is none or where it has expired."""
        with self._lock:
            self._sweep_if_due()
            session = self._live_session(session_id)
            if session is None:
                self._make_room()
                session = self._states[session_id] = SessionState(session_id)
                _logger.debug("new session %s", session_id)
            else:
                session.update_access_time()
            return session

    def get_session(self, session_id: str) -> SessionState | None:
        """The session of an id, or None where there is none or it has expired."""
        with self._lock:
            return self._live_session(session_id)

    def delete_session(self, session_id: str) -> bool:
        """Forget a session; whether there was one."""
        with self._lock:
            return self._states.pop(session_id, None) is not None

    def get_all_sessions(self) -> dict[str, SessionState]:
        """All sessions that have not expired, by id."""
        with self._lock:
            self.cleanup_expired_sessions()
            return dict(self._states)

    def clear_all_sessions(self) -> None:
        """Forget all sessions."""
        with self._lock:
            self._states.clear()

    def restore_sessions(self, sessions: dict[str, SessionState]) -> None:
        """Put sessions back that ``get_all_sessions`` gave, over those of the same ids."""
        with self._lock:
            self._states.update(sessions)

    def cleanup_expired_sessions(self) -> int:
        """Forget the sessions that have expired; how many there were."""
        with self._lock:
            self._swept_at = now = datetime.now()
            expired = [key for key, session in self._states.items() if self._is_expired(session, now)]
            for key in expired:
                del self._states[key]
            return len(expired)

    def start_cleanup_task(self, interval: timedelta | None = None) -> None:
        """Look for expired sessions this often at most, when sessions are used; 5 minutes by default."""
        with self._lock:
            self._interval = interval or _DEFAULT_INTERVAL
            self.cleanup_expired_sessions()

    def stop_cleanup_task(self) -> None:
        """Drop expired sessions only when they are asked for, or by ``cleanup_expired_sessions``."""
        self._interval = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lock."""
        with self._lock:
            return {**self.__dict__, "_states": dict(self._states), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take everything over, with a lock of its own."""
        self.__dict__.update(state)
        self._lock = ForkSafeLock()

    def _live_session(self, session_id: str) -> SessionState | None:
        session = self._states.get(session_id)
        if session is not None and self._is_expired(session, datetime.now()):
            del self._states[session_id]
            return None
        return session

    def _is_expired(self, session: SessionState, now: datetime) -> bool:
        return now - session.last_accessed > self.default_ttl

    def _sweep_if_due(self) -> None:
        if self._interval is not None and datetime.now() - self._swept_at > self._interval:
            self.cleanup_expired_sessions()

    def _make_room(self) -> None:
        while self.max_sessions and len(self._states) >= self.max_sessions:
            oldest = min(self._states, key=lambda key: self._states[key].last_accessed)
            del self._states[oldest]
            _logger.debug("session %s gives way: there are %d", oldest, self.max_sessions)
