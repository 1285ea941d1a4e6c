"""Making node classes known to manifests, with what is to be said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from remotemedia.core import registry
from remotemedia.core.exceptions import ConfigurationError

_Class = TypeVar("_Class", bound=type)


def _nothing() -> list[str]:
    return []


def _no_metadata() -> dict[str, Any]:
    return {}


@dataclass
class NodeRegistration:
    """What is known of a node class that ``streaming_node`` or ``register_python_node`` registered.

    Attributes:
        node_type: its name in manifests.
        python_class: the class.
        python_path: module and name of the class.
        multi_output: whether it gives many outputs for one item.
        description: one sentence on what it does; the class's docstring by default.
        category: what it belongs to, such as ``"tts"``.
        accepts: kinds of items that it takes, such as ``"audio"``.
        produces: kinds of items that it gives.
        metadata: whatever else was said.
    """

    node_type: str
    python_class: type
    python_path: str
    multi_output: bool = False
    description: str | None = None
    category: str | None = None
    accepts: list[str] = field(default_factory=_nothing)
    produces: list[str] = field(default_factory=_nothing)
    metadata: dict[str, Any] = field(default_factory=_no_metadata)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the class itself, as JSON can hold it."""
        return {
            "node_type": self.node_type,
            "python_class": self.python_path,
            "multi_output": self.multi_output,
            "description": self.description,
            "category": self.category,
            "accepts": self.accepts,
            "produces": self.produces,
            "metadata": self.metadata,
        }


_registered: dict[str, NodeRegistration] = {}


def streaming_node(
    node_type: str | None = None,
    *,
    multi_output: bool = False,
    description: str | None = None,
    category: str | None = None,
    accepts: list[str] | None = None,
    produces: list[str] | None = None,
    **metadata: Any,
) -> Callable[[_Class], _Class]:
    """Register the class below for manifests, with what is to be said of it.

    It stays as it is: whether a node takes its input as one stream is said by its own ``is_streaming``.

    Args:
        node_type: its name in manifests; the class name by default.
        multi_output: whether it gives many outputs for one item.
        description: one sentence on what it does.
        category: what it belongs to, such as ``"tts"``.
        accepts: kinds of items that it takes, such as ``"audio"``.
        produces: kinds of items that it gives.
        **metadata: whatever else is to be said.

    Returns:
        A decorator that gives the class back.

    Example:
        >>> @streaming_node("Shout", category="text", accepts=["text"], produces=["text"])
        ... class Shout:
        ...     def initialize(self): ...
        ...     def process(self, data):
        ...         return data.upper()
        >>> get_registered_nodes()["Shout"].category
        'text'
    """

    def decorate(kind: _Class) -> _Class:
        name = node_type or kind.__name__
        registration = NodeRegistration(
            node_type=name,
            python_class=kind,
            python_path=f"{kind.__module__}.{kind.__name__}",
            multi_output=multi_output,
            description=description or kind.__doc__,
            category=category,
            accepts=accepts or [],
            produces=produces or [],
            metadata=metadata,
        )
        _registered[name] = registration
        kind._node_registration = registration  # pyright: ignore[reportAttributeAccessIssue]
        registry.register(kind, name)
        return kind

    return decorate


def get_registered_nodes() -> dict[str, NodeRegistration]:
    """What ``streaming_node`` and ``register_python_node`` registered, by node type."""
    return dict(_registered)


def register_python_node(
    file_path: str | Path | type,
    *,
    node_type: str | None = None,
    node_class: str | None = None,
    multi_output: bool = False,
    category: str | None = None,
    description: str | None = None,
    accepts: list[str] | None = None,
    produces: list[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Register the node classes of a file for manifests.

    Args:
        file_path: a Python file, or one class.
        node_type: the name in manifests, where it is one class; the class name by default.
        node_class: the class of the file that is meant; all of them by default.
        multi_output: whether it gives many outputs for one item.
        category: what it belongs to, such as ``"tts"``.
        description: one sentence on what it does.
        accepts: kinds of items that it takes.
        produces: kinds of items that it gives.

    Returns:
        For each node type what is known of it: ``node_type``, ``python_class``, ``class``, ``file_path``,
        ``multi_output``, ``category``, ``description``, ``accepts`` and ``produces``.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigurationError: it is no Python file, or has no such node class; it is a ValueError.

    Example::

        register_python_node("./nodes/my_tts.py", node_type="MyTTS", category="tts")
        await execute_pipeline({"version": "v1", "nodes": [{"node_type": "MyTTS"}]})
    """
    path, classes = (
        (None, [file_path]) if isinstance(file_path, type) else _classes_of(Path(file_path), node_class)
    )
    described: dict[str, dict[str, Any]] = {}
    for kind in classes:
        name = node_type if node_type and len(classes) == 1 else kind.__name__
        decorate = streaming_node(
            name,
            multi_output=multi_output,
            description=description,
            category=category,
            accepts=accepts,
            produces=produces,
        )
        decorate(kind)
        described[name] = {
            **{key: value for key, value in _registered[name].to_dict().items() if key != "metadata"},
            "class": kind,
            "file_path": path,
        }
    return described


def _classes_of(path: Path, node_class: str | None) -> tuple[str, Sequence[type]]:
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix != ".py":
        raise ConfigurationError(f"{path} is no Python file; its name must end with .py.")
    from remotemedia.host.modules import load, node_classes

    module: ModuleType = load(file=str(path))
    classes = node_classes(module)
    if node_class is not None:
        found = [kind for kind in classes if kind.__name__ == node_class]
        if not found:
            raise ConfigurationError(f"{path} has no node class {node_class!r}; it has {_names(classes)}.")
        classes = found
    if not classes:
        raise ConfigurationError(f"{path} defines no Node subclass and no class with process.")
    return str(path), classes


def _names(classes: Sequence[type]) -> str:
    return ", ".join(kind.__name__ for kind in classes) or "none"
