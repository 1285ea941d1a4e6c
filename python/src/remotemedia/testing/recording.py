"""Live sessions as files: what happened to them, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

from msgspec import Raw
from msgspec.msgpack import Encoder

from remotemedia.core.exceptions import (
    InvalidArgumentError,
    InvalidInputError,
    ProtocolError,
    ValueTransferError,
)
from remotemedia.driver.live_session import LiveSession
from remotemedia.driver.opening_session import OpeningSession
from remotemedia.driver.session_checks import check_reason
from remotemedia.testing.run_script import ScriptResult, TimedOutput, run_script
from remotemedia.testing.script import ScriptStep
from remotemedia.wire.frames import EVENT, HELLO, encode_frame, frame_of, frames_in
from remotemedia.wire.reading import decode
from remotemedia.wire.values import encode

_FORMAT: Final = "remotemedia-recording"
_VERSION: Final = 1
_WRITTEN_NAMES: Final = {"at_ms": "atMs", "timestamp_us": "timestampUs"}
"""How files of both languages name what Python names otherwise."""
_PYTHON_NAMES: Final = {written: name for name, written in _WRITTEN_NAMES.items()}
_encoder = Encoder()


@dataclass(slots=True)
class Recording:
    """A session that ``record`` has written to a file.

    Attributes:
        script: what was done to it, as a script.
        outputs: what was read from it, with the times.
        failure: class and message of what it failed with; None where it did not fail, or was not over yet.
    """

    script: list[ScriptStep] = field(default_factory=list[ScriptStep])
    outputs: list[TimedOutput] = field(default_factory=list[TimedOutput])
    failure: str | None = None


def record(session: LiveSession, path: str | Path) -> RecordedSession:
    """Record a live session: what is written, interrupted and ended, and what is read, with the times.

    The file is readable at any time. Bytes, arrays and media are in it as they are; an output that no other
    process could be given is not: the file says what it was.

    Args:
        session: an open session; from now on use what this gives instead of it.
        path: path of the file, in a folder that exists; what it held is lost.

    Returns:
        The session as it is recorded. Its ``write`` also raises ``ValueTransferError`` for what no other
        process could be given.

    Raises:
        OSError: the file cannot be written.
        InvalidArgumentError: it is not open yet: ``record(await pipeline.open(), path)``.

    Example::

        async with record(await pipeline.open(), "call.rec") as session:
            await session.write("hello")
    """
    given: Any = session
    if isinstance(given, OpeningSession):
        raise InvalidArgumentError(given.not_open("cannot be recorded"))
    return RecordedSession(session, Path(path))


def read_recording(path: str | Path) -> Recording:
    """Read what ``record``, in either language, has written.

    Of a program that was killed it has all but the last moment.

    Raises:
        InvalidInputError: it is no such file.
    """
    try:
        frames = [(kind, decode(body)) for kind, body in frames_in(Path(path).read_bytes())]
    except ProtocolError as error:
        raise _no_recording(path) from error
    kind, header = frames[0] if frames else (0, None)
    if kind != HELLO or not isinstance(header, Mapping) or header.get("format") != _FORMAT:  # pyright: ignore[reportUnknownMemberType]
        raise _no_recording(path)
    version = cast("Mapping[str, Any]", header).get("version")
    if version != _VERSION:
        raise InvalidInputError(
            f"{path} is a recording of version {version}, and this package reads version {_VERSION}. "
            "Use the package that wrote it."
        )
    recording = Recording()
    for _, event in frames[1:]:
        if "output" in event:
            recording.outputs.append(TimedOutput(event["atMs"], event["output"]))
        elif "over" in event:
            recording.failure = event.get("failure")
        elif "unkept" not in event:
            recording.script.append(cast("ScriptStep", _renamed(event, _PYTHON_NAMES)))
    return recording


def replay(path: str | Path, what: Any, **options: Any) -> ScriptResult:
    """Do to a node or a pipeline what was done to a session that ``record`` has written, in either language.

    It gets the same items, interruptions and end at the same times. By the virtual clock, which is the
    default, an hour takes no longer than the work itself.

    Args:
        path: path of the file.
        what: a node, ``per_session``, a list of nodes, or a ``Pipeline``.
        **options: as for ``run_script``.

    Raises:
        BaseException: as ``run_script`` and ``read_recording``, which also gives the outputs of the recorded
            session, to compare with.

    Example::

        assert replay("call.rec", pipeline).values == ["HELLO"]
    """
    return run_script(what, read_recording(path).script, **options)


class RecordedSession:
    """A live session that is recorded; ``record`` makes it. It has all that a ``LiveSession`` has."""

    def __init__(self, session: LiveSession, path: Path) -> None:
        """Begin the file."""
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        # Unbuffered: nothing is lost with the program.
        self._file = path.open("wb", buffering=0)
        self._file.write(encode_frame(HELLO, {"format": _FORMAT, "version": _VERSION}))

    def __getattr__(self, name: str) -> Any:
        """What is not recorded."""
        return getattr(self._session, name)

    async def write(self, item: Any, **how: Any) -> None:
        """As ``LiveSession.write``.

        Raises:
            ValueTransferError: no other process could be given the item; it was not written.
        """
        # Before it is given away: a node may change it.
        encoded = encode(item)
        await self._session.write(item, **how)
        self._add({"write": Raw(encoded), **how})

    def try_write(self, item: Any, **how: Any) -> bool:
        """As ``LiveSession.try_write``; raises as ``write``."""
        encoded = encode(item)
        is_taken = self._session.try_write(item, **how)
        if is_taken:
            self._add({"write": Raw(encoded), **how})
        return is_taken

    def interrupt(self) -> None:
        """As ``LiveSession.interrupt``."""
        self._session.interrupt()
        self._add({"interrupt": True})

    def end(self) -> None:
        """As ``LiveSession.end``."""
        self._session.end()
        self._add({"end": True})

    async def cancel(self, reason: Exception | None = None) -> None:
        """As ``LiveSession.cancel``."""
        check_reason(reason)
        self._add({"cancel": True})
        try:
            await self._session.cancel(reason)
        finally:
            self._close(reason)

    def __aiter__(self) -> RecordedSession:
        """The session itself: its outputs can be read once."""
        return self

    async def __anext__(self) -> Any:
        """As that of ``LiveSession``."""
        try:
            output = await anext(self._session)
        except StopAsyncIteration:
            self._close(None)
            raise
        except Exception as error:
            self._close(error)
            raise
        try:
            encoded = encode(output)
        except ValueTransferError as error:
            self._add({"unkept": f"{type(error).__name__}: {error}"})
        else:
            self._add({"output": Raw(encoded)})
        return output

    async def __aenter__(self) -> RecordedSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failure = error
        if error is None:
            self._add({"end": True})
        try:
            await self._session.__aexit__(kind, error, trace)
        except BaseException as raised:
            failure = raised
            raise
        finally:
            self._close(failure)

    def _add(self, event: Mapping[str, Any]) -> None:
        # What comes after the end has not happened to the session.
        if self._file.closed:
            return
        timed = {"at_ms": round((self._loop.time() - self._began) * 1e3, 3), **event}
        self._file.write(frame_of(EVENT, _encoder.encode(_renamed(timed, _WRITTEN_NAMES))))

    def _close(self, failure: BaseException | None) -> None:
        told = {} if failure is None else {"failure": f"{type(failure).__name__}: {failure}"}
        self._add({"over": True, **told})
        self._file.close()


def _renamed(event: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in event.items()}


def _no_recording(path: str | Path) -> InvalidInputError:
    return InvalidInputError(f"{path} is no recording of a session. Give a file that record() has written.")
