"""Standard output of a host: lines that a node prints are marked with the node's id."""

from __future__ import annotations

import io
import sys
import threading
from typing import Any, TextIO

from remotemedia.runner.stage import node_id_of

_MAX_LINE = 1 << 16


class MarkedStream(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr``; writes whole lines, with the id of the node that printed.

    Which node that is comes from the stack of the call, so that nothing has to be noted while nodes run.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``."""
        super().__init__()
        self._stream = stream
        self._lock = threading.RLock()
        self._partial: dict[tuple[int, str | None], str] = {}

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoding of the stream behind."""
        return self._stream.encoding

    @property
    def buffer(self) -> Any:
        """The byte stream behind; what is written to it is not marked."""
        return self._stream.buffer

    def fileno(self) -> int:
        """The descriptor of the stream behind."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def isatty(self) -> bool:
        """It is no terminal."""
        return False

    def write(self, text: str, /) -> int:
        """Write text; a line goes out when it is complete."""
        node_id = node_id_of(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
        key = (threading.get_ident(), node_id)
        with self._lock:
            *lines, rest = (self._partial.pop(key, "") + text).split("\n")
            if len(rest) > _MAX_LINE:
                lines.append(rest)
                rest = ""
            if rest:
                self._partial[key] = rest
            for line in lines:
                self._write_line(node_id, line)
            if lines:
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Complete lines have gone out already; the rest of a line waits for its end."""
        self._stream.flush()

    def finish(self) -> None:
        """Write the lines that were never completed."""
        with self._lock:
            for (_, node_id), rest in self._partial.items():
                self._write_line(node_id, rest)
            self._partial.clear()
            self._stream.flush()

    def _write_line(self, node_id: str | None, line: str) -> None:
        self._stream.write(f"{line}\n" if node_id is None else f"\x1e{node_id}\x1f{line}\n")


def mark_standard_streams() -> list[MarkedStream]:
    """Put marked streams in the place of ``sys.stdout`` and ``sys.stderr``."""
    marked: list[MarkedStream] = []
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            continue
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        wrapper = MarkedStream(stream)
        setattr(sys, name, wrapper)
        marked.append(wrapper)
    return marked
