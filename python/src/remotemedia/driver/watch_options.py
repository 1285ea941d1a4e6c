"""What the user says of watching a session."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from remotemedia.core.stuck import RunWatch, StuckReport, check_limit
from remotemedia.driver.session_checks import check_taker

_logger = logging.getLogger("remotemedia")


def watch_of(
    stuck_after_ms: float, memory_limit_bytes: int | None, on_stuck: Callable[[StuckReport], Any] | None
) -> RunWatch | None:
    """How a session with these options of ``Pipeline.open`` is watched, where it is.

    Raises:
        InvalidArgumentError: a limit is no number from 0, or ``on_stuck`` cannot be called.
    """
    check_taker("on_stuck", on_stuck)
    check_limit("stuck_after_ms", stuck_after_ms)
    if memory_limit_bytes is not None:
        check_limit("memory_limit_bytes", memory_limit_bytes)
    elif stuck_after_ms == 0:
        return None

    def report(found: StuckReport) -> None:
        if on_stuck is None:
            _logger.warning("%s", found)
            return
        try:
            on_stuck(found)
        except Exception:
            _logger.exception("on_stuck failed")

    return RunWatch(stuck_after_ms, memory_limit_bytes, report)
