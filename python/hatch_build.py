"""Puts the compiled engine into the wheel and the sdist, as ``remotemedia/_engine``.

The engine is ``dist/`` of the checkout that this folder is part of, with the npm packages that it needs at
run time. Nothing is copied: the files go from where they are into the archive. An editable install gets none
of them, as it finds the engine in the checkout. An sdist carries them: a wheel can be built from it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ENTRY = Path("dist", "engine", "main.js")
PACKAGED = "remotemedia/_engine"

# What a run needs: no types, no source maps, no READMEs. Licences are kept, whatever they are called.
CODE_SUFFIXES = {".js", ".mjs", ".cjs", ".json", ".wasm"}
LICENCE_NAMES = ("licen", "copying", "notice")
# Parts of npm packages that Node.js never loads: builds for browsers, builds for `require`, sources.
UNUSED_FOLDERS = {
    "mediabunny": ("dist/bundles", "src"),
    "msgpackr": ("dist",),
    "yaml": ("browser",),
    "zod": ("mini", "src", "v3", "v4-mini", "v4/mini"),
}


class EngineBuildHook(BuildHookInterface[Any]):
    """Adds the engine to what is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the engine's files to the builder.

        Raises:
            SystemExit: the engine is not compiled, or its npm packages are not installed.
        """
        if version == "editable":
            return
        package = Path(self.root, "src")
        if (package / PACKAGED / ENTRY).is_file():
            return  # An sdist, which carries the engine where the wheel takes its files from.
        inside = f"src/{PACKAGED}" if self.target_name == "sdist" else PACKAGED
        checkout = Path(self.root).parent
        for file in engine_files(checkout):
            build_data["force_include"][str(file)] = f"{inside}/{file.relative_to(checkout).as_posix()}"


def engine_files(checkout: Path) -> list[Path]:
    """All files of the engine, sorted: the same checkout gives the same archive."""
    if not (checkout / ENTRY).is_file():
        raise SystemExit(
            f"{checkout / ENTRY} is missing: the engine is not compiled. "
            "Run `npm install && npm run wheel` in the checkout; it compiles the engine and builds the wheel."
        )
    files = [checkout / "package.json", checkout / "LICENSE"]
    files += compiled_files(checkout)
    for folder in production_packages(checkout):
        files += package_files(folder)
    return sorted(files)


def compiled_files(checkout: Path) -> Iterator[Path]:
    """What was compiled from a source that is still there: the compiler leaves behind what it once wrote."""
    dist = checkout / "dist"
    for file in dist.rglob("*.js"):
        source = checkout / "src" / file.relative_to(dist).with_suffix(".ts")
        if source.is_file() and not source.name.endswith(".test.ts"):
            yield file


def production_packages(checkout: Path) -> set[Path]:
    """Folders of the npm packages that the engine needs, and those need; no native extras."""
    found: set[Path] = set()
    waiting = [(checkout, name) for name in read_package(checkout)["dependencies"]]
    while waiting:
        dependent, name = waiting.pop()
        if name.startswith("@types/"):
            continue
        folder = locate(dependent, name, checkout)
        if folder not in found:
            found.add(folder)
            waiting += ((folder, needed) for needed in read_package(folder).get("dependencies", {}))
    return found


def locate(dependent: Path, name: str, checkout: Path) -> Path:
    """Where Node.js finds the package `name` from inside of `dependent`."""
    for place in (dependent, *dependent.parents):
        folder = place / "node_modules" / name
        if (folder / "package.json").is_file():
            return folder
        if place == checkout:
            break
    raise SystemExit(f"The npm package {name} is missing in {checkout}. Run `npm install` there.")


def package_files(folder: Path) -> Iterator[Path]:
    """The files of an npm package that are needed at run time, without the packages nested in it."""
    package = read_package(folder)
    is_module = package.get("type") == "module"
    unused = [folder / part for part in (*UNUSED_FOLDERS.get(package["name"], ()), "node_modules")]
    for file in folder.rglob("*"):
        if not file.is_file() or any(part in file.parents for part in unused):
            continue
        # In a package of ES modules, which the engine imports, a .cjs file is the double for `require`.
        is_code = file.suffix in CODE_SUFFIXES and not (is_module and file.suffix == ".cjs")
        if is_code or file.name.lower().startswith(LICENCE_NAMES):
            yield file


def read_package(folder: Path) -> dict[str, Any]:
    """The package.json of a folder."""
    return json.loads((folder / "package.json").read_text("utf-8"))
