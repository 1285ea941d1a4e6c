"""Pipelines: nodes in the order in which items pass them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from remotemedia.core.exceptions import EmptyPipelineError, InvalidPipelineError, PipelineError
from remotemedia.core.validation import called, check_items, is_entry, items_of, live_object, node_problem

if TYPE_CHECKING:
    from remotemedia.core.queue_settings import QueueLimits, WhenFull
    from remotemedia.core.stuck import StuckReport
    from remotemedia.driver.opening_session import OpeningSession
    from remotemedia.runner.dead_letter import TakeDeadLetter


class Pipeline:
    """Nodes in the order in which items pass them; they are live objects, and run as they are.

    Attributes:
        name: what the pipeline is called.
        nodes: what was added, in order: nodes and manifest entries.
        enable_metrics: whether runs are measured; see ``get_metrics``.
        last_metrics: the metrics of the last run that was measured, or None.
        connections: pairs of ids, where the nodes are no chain; set by ``load_pipeline``.
        queues: limits of what comes by single connections, by these pairs.
        base_dir: the folder against which types such as ``./nodes.js#Upper`` are resolved; by default the
            working directory.

    Example:
        >>> from remotemedia.nodes import CalculatorNode, PassThroughNode
        >>> pipeline = Pipeline("sum")
        >>> pipeline.add_node(PassThroughNode()).add_node(CalculatorNode(operation="add", operand=1))
        Pipeline(name='sum', nodes=2, not initialized)
    """

    is_pipeline: ClassVar[bool] = True
    """Tells it from a node, which has methods of the same names."""

    name: str
    nodes: list[Any]
    enable_metrics: bool
    last_metrics: dict[str, Any] | None
    connections: list[tuple[str, str]] | None
    queues: dict[tuple[str, str], QueueLimits]
    base_dir: str | None

    def __init__(
        self,
        nodes: Iterable[Any] | str | None = None,
        name: str | None = None,
        enable_metrics: bool = False,
    ) -> None:
        """Take nodes and a name.

        Args:
            nodes: objects with ``process`` and ``initialize``, and manifest entries such as
                ``{"node_type": "PassThrough"}``; a string is the name instead.
            name: what the pipeline is called; ``"pipeline"`` by default.
            enable_metrics: whether runs are measured.

        Raises:
            InvalidPipelineError: ``nodes`` is no list of nodes.
            InvalidNodeError: an item of it is neither a node nor a manifest entry.
        """
        if isinstance(nodes, str):
            if name is not None:
                raise InvalidPipelineError(
                    f"nodes must be a list of nodes, got the string {nodes!r}. Give one name only."
                )
            nodes, name = None, nodes
        self.name = name or "pipeline"
        self.nodes = [] if nodes is None else items_of(nodes)
        self.enable_metrics = enable_metrics
        self.last_metrics = None
        self.connections = None
        self.queues = {}
        self.base_dir = None
        self._held: list[Any] | None = None

    # Its nodes

    def add_node(self, node: Any) -> Pipeline:
        """Add a node at the end.

        Args:
            node: any object with ``process`` and ``initialize``, or a manifest entry.

        Returns:
            The pipeline itself, so that calls may follow one another.

        Raises:
            PipelineError: the pipeline is initialized.
            InvalidNodeError: the object is no node.
        """
        self._refuse_if_initialized("add")
        problem = None if is_entry(node) else node_problem(node)
        if problem is not None:
            check_items([*self.nodes, node])
        self.nodes.append(node)
        return self

    def remove_node(self, node_name: str) -> bool:
        """Take the first node of a name out; whether there was one.

        Raises:
            PipelineError: the pipeline is initialized.
        """
        self._refuse_if_initialized("remove")
        node = self.get_node(node_name)
        if node is None:
            return False
        del self.nodes[next(index for index, each in enumerate(self.nodes) if each is node)]
        return True

    def get_node(self, node_name: str) -> Any:
        """The first node of a name, or None; a manifest entry goes by its ``id``."""
        return next((node for node in self.nodes if called(node) == node_name), None)

    @property
    def node_count(self) -> int:
        """How many nodes there are."""
        return len(self.nodes)

    @property
    def remote_node_count(self) -> int:
        """How many nodes say that they run on another machine (``is_remote``)."""
        return sum(1 for node in self.nodes if getattr(node, "is_remote", False))

    def __iter__(self) -> Iterator[Any]:
        """The nodes in order, as they were added."""
        return iter(self.nodes)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.nodes)

    def __repr__(self) -> str:
        """Name, number of nodes and state."""
        status = "initialized" if self.is_initialized else "not initialized"
        return f"Pipeline(name={self.name!r}, nodes={len(self.nodes)}, {status})"

    # Its life cycle

    @property
    def is_initialized(self) -> bool:
        """Whether ``initialize`` has run, and ``cleanup`` has not since."""
        return self._held is not None

    async def initialize(self) -> None:
        """Initialize the nodes in order and keep them so until ``cleanup``, whatever runs meanwhile.

        A run does this by itself; call it to load models only once for several runs. A sync ``initialize``
        runs in another thread, so that the loop goes on.

        Raises:
            EmptyPipelineError: there are no nodes.
            NodeFailedError: a node failed, its error being the cause; those before it have been cleaned up.
        """
        from remotemedia.core.holding import hold

        if self._held is not None:
            return
        if not self.nodes:
            raise EmptyPipelineError(f'Pipeline "{self.name}" is empty. Give it at least one node.')
        self._held = await hold([node for node in map(live_object, self.nodes) if node is not None])

    async def cleanup(self) -> None:
        """Clean the nodes up that ``initialize`` initialized, in reverse order.

        Raises:
            NodeFailedError: a node failed; the others have been cleaned up all the same.
        """
        from remotemedia.core.holding import let_go

        held, self._held = self._held, None
        if held:
            await let_go(held)

    @asynccontextmanager
    async def managed_execution(self) -> AsyncGenerator[Pipeline, None]:
        """Initialize on the way in and clean up on the way out, also after an error.

        Example::

            async with pipeline.managed_execution():
                async for output in pipeline.process(stream):
                    print(output)
        """
        from remotemedia.core.holding import let_go_after

        await self.initialize()
        try:
            yield self
        except BaseException as error:
            held, self._held = self._held, None
            await let_go_after(error, held or [])
            raise
        await self.cleanup()

    # Running

    async def run(
        self,
        input_data: Any = None,
        use_rust: bool = True,
        *,
        on_dead_letter: TakeDeadLetter | None = None,
    ) -> Any:
        """Run the pipeline.

        Args:
            input_data: one item, or a list of items; None for no input: a source is drained, and any other
                first node gets one empty text.
            use_rust: False runs Python nodes without the engine.
            on_dead_letter: given each item that a node with the failure policy ``skip`` has failed for, in
                any thread; by default each is logged as a warning.

        Returns:
            The outputs as a list, but a single one by itself; without any ``[]``, or None where no input was
            given.

        Raises:
            EmptyPipelineError: there are no nodes.

        Example::

            outputs = await pipeline.run([1, 2, 3])
        """
        from remotemedia.driver.execute import run_pipeline

        return await run_pipeline(self, input_data, use_rust, on_dead_letter)

    def run_sync(self, input_data: Any = None, *, on_dead_letter: TakeDeadLetter | None = None) -> Any:
        """Run the pipeline in a program without asyncio; otherwise as ``run``.

        Raises:
            RuntimeError: the caller is inside a running event loop, which must ``await pipeline.run()``.

        Example::

            outputs = pipeline.run_sync([1, 2, 3])
        """
        from remotemedia.driver.execute import run_pipeline_sync

        return run_pipeline_sync(self, input_data, on_dead_letter)

    def process(
        self, stream: AsyncIterable[Any] | None = None, *, on_dead_letter: TakeDeadLetter | None = None
    ) -> AsyncGenerator[Any, None]:
        """Run the pipeline over a stream, and give the outputs as they come.

        Leaving the loop early cancels the run and cleans up.

        Args:
            stream: the items; None where the first node is a source.
            on_dead_letter: given each item that a node with the failure policy ``skip`` has failed for, in
                any thread; by default each is logged as a warning.

        Returns:
            The outputs.

        Example::

            async for output in pipeline.process(stream):
                print(output)
        """
        from remotemedia.driver.execute import stream_pipeline

        return stream_pipeline(self, stream, on_dead_letter)

    def open(
        self,
        *,
        max_pending: int = 64,
        enable_metrics: bool | None = None,
        return_state: bool = False,
        session_id: str | None = None,
        on_dead_letter: TakeDeadLetter | None = None,
        stuck_after_ms: float = 5_000,
        memory_limit_bytes: int | None = None,
        on_stuck: Callable[[StuckReport], Any] | None = None,
        input_queue: WhenFull | QueueLimits | Mapping[str, Any] | None = None,
        accounting: bool = False,
    ) -> OpeningSession:
        """Open the pipeline as a session: items are written as they come, and outputs read as they come.

        Opening prepares everything: when it returns, all nodes are initialized, wherever they run. Many
        sessions may be open at once; they share the live nodes.

        Args:
            max_pending: how many items may wait for the first node before ``write`` waits.
            enable_metrics: whether nodes are measured; by default as ``enable_metrics`` of the pipeline says.
            return_state: whether nodes in other processes bring their state back to the original objects.
            session_id: what nodes know the session by; by default a random one.
            on_dead_letter: given each item that a node with the failure policy ``skip`` has failed for, in
                any thread; by default each is logged as a warning, unless ``session.dead_letters`` is read.
            stuck_after_ms: after how long a node that has not returned, or a blocked event loop, is reported;
                0 for never. Nothing is ended because of it.
            memory_limit_bytes: how much resident memory each process may use before that is reported.
            on_stuck: takes the reports, in a thread of the runtime, also while this event loop is blocked; by
                default each is logged as a warning.
            input_queue: limits of the items that wait at the input, instead of ``max_pending``; as of a node.
            accounting: whether the session keeps account of what becomes of each item that is written, for
                ``session.account()``. That takes 12 bytes for each, and 8 more for each item that comes to
                nothing on its way.

        Returns:
            What is awaited for the session, or entered with ``async with``, which also closes it.

        Raises:
            InvalidArgumentError: ``max_pending`` is no whole number from 1, a limit no number from 0, or
                ``on_dead_letter`` or ``on_stuck`` nothing that can be called.
            ConfigurationError: ``input_queue`` has a wrong value.
            BaseException: on opening, what a node has raised in ``initialize``, itself.

        Example::

            async with pipeline.open() as session:
                await session.write("hello")
                session.end()
                async for output in session:
                    print(output)
        """
        from remotemedia.driver.opening_session import OpeningSession
        from remotemedia.driver.watch_options import watch_of

        watch = watch_of(stuck_after_ms, memory_limit_bytes, on_stuck)
        return OpeningSession(
            self,
            max_pending,
            enable_metrics,
            return_state,
            session_id,
            on_dead_letter,
            watch,
            input_queue,
            accounting,
        )

    def get_metrics(self) -> dict[str, Any] | None:
        """The metrics of the last run with ``enable_metrics``, or None.

        Returns:
            A dict with ``total_duration_us`` and ``node_metrics``: for each node a dict with ``node_id``,
            ``avg_duration_us`` and further counts and durations, in microseconds.
        """
        return self.last_metrics

    # Description

    def get_config(self) -> dict[str, Any]:
        """Name, number of nodes, and name, class and settings of each."""
        from remotemedia.core.definitions import config_of

        return {
            "name": self.name,
            "node_count": self.node_count,
            "remote_node_count": self.remote_node_count,
            "nodes": [config_of(node) for node in self.nodes],
            "is_initialized": self.is_initialized,
        }

    def serialize(self, include_capabilities: bool = True, description: str | None = None) -> str:
        """The manifest of the pipeline, as JSON text.

        Args:
            include_capabilities: whether to state what nodes ask of the machine.
            description: what the pipeline does.

        Returns:
            A manifest in version v1, whose ids are ``{name}_{index}``.

        Raises:
            ManifestError: a setting is something that JSON cannot hold; the error names it.
        """
        from remotemedia.core.manifest import manifest_of, to_json

        return to_json(manifest_of(self.name, self.nodes, description, include_capabilities))

    def export_definition(self) -> dict[str, Any]:
        """The pipeline as a definition that names the classes of its nodes; see ``from_definition``.

        Returns:
            A dict with ``name``, ``nodes``, ``connections``, ``metadata`` and ``dependencies``.
        """
        from remotemedia.core.definitions import definition_of

        return definition_of(self.name, self.nodes)

    @classmethod
    async def from_definition(cls, definition: Mapping[str, Any]) -> Pipeline:
        """Make a pipeline of new nodes from what ``export_definition`` gave.

        Raises:
            PipelineError: a class cannot be imported, or a node cannot be made; the error names it.
        """
        from remotemedia.core.definitions import node_of

        nodes = [node_of(entry, index) for index, entry in enumerate(definition.get("nodes", ()))]
        return cls(nodes, name=definition.get("name"))

    def _refuse_if_initialized(self, action: str) -> None:
        if self.is_initialized:
            raise PipelineError(
                f'Pipeline "{self.name}" is initialized. Call cleanup() before you {action} nodes.'
            )
