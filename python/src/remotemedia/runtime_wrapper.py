"""The module from which existing RemoteMedia code imports the runtime; new code imports ``remotemedia``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from remotemedia.core.manifest import manifest_of, to_json
from remotemedia.core.validation import check_items

if TYPE_CHECKING:
    from remotemedia.runtime import execute_pipeline, execute_pipeline_with_input

__all__ = ["execute_pipeline", "execute_pipeline_with_input"]


def _convert_mixed_list_to_manifest(  # pyright: ignore[reportUnusedFunction]
    items: Sequence[Any],
) -> str:
    """The manifest of a list of nodes and manifest entries, as JSON text.

    Raises:
        InvalidNodeError: an item is neither of the two.
        ManifestError: a setting is something that JSON cannot hold.
    """
    check_items(items)
    return to_json(manifest_of("mixed-pipeline", items, f"Mixed pipeline with {len(items)} nodes"))


def _convert_dict_list_to_manifest(  # pyright: ignore[reportUnusedFunction]
    items: Sequence[Mapping[str, Any]],
) -> str:
    """The manifest of a list of manifest entries, as JSON text; errors as for mixed lists."""
    check_items(items)
    return to_json(manifest_of("dict-list-pipeline", items))


def __getattr__(name: str) -> Any:
    # The runtime is imported when it is first needed: this module only describes pipelines.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from remotemedia import runtime

    return getattr(runtime, name)
