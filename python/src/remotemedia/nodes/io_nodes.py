"""Nodes at the two ends of a pipeline, for programs that push items in and take outputs out."""

from __future__ import annotations

import contextlib
import inspect
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from remotemedia.core.exceptions import InvalidArgumentError
from remotemedia.core.fork_lock import ForkSafeLock
from remotemedia.core.node import Node

__all__ = ["DataSinkNode", "DataSourceNode"]


class DataSourceNode(Node):
    """Gives the items that a program pushes, from any thread and any event loop.

    The stream ends after ``close()``, once everything pushed before has been given, or when nothing was
    pushed for ``timeout_seconds``. Items that nobody took stay for the next run.

    Attributes:
        buffer_size: how many items may wait.
        timeout_seconds: how long the stream waits for the next item, in seconds; None for ever.

    Example::

        source = DataSourceNode(buffer_size=10)
        await source.push_data("hello")
        await source.close()
        await Pipeline([source]).run()  # 'hello'
    """

    is_source = True
    is_streaming = True

    def __init__(
        self,
        buffer_size: int = 100,
        timeout_seconds: float | None = 30.0,
        name: str | None = None,
        **config: Any,
    ) -> None:
        """Start open and empty.

        Args:
            buffer_size: how many items may wait, from 1.
            timeout_seconds: how long to wait for the next item.
            name: what the node is called.
            **config: further settings, as for every node.

        Raises:
            InvalidArgumentError: the buffer could not hold a single item.
        """
        super().__init__(name=name, **config)
        if buffer_size < 1:
            raise InvalidArgumentError(f"DataSource: buffer_size must be at least 1, got {buffer_size}.")
        self.buffer_size = buffer_size
        self.timeout_seconds = timeout_seconds
        self._items: deque[Any] = deque()
        self._is_closed = False
        self._mutex = ForkSafeLock()
        self._wake: Callable[[], object] | None = None

    async def push_data(self, data: Any) -> bool:
        """Give an item to the stream.

        Args:
            data: the item; None is no item, and is dropped like any None output.

        Returns:
            Whether it was taken: not after ``close()``, and not while ``buffer_size`` items wait.
        """
        with self._mutex:
            if self._is_closed or len(self._items) >= self.buffer_size:
                return False
            self._items.append(data)
            self._notify()
        return True

    async def close(self) -> None:
        """End the stream after the items that wait."""
        with self._mutex:
            self._is_closed = True
            self._notify()

    async def process(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input_data: Any = None
    ) -> AsyncGenerator[Any, None]:
        """Give the items as they come.

        Args:
            input_data: of no use to a source.

        Yields:
            The items, in the order in which they were pushed.
        """
        import asyncio

        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(arrived.set)
        try:
            while True:
                arrived.clear()
                with self._mutex:
                    has_item, is_closed = bool(self._items), self._is_closed
                    item = self._items.popleft() if has_item else None
                if has_item:
                    yield item
                elif is_closed or not await self._wait(arrived):
                    return
        finally:
            self._wake = None

    def get_config(self) -> dict[str, Any]:
        """Name, class and settings."""
        return {
            **super().get_config(),
            "buffer_size": self.buffer_size,
            "timeout_seconds": self.timeout_seconds,
            "is_source": True,
            "is_streaming": True,
        }

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what belongs to this process; the items that wait travel."""
        with self._mutex:
            return {**super().__getstate__(), "_mutex": None, "_wake": None, "_items": deque(self._items)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take everything over."""
        super().__setstate__(state)
        self._mutex = ForkSafeLock()

    async def _wait(self, arrived: Any) -> bool:
        """Wait for an item or the end; False where nothing was pushed for too long."""
        import asyncio

        try:
            # What is waited for is no item, so a timeout loses none.
            async with asyncio.timeout(self.timeout_seconds):
                return await arrived.wait()
        except TimeoutError:
            # Something may have been pushed in the very last moment.
            return bool(self._items) or self._is_closed

    def _notify(self) -> None:
        if self._wake is not None:
            # The loop of a stream that nobody closed may have ended; the next stream finds the item.
            with contextlib.suppress(RuntimeError):
                self._wake()


class DataSinkNode(Node):
    """Hands every item to a program, and gives it on.

    Attributes:
        callback: called with each item; may be async. What it raises ends the run.
        buffer_output: whether the last items are kept for ``get_buffered_output``.
        buffer_size: how many of them.
        total_processed: how many items there were.

    Example::

        await Pipeline([DataSinkNode(callback=print)]).run(["hello"])
    """

    is_sink = True

    def __init__(
        self,
        callback: Callable[[Any], Any] | None = None,
        buffer_output: bool = False,
        buffer_size: int = 100,
        name: str | None = None,
        **config: Any,
    ) -> None:
        """Keep the settings.

        Args:
            callback: called with each item; may be async.
            buffer_output: whether to keep the last items.
            buffer_size: how many of them.
            name: what the node is called.
            **config: further settings, as for every node.
        """
        super().__init__(name=name, **config)
        self.callback = callback
        self.buffer_output = buffer_output
        self.buffer_size = buffer_size
        self.output_buffer: deque[Any] | None = deque(maxlen=buffer_size) if buffer_output else None
        self.total_processed = 0
        self._put: Callable[[Any], Awaitable[Any]] | None = None

    def set_callback(self, callback: Callable[[Any], Any]) -> None:
        """Call this with each item from now on."""
        self.callback = callback

    def set_output_queue(self, queue: Any) -> None:
        """Put each item into an asyncio queue from now on; a full one holds the pipeline up."""
        self._put = queue.put

    async def process(self, data: Any) -> Any:
        """Hand the item over, then give it on.

        Args:
            data: the item.

        Returns:
            The item itself.
        """
        self.total_processed += 1
        if self.output_buffer is not None:
            self.output_buffer.append(data)
        if self._put is not None:
            await self._put(data)
        if self.callback is not None:
            answer = self.callback(data)
            if inspect.isawaitable(answer):
                await answer
        return data

    def get_buffered_output(self) -> list[Any]:
        """The last items, oldest first; none where they are not kept."""
        return list(self.output_buffer or ())

    def clear_buffer(self) -> None:
        """Forget the items that were kept."""
        if self.output_buffer is not None:
            self.output_buffer.clear()

    def get_config(self) -> dict[str, Any]:
        """Name, class and settings."""
        return {
            **super().get_config(),
            "buffer_output": self.buffer_output,
            "buffer_size": self.buffer_size,
            "is_sink": True,
            "total_processed": self.total_processed,
        }
