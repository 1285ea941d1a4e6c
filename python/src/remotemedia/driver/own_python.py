"""What the engine is told of this interpreter and its folders, as far as it can be told.

Paths and environment variables may be any bytes; the wire has Unicode text. What is none is left out: a
child process inherits it from the engine, which has inherited it from this program.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from remotemedia.core.exceptions import ConfigurationError
from remotemedia.host import entry as host_entry

logger = logging.getLogger("remotemedia.driver")


def own_python() -> dict[str, Any]:
    """How to start an interpreter like this one.

    Raises:
        ConfigurationError: it is in a folder that cannot be named.
    """
    entry = host_entry.__file__
    for path in (sys.executable, entry):
        if not is_text(path):
            raise ConfigurationError(
                f"Nodes cannot run in processes of their own, because the path {path!r} is not valid UTF-8. "
                "Install Python and the package into a folder whose name is."
            )
    folder = current_folder()
    return {
        "executable": sys.executable,
        "args": subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
        "entry": entry,
        "path": [path for path in _search_path(folder) if _can_be_told("a folder of sys.path", path)],
        **({} if folder is None else {"cwd": folder}),
        "env": {
            name: value
            for name, value in os.environ.items()
            if _can_be_told("an environment variable", name) and _can_be_told(f"the variable {name}", value)
        },
    }


def base_folder(base_dir: str) -> str:
    """The folder that node types of modules are relative to; the root where it cannot be told."""
    if base_dir:
        return base_dir if _can_be_told("the folder of the pipeline", base_dir) else os.sep
    return current_folder() or os.sep


def current_folder() -> str | None:
    """The working directory, or None where it is gone or cannot be told."""
    try:
        folder = str(Path.cwd())
    except OSError as error:
        logger.debug("there is no working directory: %s", error)
        return None
    return folder if _can_be_told("the working directory", folder) else None


def is_text(value: str) -> bool:
    """Whether a string from the operating system is Unicode, and not bytes in disguise."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _search_path(folder: str | None) -> list[str]:
    """The folders of ``sys.path``, absolute; without the working directory where there is none."""
    found: list[str] = []
    for given in sys.path:
        if Path(given).is_absolute():
            found.append(given)
        elif folder is not None:
            found.append(str(Path(folder, given)))
    return found


def _can_be_told(what: str, value: str) -> bool:
    if is_text(value):
        return True
    logger.debug("%s is not valid UTF-8, and is left out: %r", what, value)
    return False
