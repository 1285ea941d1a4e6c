"""The base class of nodes. Using it is optional: any object with ``process`` and ``initialize`` is a node."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core import registry
from remotemedia.core.exceptions import ConfigurationError
from remotemedia.core.lifecycle import recording
from remotemedia.core.session_id import SESSION_ID
from remotemedia.core.settings import SETTING_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from remotemedia.core.queue_settings import FanIn, FanInPolicy, QueueLimits, WhenFull
    from remotemedia.core.settings import FailurePolicy, OnError, RestartPolicy
    from remotemedia.core.state import SessionState, StateManager

_STATED = ("executor", "run_on", *SETTING_NAMES)
"""The attributes that the runtime reads, which constructors take by name."""

_METADATA_KEYS = ("session_id", "metadata", "user_name", "timestamp")


@dataclass
class RemoteExecutorConfig:
    """Where and how a node is to run on another machine; a node keeps one as its ``remote_config``.

    Attributes:
        host: name or address of the machine.
        port: its port, from 1 to 65535.
        protocol: ``"grpc"`` or ``"http"``.
        auth_token: what the machine asks for.
        timeout: how long a call may take, in seconds.
        max_retries: how often a call is tried again.
        ssl_enabled: whether the connection is encrypted.
        pip_packages: what the machine has to install.

    Raises:
        ConfigurationError: a value is out of range.
    """

    host: str
    port: int
    protocol: str = "grpc"
    auth_token: str | None = None
    timeout: float = 30.0
    max_retries: int = 3
    ssl_enabled: bool = True
    pip_packages: list[str] | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.protocol not in ("grpc", "http"):
            raise ConfigurationError(f'protocol must be "grpc" or "http", got {self.protocol!r}.')
        if not 1 <= self.port <= 65535:
            raise ConfigurationError(f"port must be from 1 to 65535, got {self.port}.")
        if self.timeout <= 0:
            raise ConfigurationError(f"timeout must be more than 0 seconds, got {self.timeout}.")


# Attributes that are made when they are first asked for. A node may assign anything over them, and classes
# whose __init__ does not call super().__init__() have them all the same.


class _OwnName:
    """The class name, for nodes that were given no name."""

    def __get__(self, node: Node | None, owner: type) -> str:
        return owner.__name__


class _OwnConfig:
    """The settings of a node that was given none."""

    def __get__(self, node: Node | None, owner: type) -> dict[str, Any]:
        return {} if node is None else node.__dict__.setdefault("config", {})


class _OwnLogger:
    """A logger named after the class."""

    def __get__(self, node: Node | None, owner: type) -> logging.Logger:
        return logging.getLogger(f"remotemedia.{owner.__name__}")


class _OwnState:
    """The sessions of a node, which cost too much to be made with it."""

    def __get__(self, node: Node | None, owner: type) -> StateManager | None:
        if node is None or not node.enable_state:
            return None
        from remotemedia.core.state import StateManager

        # Two threads may both get here; the first one's manager stays.
        return node.__dict__.setdefault("state", StateManager(node.state_ttl, node.max_sessions))


class Node:
    """A step of a pipeline.

    ``process`` may be a function, a coroutine function, a generator or an async generator; what it gives
    or yields is the output, and None is none. A node may also have ``flush()``, which runs at the end of the
    input.

    Attributes:
        name: what the node is called; its class name if none was given.
        config: the settings that it was made with.
        executor: where it runs, such as ``"multiprocess"``; None for the program itself.
        concurrency: how many items an async ``process`` works on at once; None for one.
        unordered: whether outputs of several calls at once are given as they come; None for in the order of
            their items.
        failure_policy: what is done where ``process`` fails for an item: ``"fail"``, ``"skip"``, a
            ``FailurePolicy`` or the same as a dict; None for ``"fail"``.
        input_queue: how many items wait for it, and what becomes of more: ``"block"``, ``"drop-oldest"``,
            ``"drop-newest"``, ``"latest"``, ``QueueLimits`` or the same as a dict; None for a bounded number,
            for which those before it wait.
        fan_in: how items of several inputs come to it: ``"merge"``, ``"zip"``, ``"latest"``, ``"timestamp"``,
            a ``FanIn`` or the same as a dict; None for ``"merge"``.
        replicas: how many processes have the node, each a copy of its own; None for one.
        restart: how often the process in which it runs is started again when it dies, and what becomes of
            the items that were in it: a number, a ``RestartPolicy`` or the same as a dict; None for never.
        enable_state: whether it keeps state for each session.
        state_ttl: how long a session is kept after its last use, a number being seconds; None for 24 hours.
        max_sessions: how many sessions are kept; None for any number.
        state: the sessions, or None where ``enable_state`` is off.
        logger: the logger ``remotemedia.<class name>``.

    Example:
        >>> class Upper(Node):
        ...     def process(self, data):
        ...         return data.upper()
        >>> Upper(name="upper").process("a")
        'A'
    """

    is_streaming: bool = False
    is_source: bool = False

    name: str = cast("Any", _OwnName())
    config: dict[str, Any] = cast("Any", _OwnConfig())
    logger: logging.Logger = cast("Any", _OwnLogger())
    state: StateManager = cast("Any", _OwnState())
    executor: str | None = None
    concurrency: int | None = None
    unordered: bool | None = None
    failure_policy: OnError | FailurePolicy | Mapping[str, Any] | None = None
    input_queue: WhenFull | QueueLimits | Mapping[str, Any] | None = None
    fan_in: FanInPolicy | FanIn | Mapping[str, Any] | None = None
    replicas: int | None = None
    restart: int | RestartPolicy | Mapping[str, Any] | None = None
    enable_state: bool = True
    state_ttl: timedelta | float | None = None
    max_sessions: int | None = None
    _is_initialized: bool = False
    _current_session_id: str | None = None

    def __init__(
        self,
        name: str | None = None,
        enable_state: bool = True,
        state_ttl: timedelta | float | None = None,
        max_sessions: int | None = None,
        **config: Any,
    ) -> None:
        """Keep name and settings.

        Args:
            name: what the node is called; its class name by default.
            enable_state: whether it keeps state for each session.
            state_ttl: how long a session is kept after its last use, in seconds or as a timedelta;
                24 hours by default.
            max_sessions: how many sessions are kept.
            **config: what is not an attribute of ``Node`` is kept in ``config``. ``executor``, ``run_on``,
                ``concurrency``, ``unordered``, ``failure_policy``, ``input_queue``, ``fan_in``, ``replicas``
                and ``restart`` are, and are checked when the node is run.
        """
        self.name = name or type(self).__name__
        if config:
            for setting in _STATED:
                if setting in config:
                    setattr(self, setting, config.pop(setting))
        self.config = config
        self.enable_state = enable_state
        self.state_ttl = state_ttl
        self.max_sessions = max_sessions

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class, and make its life cycle calls known to the runtime."""
        super().__init_subclass__(**kwargs)
        for method_name, is_initialize in (("initialize", True), ("cleanup", False)):
            # One that is inherited from a mixin does not tell of its calls, as that is no Node.
            owner = next(base for base in cls.__mro__ if method_name in base.__dict__)
            method = owner.__dict__[method_name]
            if callable(method) and (owner is cls or not issubclass(owner, Node)):
                setattr(cls, method_name, recording(method, is_initialize))
        registry.register(cls)

    @property
    def is_initialized(self) -> bool:
        """Whether ``initialize`` has run, and ``cleanup`` has not since."""
        return self._is_initialized

    def initialize(self) -> Any:  # for type checkers: a subclass may make it async
        """Get ready: load models, open files. Runs once before the first item."""

    if TYPE_CHECKING:
        # For type checkers: a subclass names its item as it likes, and a source takes none.
        def process(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102

    else:

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

    def cleanup(self) -> Any:  # as initialize
        """Let go of what ``initialize`` took. Runs once after the last item, also after an error.

        This one forgets all sessions.
        """
        if "state" in self.__dict__:
            from remotemedia.core.state import StateManager

            if isinstance(self.__dict__["state"], StateManager):
                self.state.clear_all_sessions()

    # Sessions

    def set_session_id(self, session_id: str) -> None:
        """Say which session the next items belong to."""
        self._current_session_id = session_id

    def get_session_id(self) -> str | None:
        """The session that ``set_session_id`` named, else the live session at work here, or None."""
        return self._current_session_id or SESSION_ID.get()

    def get_session_state(self, session_id: str | None = None) -> SessionState | None:
        """The state of a session, made where there is none yet.

        Args:
            session_id: which one; by default that of ``get_session_id``.

        Returns:
            The state; None without a session id, or where the node keeps no state.
        """
        from remotemedia.core.state import StateManager

        key = session_id or self.get_session_id()
        manager: Any = self.state
        if not key or not isinstance(manager, StateManager):
            return None
        return manager.get_or_create_session(key)

    def extract_session_id(self, data: Any) -> str | None:
        """The ``session_id`` of an item that is a dict, or a tuple that ends with a dict; else None."""
        if isinstance(data, tuple) and len(cast("tuple[Any, ...]", data)) >= 2:
            data = cast("tuple[Any, ...]", data)[-1]
        return cast("dict[str, Any]", data).get("session_id") if isinstance(data, dict) else None

    def split_data_metadata(self, data: Any) -> tuple[Any, dict[str, Any] | None]:
        """Take an item apart into what it is and what is said of it.

        Args:
            data: ``(value, metadata)``, ``(value, …, metadata)``, or anything without metadata. A dict counts
                as metadata where it has ``session_id``, ``metadata``, ``user_name`` or ``timestamp``.

        Returns:
            The value, which is a tuple where there were several, and the metadata or None.

        Example:
            >>> PassThrough().split_data_metadata(("hi", {"session_id": "a"}))  # doctest: +SKIP
            ('hi', {'session_id': 'a'})
        """
        if not isinstance(data, tuple):
            return data, None
        parts = cast("tuple[Any, ...]", data)
        last = parts[-1] if len(parts) >= 2 else None
        if not isinstance(last, dict) or not any(key in last for key in _METADATA_KEYS):
            return parts, None
        return parts[0] if len(parts) == 2 else parts[:-1], cast("dict[str, Any]", last)

    def merge_data_metadata(self, data: Any, metadata: dict[str, Any] | None) -> Any:
        """Put together again what ``split_data_metadata`` took apart."""
        if metadata is None:
            return data
        return (*cast("tuple[Any, ...]", data), metadata) if isinstance(data, tuple) else (data, metadata)

    # Description

    def get_config(self) -> dict[str, Any]:
        """Name, class and settings."""
        return {"name": self.name, "class": type(self).__name__, "config": self.config}

    def get_capabilities(self) -> dict[str, Any] | None:
        """What the node asks of the machine, as a manifest states it; override it where it asks for anything.

        Example: ``{"gpu": {"type": "cuda", "min_memory_gb": 4.0}, "memory_gb": 8.0}``
        """
        return None

    def to_manifest(self, include_capabilities: bool = True) -> dict[str, Any]:
        """The node as an entry of a manifest, from which it can be made anew.

        Args:
            include_capabilities: whether to state ``get_capabilities()``.

        Returns:
            ``id`` (the name), ``node_type`` and ``params``; where there are any, ``is_streaming``,
            ``executor``, ``capabilities`` and ``host``.
        """
        from remotemedia.core.manifest import entry_of_node

        capabilities = self.get_capabilities() if include_capabilities else None
        return entry_of_node(self, self._extract_params(), capabilities)

    def serialize(self, include_capabilities: bool = True) -> str:
        """The JSON text of ``to_manifest``.

        Raises:
            ManifestError: a setting is something that JSON cannot hold; the error names it.
        """
        from remotemedia.core.manifest import to_json

        return to_json(self.to_manifest(include_capabilities))

    def _extract_params(self) -> dict[str, Any]:
        """What the constructor has to be given; override it where the settings do not tell."""
        from remotemedia.core.manifest import params_of

        return params_of(self, self.config)

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        """Everything but being initialized: a copy, also one in another process, is initialized anew."""
        state: Any = super().__getstate__()
        # A class with __slots__ has its fields in two places.
        parts = cast("tuple[dict[str, Any] | None, ...]", state if isinstance(state, tuple) else (state,))
        fields = {name: value for part in parts for name, value in (part or {}).items()}
        fields["_is_initialized"] = False
        fields.pop("logger", None)
        return fields

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what ``__getstate__`` gave."""
        for name, value in state.items():
            if isinstance(getattr(type(self), name, None), MemberDescriptorType):
                setattr(self, name, value)
            else:
                self.__dict__[name] = value

    def __repr__(self) -> str:
        """Class and name."""
        return f"{type(self).__name__}(name={self.name!r})"


for _name, _is_initialize in (("initialize", True), ("cleanup", False)):
    setattr(Node, _name, recording(Node.__dict__[_name], _is_initialize))


def __getattr__(name: str) -> Any:
    # Existing code imports these from here; datetime and the rest of what they need is loaded only then.
    if name in ("SessionState", "StateManager"):
        from remotemedia.core import state

        return getattr(state, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
