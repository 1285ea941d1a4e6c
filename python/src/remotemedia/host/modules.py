"""Loading the modules that nodes come from: by name, by file, or from inline source."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from remotemedia.core.exceptions import ModuleLoadError
from remotemedia.core.fork_lock import ForkSafeLock
from remotemedia.core.node import Node
from remotemedia.host.objects import suggestion
from remotemedia.runner.outputs import Traits

_lock = ForkSafeLock()
_by_file: dict[Path, ModuleType] = {}
_by_source: dict[str, ModuleType] = {}


def load(module: str | None = None, file: str | None = None, source: str | None = None) -> ModuleType:
    """Load a module, once.

    Args:
        module: its dotted name.
        file: or its file.
        source: or its text.

    Raises:
        ModuleLoadError: not exactly one of the three was given, or there is no such module or file.
    """
    if sum(given is not None for given in (module, file, source)) != 1:
        raise ModuleLoadError("give exactly one of module, file and source")
    with _lock:
        if module is not None:
            return _load_by_name(module)
        return _load_file(Path(file)) if file is not None else _load_source(source or "")


def find(module: ModuleType, name: str | None, origin: str) -> Any:
    """What to make an object of: the named class, or the only one that is a node.

    Args:
        module: where to look.
        name: a name, which may be dotted; None for the module's only node class.
        origin: how to call the module in an error.

    Raises:
        ModuleLoadError: there is none, or no single one.
    """
    if name is None:
        return _only_class(module, origin)
    target: Any = module
    for part in name.split("."):
        if not hasattr(target, part):
            raise ModuleLoadError(f"{origin} has no {name!r}{suggestion(part, dir(target))}")
        target = getattr(target, part)
    if not callable(target):
        raise ModuleLoadError(f"{name!r} of {origin} is a {type(target).__name__}, not a class or function")
    return target


def node_classes(module: ModuleType) -> list[type]:
    """The node classes that a module defines: subclasses of Node, else classes with ``process``."""
    own = [
        kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__
    ]
    distinct = list(dict.fromkeys(own))
    nodes = [kind for kind in distinct if issubclass(kind, Node)]
    return nodes or [kind for kind in distinct if callable(getattr(kind, "process", None))]


def discover(module: ModuleType) -> list[dict[str, Any]]:
    """Describe the node classes of a module, as the wire states it."""
    return [
        {
            "name": kind.__qualname__,
            "module": kind.__module__,
            "doc": inspect.getdoc(kind) or "",
            "traits": Traits(kind).as_map(),
            "parameters": _parameters(kind),
        }
        for kind in node_classes(module)
    ]


def _load_by_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name != missing and not name.startswith(f"{missing}."):
            raise
        raise ModuleLoadError(
            f"there is no module {name!r} in {sys.executable}"
            f"{suggestion(name, sorted(sys.modules))}; its path is {_short_path()}"
        ) from error


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    known = _by_file.get(path)
    if known is not None:
        return known
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise ModuleLoadError(f"there is no file {str(path)!r}{suggestion(path.name, siblings)}")
    root, name = _package_of(path)
    if str(root) not in sys.path:
        sys.path.append(str(root))
    spec = importlib.util.find_spec(name) if _is_free(name, path) else None
    if spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path:
        module = importlib.import_module(name)
    else:
        module = _execute_file(path, f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}")
    _by_file[path] = module
    return module


def _is_free(name: str, path: Path) -> bool:
    known = sys.modules.get(name)
    if known is None:
        return "." not in name or _is_free(name.rpartition(".")[0], path.parent / "__init__.py")
    origin = getattr(known, "__file__", None)
    return origin is not None and Path(origin).resolve() == path


def _package_of(path: Path) -> tuple[Path, str]:
    """The folder to import from, and the dotted name of a file, which may lie inside packages."""
    parts = [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _execute_file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModuleLoadError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_source(source: str) -> ModuleType:
    known = _by_source.get(source)
    if known is not None:
        return known
    name = f"inline_{len(_by_source) + 1}"
    file_name = f"<{name}>"
    lines = source.splitlines(keepends=True)
    # With no modification time the cache keeps the lines, so that tracebacks show them.
    linecache.cache[file_name] = (len(source), None, lines, file_name)
    module = ModuleType(name)
    module.__file__ = file_name
    sys.modules[name] = module
    try:
        exec(compile(source, file_name, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    _by_source[source] = module
    return module


def _only_class(module: ModuleType, origin: str) -> type:
    classes = node_classes(module)
    if len(classes) == 1:
        return classes[0]
    if not classes:
        raise ModuleLoadError(
            f"{origin} defines no Node subclass and no class with process; say which class is meant"
        )
    names = ", ".join(kind.__qualname__ for kind in classes)
    raise ModuleLoadError(f"{origin} defines several node classes ({names}); say which one is meant")


def _parameters(kind: type) -> list[dict[str, str]]:
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError):
        # Some classes of extension modules have no signature to show.
        return []
    described: list[dict[str, str]] = []
    for parameter in signature.parameters.values():
        entry = {"name": parameter.name, "kind": parameter.kind.name.lower()}
        if parameter.default is not parameter.empty:
            entry["default"] = repr(parameter.default)
        if parameter.annotation is not parameter.empty:
            entry["annotation"] = inspect.formatannotation(parameter.annotation)
        described.append(entry)
    return described


def _short_path() -> str:
    shown = [entry or "." for entry in sys.path[:6]]
    return ", ".join(shown) + (", …" if len(sys.path) > 6 else "")
