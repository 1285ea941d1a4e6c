"""Running pipelines: the functions that RemoteMedia programs import."""

from __future__ import annotations

from remotemedia.audio_dict import audio_dict_to_numpy, numpy_to_audio_dict
from remotemedia.driver.execute import (
    execute_pipeline,
    execute_pipeline_sync,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.driver.node_binary import is_available


def get_runtime_version() -> str:
    """The version of the engine, which is that of the package.

    Example:
        >>> import remotemedia
        >>> get_runtime_version() == remotemedia.__version__
        True
    """
    from remotemedia import __version__

    return __version__


__all__ = [
    "audio_dict_to_numpy",
    "execute_pipeline",
    "execute_pipeline_sync",
    "execute_pipeline_with_input",
    "execute_pipeline_with_input_sync",
    "get_runtime_version",
    "is_available",
    "numpy_to_audio_dict",
]
