"""Which live session what runs here belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

SESSION_ID: Final[ContextVar[str | None]] = ContextVar("remotemedia_session_id", default=None)
"""The id of the session whose node runs in this thread or task; None in a run, and outside of nodes."""
