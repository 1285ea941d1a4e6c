"""Items on their way: what a channel writes and reads, which depends on the language at its other end.

To TypeScript, an item goes as the values of ``wire.values``. Between two Python processes every type arrives
as it was: an item that MessagePack carries without a loss goes by it, any other goes whole, as one PICKLE,
with its large buffers beside it where there is shared memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.msgpack import Decoder, Encoder, Ext

from remotemedia.core.exceptions import MemoryKeptError, SharedMemoryFullError, ValueTransferError
from remotemedia.core.pickling.objects import ObjectReader, ObjectWriter
from remotemedia.wire.exact import InexactError, lower_exactly
from remotemedia.wire.reading import ValueReader, decode_with
from remotemedia.wire.values import (
    NUMBER_BYTES,
    PICKLE,
    PICKLE_BUFFERS,
    SEALED,
    SLICE,
    encode_lowered,
    lower,
    weigh,
    weigh_lowered,
)

if TYPE_CHECKING:
    from remotemedia.wire.slices import SliceReader, SliceWriter


class ItemCodec(Protocol):
    """What one channel's items become, and are made from.

    Attributes:
        leaves_plain: whether numbers and texts go as they are.
    """

    leaves_plain: bool

    def lower(self, item: Any) -> tuple[Any, int]:
        """What the frame's encoder takes for an item, and about how many bytes that will be.

        Raises:
            ValueTransferError: something in it cannot cross; ``path`` says where.
            MemoryKeptError: there is no shared memory for it, as consumers keep too much.
            SharedMemoryFullError: there is none, as the folder is full.
        """
        ...

    def decode(self, payload: bytes | memoryview) -> list[Any]:
        """The items of a frame.

        Raises:
            UndecodableError: these bytes are no items.
            ValueTransferError: an item cannot be made here.
        """
        ...

    def read_slices(self, slices: SliceReader) -> None:
        """Find the bytes of slices with ``slices`` from now on."""
        ...


class ForeignItems:
    """Items from and to another language."""

    leaves_plain = True

    def __init__(self, slices: SliceWriter | None = None) -> None:
        """For one channel; ``slices`` puts bulk bytes into shared memory."""
        self._slices = slices
        self._values = ValueReader()

    def lower(self, item: Any) -> tuple[Any, int]:
        """As ``ItemCodec``."""
        lowered = lower(item, self._slices)
        return lowered, weigh(lowered, item)

    def decode(self, payload: bytes | memoryview) -> list[Any]:
        """As ``ItemCodec``."""
        return self._values.decode_items(payload)

    def read_slices(self, slices: SliceReader) -> None:
        """As ``ItemCodec``."""
        self._values.slices = slices


class PythonItems:
    """Items from and to another Python process."""

    leaves_plain = True

    def __init__(self, slices: SliceWriter | None = None) -> None:
        """For one channel: the classes that went by value are not sent twice.

        Args:
            slices: puts bulk bytes into shared memory.
        """
        self._slices = slices
        self._writer = ObjectWriter()
        self._reader = ObjectReader()
        self._values = ValueReader(is_exact=True)
        self._decoder: Decoder[list[Any]] = Decoder(list[Any], ext_hook=self._value_of)
        self._buffers: Decoder[list[Any]] = Decoder(list[Any], ext_hook=self._buffer_of)

    def lower(self, item: Any) -> tuple[Any, int]:
        """As ``ItemCodec``."""
        try:
            lowered = lower_exactly(item, self._slices)
            return lowered, weigh_lowered(lowered)
        except (InexactError, RecursionError, UnicodeEncodeError, OverflowError):
            # Not in here, where pickle's own error would have this one as its context.
            pass
        pickled = self._pickle(item)
        return pickled, weigh_lowered(pickled)

    def decode(self, payload: bytes | memoryview) -> list[Any]:
        """As ``ItemCodec``."""
        return self._decoded(self._decoder.decode, payload)

    def _decoded(self, decode: Callable[[Any], Any], data: bytes | memoryview) -> Any:
        try:
            return decode_with(decode, data)
        except _LoadError as error:
            problem = error.problem
            raise ValueTransferError(
                f"an item could not be made in this process: {type(problem).__name__}: {problem}. Both "
                "processes need the same modules; see __setstate__() and __init__() of its classes"
            ) from problem

    def read_slices(self, slices: SliceReader) -> None:
        """As ``ItemCodec``."""
        self._values.slices = slices

    def _pickle(self, item: Any) -> Ext:
        slices = self._slices
        buffers: list[tuple[bool, Ext]] = []
        if slices is not None:
            slices.begin_again()

        def keep_inside(buffer: PickleBuffer) -> bool:
            placed = None if slices is None else slices.place_buffer(buffer)
            if placed is not None:
                buffers.append((memoryview(buffer).readonly, placed))
            return placed is None

        try:
            pickled = self._writer.write(item, None if slices is None else keep_inside)
        except (MemoryKeptError, SharedMemoryFullError):
            raise
        except Exception as error:
            # Its import takes time, and only bad news needs it.
            from remotemedia.core.pickling.diagnosis import item_refusal

            raise item_refusal(item, error) from error
        return Ext(PICKLE_BUFFERS, _encoder.encode((pickled, *buffers))) if buffers else Ext(PICKLE, pickled)

    def _value_of(self, code: int, data: memoryview) -> Any:
        if code == PICKLE:
            return self._load(data, ())
        if code == PICKLE_BUFFERS:
            pickled, *buffers = self._buffers.decode(data)
            if not isinstance(pickled, bytes):
                raise ValueError("a PICKLE_BUFFERS begins with no pickle")
            return self._load(pickled, [_buffer(described) for described in buffers])
        return self._values.value_of(code, data)

    def _load(self, data: memoryview | bytes, buffers: Any) -> Any:
        try:
            return self._reader.read(data, buffers)
        except Exception as error:
            # A ValueError would count as bytes that are no item.
            raise _LoadError(error) from error

    def _buffer_of(self, code: int, data: memoryview) -> Any:
        if code != SLICE or self._values.slices is None:
            raise ValueError(f"extension type {code} stands where a buffer should be")
        return self._values.slices.lend(data)


class SealedItems(PythonItems):
    """Items from and to another Python process, by way of something that passes them on unread.

    Each can be read by itself: some may be dropped on the way, and others come again in another process.
    """

    leaves_plain = False

    def __init__(self, has_receipts: bool = False) -> None:
        """For one channel.

        Args:
            has_receipts: whether what is written are outputs with their receipts (``schema/wire.md``).
        """
        super().__init__()
        self._has_receipts = has_receipts
        self._one: Decoder[Any] = Decoder(ext_hook=self._value_of)

    def lower(self, item: Any) -> tuple[Any, int]:
        """As ``ItemCodec``."""
        if not self._has_receipts:
            return self._seal(item)
        if type(item) is int:
            return item, NUMBER_BYTES
        output, *number = item
        sealed, weight = self._seal(output)
        return [sealed, *number], weight + NUMBER_BYTES

    def unseal(self, data: bytes | memoryview) -> Any:
        """The item of a SEALED.

        Raises:
            UndecodableError: these bytes are none.
            ValueTransferError: it cannot be made here.
        """
        return self._decoded(self._one.decode, data)

    def _seal(self, item: Any) -> tuple[Ext, int]:
        # Who reads it knows no class that has gone with another item.
        self._writer = ObjectWriter()
        lowered, _ = super().lower(item)
        data = encode_lowered(lowered, lowered)
        return Ext(SEALED, data), len(data)

    def _value_of(self, code: int, data: memoryview) -> Any:
        return self._one.decode(data) if code == SEALED else super()._value_of(code, data)


def _buffer(described: Any) -> Any:
    """A buffer, as PICKLE_BUFFERS describes it.

    Raises:
        ValueError: it is described wrongly.
    """
    if not isinstance(described, list) or len(described) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError("a buffer must be a pair")
    is_read_only, data = described  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(is_read_only, bool) or isinstance(data, (int, float, str, list, dict, type(None))):
        raise ValueError("a buffer must be a bool and bytes")
    return bytearray(data) if isinstance(data, bytes) and not is_read_only else data  # pyright: ignore[reportUnknownVariableType]


class _LoadError(Exception):
    """A pickle of an item failed to load."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem


_encoder = Encoder()
