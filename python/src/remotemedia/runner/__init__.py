"""The segment runner: it runs a graph of live nodes, between memory ports or between channels alike."""

from remotemedia.runner.loop import LoopThread
from remotemedia.runner.plan import Place, SegmentPlan
from remotemedia.runner.ports import MemoryInput, MemoryOutput
from remotemedia.runner.segment import Segment

__all__ = ["LoopThread", "MemoryInput", "MemoryOutput", "Place", "Segment", "SegmentPlan"]
