"""The segment runner: it runs a graph of live nodes, between memory ports or between channels alike."""

from remotemedia.runner.handoff import END
from remotemedia.runner.loop import LoopThread
from remotemedia.runner.loop_ports import LoopInput, LoopOutput
from remotemedia.runner.plan import Place, SegmentPlan
from remotemedia.runner.ports import MemoryInput, MemoryOutput
from remotemedia.runner.segment import Segment

__all__ = [
    "END",
    "LoopInput",
    "LoopOutput",
    "LoopThread",
    "MemoryInput",
    "MemoryOutput",
    "Place",
    "Segment",
    "SegmentPlan",
]
