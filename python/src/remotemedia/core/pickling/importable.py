"""Modules that another process cannot import: what they define travels by value, as with ``__main__``.

Such are modules that were executed from a file under a name of their own (plugins, ``./file.py#Class``).
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


@functools.lru_cache(maxsize=1024)
def make_reachable(module_name: str) -> None:
    """See to it that a class of this module can be made in another process with this one's ``sys.path``.

    cloudpickle is told of a module that cannot be imported, for good: its name is of no use to anybody.
    """
    module = sys.modules.get(module_name)
    # Without an entry in sys.modules, as in __main__, cloudpickle knows by itself.
    if module is None or module_name == "__main__" or _can_be_imported(module_name, module):
        return
    cloudpickle: Any = importlib.import_module("cloudpickle")
    cloudpickle.register_pickle_by_value(module)


def _can_be_imported(name: str, module: ModuleType) -> bool:
    parts = name.split(".")
    spec = _find(parts[0], None)
    for length in range(2, len(parts) + 1):
        locations = None if spec is None else spec.submodule_search_locations
        spec = None if locations is None else _find(".".join(parts[:length]), locations)
    if spec is None:
        return False
    own: Any = getattr(module, "__file__", None)
    found: Any = spec.origin
    # Another file of the same name is another module.
    return not own or not spec.has_location or Path(own).resolve() == Path(found).resolve()


def _find(name: str, locations: Any) -> Any:
    """As ``importlib.util.find_spec``, but not what is in ``sys.modules``."""
    for finder in sys.meta_path:
        find: Any = getattr(finder, "find_spec", None)
        spec: Any = find(name, locations) if find is not None else None
        if spec is not None:
            return spec
    return None
