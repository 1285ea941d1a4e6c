"""What nodes print and log elsewhere: given on in order, and never by the thread that serves the engine."""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from remotemedia.runner.in_order import InOrder

_END_TIMEOUT_SECONDS = 5.0


class EngineLines:
    """Gives lines and log records on. A program's own stream or logging handler may block or raise there."""

    def __init__(self) -> None:
        """Start with nothing to give on."""
        self._order = InOrder("remotemedia-engine-lines")
        self._lock = threading.Lock()
        self._waiting: Counter[Any] = Counter()
        """How many lines of each node wait; by None, those that may be of any node."""

    def print(self, params: Any) -> None:
        """Print a line that a node has printed."""
        self._add(params.get("nodeId") if isinstance(params, dict) else None, _print, params)  # pyright: ignore[reportUnknownMemberType]

    def log(self, params: Any) -> None:
        """Log a record of another process."""
        self._add(None, _log, params)

    def call(self, node_id: str, function: Callable[..., None], *args: Any) -> None:
        """Call something of the program's that is about a node."""
        self._add(node_id, function, *args)

    def debug(self, logger: logging.Logger, message: str, *args: Any) -> None:
        """Log something of this process, where a handler that raises or blocks must do no harm."""
        if logger.isEnabledFor(logging.DEBUG):
            self._add(None, logger.debug, message, *args)

    def after(self, node_ids: Iterable[str], function: Callable[..., None], *args: Any) -> None:
        """Call something when the lines of some nodes are out: at once if they are.

        Those of others are not waited for: a stream that nobody reads stops only the runs that print.
        """
        with self._lock:
            has_to_wait = any(self._waiting[node_id] for node_id in (None, *node_ids))
        if has_to_wait:
            self._order.add(function, *args)
        else:
            function(*args)

    def end(self) -> None:
        """Wait, but not for ever, until everything has been given on."""
        self._order.wait(_END_TIMEOUT_SECONDS)

    def _add(self, node_id: Any, task: Callable[..., None], *args: Any) -> None:
        with self._lock:
            self._waiting[node_id] += 1
        self._order.add(self._give_on, node_id, task, *args)

    def _give_on(self, node_id: Any, task: Callable[..., None], *args: Any) -> None:
        try:
            task(*args)
        finally:
            with self._lock:
                self._waiting[node_id] -= 1
                if not self._waiting[node_id]:
                    del self._waiting[node_id]


def _print(params: dict[str, Any]) -> None:
    # None in programs without a terminal; what a closed or replaced one raises is dropped.
    stream = sys.stderr if params["stream"] == "stderr" else sys.stdout
    stream.write(f"[{params.get('nodeId') or params['host']}] {params['line']}\n")


def _log(params: dict[str, Any]) -> None:
    level = logging.getLevelNamesMapping().get(str(params["level"]).upper(), logging.DEBUG)
    logging.getLogger(str(params["logger"])).log(level, "%s", params["message"])
