"""What a description of a segment, as the engine sends it, stands for (``schema/wire.md``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from remotemedia.core.exceptions import ProtocolError
from remotemedia.core.queue_settings import QueueLimits, queue_of
from remotemedia.core.setting_checks import Check
from remotemedia.core.settings import read_settings
from remotemedia.runner.channel_input import ChannelInput
from remotemedia.runner.channel_output import ChannelOutput
from remotemedia.runner.joined import NodeInputs
from remotemedia.runner.loop_ports import LoopInput
from remotemedia.runner.losses import Accounts
from remotemedia.runner.plan import Place, SegmentPlan
from remotemedia.runner.ports import INPUT_NAME, OUTPUT_NAME, InputPort, OutputPort
from remotemedia.runner.segment_thread import Row
from remotemedia.wire.items import ForeignItems, ItemCodec, PythonItems, SealedItems

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.slab_sender import SlabSender
    from remotemedia.wire.slices import SliceWriter

_MOST_KEPT_BYTES: Final = 64 << 20

INPUT, OUTPUT = INPUT_NAME, OUTPUT_NAME
"""The ends of a pipeline, which only a driver has."""


@dataclass(slots=True)
class Ends:
    """The ends of one run's pipeline, in the program where its items come from and its outputs go.

    Attributes:
        make_input: gives the port that lets the items in.
        make_output: gives a port that takes the outputs of one node.
    """

    make_input: Callable[[], InputPort | LoopInput]
    make_output: Callable[[], OutputPort]


class DescribedSegment:
    """A segment as it is to be built.

    Attributes:
        plan: what it consists of.
        inputs: its incoming channels, each with its description.
        outputs: its outgoing channels, each with its description.
    """

    def __init__(
        self,
        description: dict[str, Any],
        find_object: Callable[[int], Any],
        ends: Ends | None,
        accounts: Accounts | None = None,
    ) -> None:
        """Read a description; ``accounts`` keeps account of the session.

        Raises:
            ProtocolError: it names an end of the pipeline, and this host has none.
        """
        self._description = description
        self._given_ends = ends
        # A driver's program keeps results for as long as it likes.
        most_kept = None if ends is None else _MOST_KEPT_BYTES
        self.inputs = [
            (ChannelInput(entry["channel"], _window(entry), _codec(entry), most_kept), entry)
            for entry in description["inputs"]
        ]
        has_receipts = bool(description.get("receipts"))
        self.outputs = [(_output(entry, has_receipts), entry) for entry in description["outputs"]]
        self.plan = SegmentPlan(
            nodes=[
                Place(entry["id"], find_object(entry["object"]), read_settings(entry, entry["id"]))
                for entry in description["nodes"]
            ],
            has_metrics=bool(description.get("metrics")),
            is_tagged=bool(description.get("tagged")),
            session_id=description.get("session"),
            cancel_timeout_ms=int(description.get("cancelTimeoutMs") or 5_000),
            joined=_joined(description["nodes"]),
            queues=_queues(description["nodes"]),
            accounts=accounts,
            row=row_of(description),
            **self._wiring(),
        )

    def give_outputs(self, segment: Segment) -> None:
        """Tell the outgoing channels whom the memory of their items belongs to."""
        if not any(entry.get("bulk") for _, entry in self.outputs):
            return
        # Loaded where it is needed, as all that is about shared memory.
        from remotemedia.runner.giving import givings

        found = givings(self._description, segment.stages, INPUT)
        for port, entry in self.outputs:
            port.give(found[entry["from"]])

    def _wiring(self) -> dict[str, Any]:
        """Edges and ports of the plan; the ends of the pipeline, which edges may name, become ports."""
        edges: list[tuple[str, str]] = [(origin, target) for origin, target in self._description["edges"]]
        inner = [edge for edge in edges if edge[0] != INPUT and edge[1] != OUTPUT]
        inputs: list[tuple[InputPort | LoopInput, list[str | OutputPort]]] = [
            (port, [self._make_output() if target == OUTPUT else target for target in entry["to"]])
            for port, entry in self.inputs
        ]
        drained: list[tuple[OutputPort, str]] = [
            (port, entry["from"]) for port, entry in self.outputs if entry["from"] != INPUT
        ]
        drained += [(self._make_output(), origin) for origin, to in edges if to == OUTPUT and origin != INPUT]
        origins: list[str] = [entry.get("from", INPUT) for _, entry in self.inputs]
        fed: list[str | OutputPort] = [port for port, entry in self.outputs if entry["from"] == INPUT]
        fed += [self._make_output() if to == OUTPUT else to for origin, to in edges if origin == INPUT]
        if fed:
            inputs.append((self._ends().make_input(), fed))
            origins.append(INPUT)
        return {"edges": inner, "inputs": inputs, "outputs": drained, "origins": origins}

    def _ends(self) -> Ends:
        if self._given_ends is None:
            raise ProtocolError("a segment with an end of the pipeline was sent to a host that has none")
        return self._given_ends

    def _make_output(self) -> OutputPort:
        return self._ends().make_output()


def row_of(description: Mapping[str, Any]) -> Row | None:
    """The place of a segment's run in its session, where that may be changed."""
    row = description.get("row")
    return None if row is None else (str(row[0]), int(row[1]))


def _joined(nodes: Sequence[dict[str, Any]]) -> dict[str, NodeInputs]:
    """What comes before the nodes whose inputs are brought together."""
    stated = {entry["id"]: entry["inputs"] for entry in nodes if entry.get("inputs") is not None}
    return {
        node_id: NodeInputs(tuple(inputs["ids"]), bool(inputs["isForked"]))
        for node_id, inputs in stated.items()
    }


def _queues(nodes: Sequence[dict[str, Any]]) -> dict[tuple[str, str], QueueLimits]:
    """Limits of what comes by single edges."""
    found: dict[tuple[str, str], QueueLimits] = {}
    for entry in nodes:
        inputs: dict[str, Any] = entry.get("inputs") or {}
        stated: dict[str, Any] = inputs.get("queues") or {}
        for origin, written in stated.items():
            limits = queue_of(written, Check(f'Node "{entry["id"]}": '), f'queue of "{origin}"')
            if limits is not None:
                found[origin, entry["id"]] = limits
    return found


def _window(entry: dict[str, Any]) -> tuple[int, int]:
    items, byte_count = entry["window"]
    return int(items), int(byte_count)


def _codec(entry: dict[str, Any], slices: SliceWriter | None = None, has_receipts: bool = False) -> ItemCodec:
    if entry.get("sealed"):
        return SealedItems(has_receipts)
    return PythonItems(slices) if entry["language"] == "python" else ForeignItems(slices)


def _output(entry: dict[str, Any], has_receipts: bool) -> ChannelOutput:
    slabs = _slab_sender(entry["to"]) if entry.get("bulk") else None
    codec = _codec(entry, None if slabs is None else slabs.writer, has_receipts)
    fed: Sequence[str] = entry.get("to") or (OUTPUT,)
    return ChannelOutput(entry["channel"], _window(entry), codec, slabs, fed[0])


def _slab_sender(fed: Sequence[str]) -> SlabSender | None:
    """A channel's part in shared memory, where there is any. It is not loaded for channels that have none."""
    from remotemedia.runner.slab_sender import SlabSender
    from remotemedia.slabs.arena import own_arena

    arena = own_arena()
    first = next((node_id for node_id in fed if node_id != OUTPUT), None)
    return None if arena is None else SlabSender(arena, first)
