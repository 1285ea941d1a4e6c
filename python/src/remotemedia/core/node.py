"""The base class of nodes. Using it is optional: any object with ``process`` and ``initialize`` is a node."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from remotemedia.core import registry
from remotemedia.core.lifecycle import recording


class Node:
    """A step of a pipeline.

    ``process`` may be a function, a coroutine function, a generator or an async generator; what it gives
    or yields is the output, and None is none. A node may also have ``flush()``, which runs at the end of the
    input.

    Attributes:
        name: what the node is called; its class name if none was given.
        config: the settings that it was made with.
        executor: where it runs, such as ``"multiprocess"``; None for the program itself.
    """

    is_streaming: bool = False
    is_source: bool = False
    logger: ClassVar[logging.Logger] = logging.getLogger("remotemedia.node")

    name: str
    config: dict[str, Any]
    executor: str | None
    enable_state: bool
    state_ttl: Any
    max_sessions: int | None
    _is_initialized: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - defaults for an __init__ without super
        node = super().__new__(cls)
        node.name = cls.__name__
        node.config = {}
        node.executor = None
        node.enable_state = True
        node.state_ttl = None
        node.max_sessions = None
        node._is_initialized = False
        return node

    def __init__(
        self,
        name: str | None = None,
        enable_state: bool = True,
        state_ttl: Any = None,
        max_sessions: int | None = None,
        **config: Any,
    ) -> None:
        """Keep name and settings.

        Args:
            name: what the node is called; its class name by default.
            enable_state: whether it keeps state for each session.
            state_ttl: how long the state of a session is kept.
            max_sessions: how many sessions are kept.
            **config: further settings; ``executor`` says where the node runs.
        """
        self.name = name or type(self).__name__
        self.executor = config.pop("executor", None)
        self.config = config
        self.enable_state = enable_state
        self.state_ttl = state_ttl
        self.max_sessions = max_sessions

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class, and make its life cycle calls known to the runtime."""
        super().__init_subclass__(**kwargs)
        for method_name, is_initialize in (("initialize", True), ("cleanup", False)):
            method = cls.__dict__.get(method_name)
            if callable(method):
                setattr(cls, method_name, recording(method, is_initialize))
        registry.register(cls)

    @property
    def is_initialized(self) -> bool:
        """Whether ``initialize`` has run, and ``cleanup`` has not since."""
        return self._is_initialized

    def initialize(self) -> None:
        """Get ready: load models, open files. Runs once before the first item."""

    def process(self, data: Any) -> Any:
        """Work on one item.

        Args:
            data: the item.

        Returns:
            The output, None for none, or a generator or iterator of outputs.

        Raises:
            NotImplementedError: the class does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define process")

    def cleanup(self) -> None:
        """Let go of what ``initialize`` took. Runs once after the last item, also after an error."""

    def __repr__(self) -> str:
        """Class and name."""
        return f"{type(self).__name__}(name={self.name!r})"


for _name, _is_initialize in (("initialize", True), ("cleanup", False)):
    setattr(Node, _name, recording(Node.__dict__[_name], _is_initialize))
