"""The segments that are open here, and the requests of an engine that concern them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from remotemedia.core.exceptions import ProtocolError
from remotemedia.host.connection import Respond
from remotemedia.host.segments import HostSegment
from remotemedia.wire.failures import Failure


class SegmentTable:
    """Open segments by name."""

    def __init__(
        self,
        make: Callable[[dict[str, Any]], HostSegment],
        on_count: Callable[[int], None] | None = None,
    ) -> None:
        """Start empty.

        Args:
            make: makes a segment of its description.
            on_count: told, in any thread, how many segments are open whenever that changes.
        """
        self._make = make
        self._on_count = on_count
        self._segments: dict[str, HostSegment] = {}
        self._methods: dict[str, Callable[[dict[str, Any], Respond], None]] = {
            "open": self._open,
            "start": lambda params, respond: self._find(params).start(respond),
            "stop": self._stop,
            "cancel": self._cancel,
            "interrupt": self._interrupt,
            "keep": self._keep,
            "close": self._close,
        }

    def handle(self, method: str, params: dict[str, Any], respond: Respond) -> None:
        """Answer a request, at once or later."""
        try:
            if method not in self._methods:
                raise ProtocolError(f"there is no method {method!r}")
            self._methods[method](params, respond)
        except Exception as error:
            respond(None, error)

    def end(self, timeout: float) -> None:
        """Give up all segments, and give their nodes some time, in seconds, to clean up."""
        give_up(list(self._segments.values()), timeout)

    def forget(self, segment: HostSegment) -> None:
        """Forget a segment that has ended."""
        self._segments.pop(segment.name, None)
        self._tell_count()

    def _tell_count(self) -> None:
        if self._on_count is not None:
            self._on_count(len(self._segments))

    def _find(self, params: dict[str, Any]) -> HostSegment:
        name = params["segment"]
        if name not in self._segments:
            raise ProtocolError(f"there is no open segment {name!r}")
        return self._segments[name]

    def _open(self, params: dict[str, Any], respond: Respond) -> None:
        segment = self._make(params)
        if segment.name in self._segments:
            raise ProtocolError(f"segment {segment.name!r} is open already")
        self._segments[segment.name] = segment
        self._tell_count()

        def opened(result: Any, failed: BaseException | Failure | None) -> None:
            if failed is not None:
                self.forget(segment)
            respond(result, failed)

        try:
            segment.begin(opened)
        except BaseException:
            # There is no thread for it.
            self.forget(segment)
            raise

    def _stop(self, params: dict[str, Any], respond: Respond) -> None:
        self._find(params).stop()
        respond({}, None)

    def _cancel(self, params: dict[str, Any], respond: Respond) -> None:
        self._find(params).cancel()
        respond({}, None)

    def _interrupt(self, params: dict[str, Any], respond: Respond) -> None:
        self._find(params).interrupt(float(params["before"]))
        respond({}, None)

    def _keep(self, params: dict[str, Any], respond: Respond) -> None:
        self._find(params).keep(params["nodes"])
        respond({}, None)

    def _close(self, params: dict[str, Any], respond: Respond) -> None:
        segment = self._find(params)

        def closed(result: Any, failed: BaseException | Failure | None) -> None:
            self.forget(segment)
            respond(result, failed)

        segment.close(closed)


def give_up(segments: Iterable[HostSegment], timeout: float) -> None:
    """Cancel and close segments whose engine will not do so any more; waits ``timeout`` seconds."""
    given_up = list(segments)
    for segment in given_up:
        segment.cancel()
        segment.close(lambda _result, _failed: None)
    deadline = time.monotonic() + timeout
    for segment in given_up:
        segment.is_closed.wait(max(deadline - time.monotonic(), 0))
