"""Pipelines that the engine has to read before they can run: manifests, and lists with manifest entries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from remotemedia.core import registry
from remotemedia.core.validation import name_of, node_problem

_FILE_NAME = re.compile(r"\.(json|ya?ml|py|[cm]?[jt]s)$", re.IGNORECASE)


class Source:
    """What a pipeline was given as, before the engine has read it.

    Attributes:
        params: the parameter of the request ``define``.
        instances: the live objects in it.
        is_manifest: whether it is a whole manifest.
        name: the name of the pipeline, where that is known.
    """

    def __init__(self, given: str | Mapping[str, Any] | Sequence[Any], name: str | None = None) -> None:
        """Take text, a manifest, or a list of live objects and entries."""
        self.instances: list[Any] = []
        self.name = name
        self.is_manifest = isinstance(given, (str, Mapping))
        if isinstance(given, str):
            self.params: dict[str, Any] = {"text": given}
        elif isinstance(given, Mapping):
            nodes = given.get("nodes")
            is_list = isinstance(nodes, (list, tuple))
            lowered = [self._lower(node) for node in nodes] if is_list else nodes  # type: ignore[union-attr]
            self.params = {"manifest": {**given, "nodes": lowered} if "nodes" in given else dict(given)}
        else:
            self.params = {"entries": [self._lower(entry) for entry in given]}

    def key(self, base_dir: str) -> tuple[str, str, int] | None:
        """What its definition is kept by, or None where that cannot be said."""
        try:
            text = json.dumps(self.params) if _has_text_keys(self.params) else None
        except (TypeError, ValueError, RecursionError):
            # A parameter that JSON cannot hold: the engine says what is wrong with it, or takes it.
            return None
        return None if text is None else (text, base_dir, registry.generation())

    def _lower(self, entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            return entry if node_problem(entry) is not None else {"instance": self._handle(entry)}
        fields: dict[str, Any] = {**entry}
        if fields.get("instance") is not None and node_problem(fields["instance"]) is None:
            fields["instance"] = self._handle(fields["instance"])
        return fields

    def _handle(self, node: Any) -> dict[str, Any]:
        self.instances.append(node)
        return {"object": len(self.instances) - 1, "className": type(node).__name__, "name": name_of(node)}


def _has_text_keys(value: Any) -> bool:
    """Whether all keys are strings: JSON would write 1 and "1" alike."""
    if isinstance(value, Mapping):
        return all(type(key) is str and _has_text_keys(value[key]) for key in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return not isinstance(value, (list, tuple)) or all(map(_has_text_keys, value))  # pyright: ignore[reportUnknownArgumentType]


def text_problem(text: str) -> str | None:
    """What is wrong with a string given as a manifest where it is the path of one, or None."""
    trimmed = text.strip()
    if not trimmed:
        return "An empty string is no manifest."
    is_one_line = not re.search(r"[\n{\[]", trimmed)
    is_path = is_one_line and (
        _FILE_NAME.search(trimmed) or (re.search(r"[/\\]", trimmed) and not re.search(r":\s", trimmed))
    )
    if not is_path:
        return None
    return f"{trimmed!r} looks like a path, not like a manifest. Load it with load_pipeline({trimmed!r})."
