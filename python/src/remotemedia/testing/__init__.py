"""Tests of nodes and pipelines: scripted input, a virtual clock, injected faults, recorded sessions."""

from __future__ import annotations

from remotemedia.testing.faulty import Fault, FaultyNode, faulty
from remotemedia.testing.recording import RecordedSession, Recording, read_recording, record, replay
from remotemedia.testing.run_script import ScriptResult, TimedOutput, run_script
from remotemedia.testing.script import (
    CancelStep,
    EndStep,
    InterruptStep,
    ScriptStep,
    WriteStep,
    every,
)

__all__ = [
    "CancelStep",
    "EndStep",
    "Fault",
    "FaultyNode",
    "InterruptStep",
    "RecordedSession",
    "Recording",
    "ScriptResult",
    "ScriptStep",
    "TimedOutput",
    "WriteStep",
    "every",
    "faulty",
    "read_recording",
    "record",
    "replay",
    "run_script",
]
