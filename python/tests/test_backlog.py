"""One bounded queue: limits, what is dropped, ages, and that urgent items go first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia.core.queue_settings import QueueLimits, WhenFull
from remotemedia.data import AudioFrame
from remotemedia.runner import backlog as backlog_module
from remotemedia.runner.backlog import Backlog
from remotemedia.runner.byte_size import byte_size_of
from remotemedia.runner.tags import Tag

WHEN_FULL: list[WhenFull] = ["block", "drop-oldest", "drop-newest"]


@dataclass
class Model:
    """What a backlog should be, with lists alone: numbers, and whether they are urgent."""

    max_items: int
    when_full: WhenFull
    items: list[tuple[int, bool]] = field(default_factory=list)
    dropped: int = 0

    def push(self, number: int, is_urgent: bool) -> None:
        if self.when_full == "drop-newest" and not is_urgent and len(self.items) >= self.max_items:
            self.dropped += 1
            return
        urgent = [item for item in self.items if item[1]]
        others = [item for item in self.items if not item[1]]
        (urgent if is_urgent else others).append((number, is_urgent))
        while self.when_full == "drop-oldest" and len(urgent + others) > self.max_items and len(others) > 1:
            del others[0]
            self.dropped += 1
        self.items = urgent + others


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.sampled_from(WHEN_FULL),
    st.lists(st.sampled_from(["ordinary", "ordinary", "urgent", "shift", "interrupt"]), max_size=200),
)
def test_it_does_what_a_list_with_its_limits_does(
    max_items: int, when_full: WhenFull, steps: list[str]
) -> None:
    backlog, model = Backlog(QueueLimits(max_items, when_full=when_full)), Model(max_items, when_full)
    for number, step in enumerate(steps):
        if step == "shift":
            waiting = backlog.shift()
            assert (waiting and waiting.item) == (model.items.pop(0)[0] if model.items else None)
        elif step == "interrupt":
            # Of what waits each other one is stale.
            backlog.interrupt(lambda tag: tag is not None and tag.stamp % 2 == 0)
            model.items = [item for item in model.items if item[0] % 2]
        else:
            backlog.push(number, Tag(float(number), urgent=step == "urgent"))
            model.push(number, step == "urgent")
        assert backlog.items() == [item for item, _ in model.items]
        assert backlog.dropped == model.dropped
        assert backlog.is_full == (when_full == "block" and len(model.items) >= max_items)


def test_bytes_are_limited() -> None:
    backlog = Backlog(QueueLimits(max_bytes=2_000, when_full="drop-oldest"))
    for number in range(5):
        backlog.push(bytes([number]) * 800)
    assert [item[0] for item in backlog.items()] == [3, 4]
    assert backlog.dropped == 3

    waiting = Backlog(QueueLimits(max_bytes=1_000))
    waiting.push(b"a" * 999)
    assert not waiting.is_full
    waiting.push("b")
    assert waiting.is_full
    waiting.shift()
    assert not waiting.is_full


def test_what_has_waited_too_long_is_dropped_when_its_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(backlog_module, "now_s", lambda: now)
    backlog = Backlog(QueueLimits(max_age_ms=100))
    backlog.push("a")
    backlog.push("b")
    now = 0.101
    backlog.push("c")
    backlog.push("now", Tag(0, urgent=True))
    assert [(backlog.shift() or ("nothing",))[0] for _ in range(3)] == ["now", "c", "nothing"]
    assert backlog.dropped == 2


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("text", 4),
        (b"1234567", 7),
        (memoryview(b"12"), 2),
        (numpy.zeros(10), 80),
        ({"data": numpy.zeros(10, "f4"), "name": "ab"}, 8 + 40 + 2),
        ([1, None], 8 + 16),
        (AudioFrame(numpy.zeros((1, 100), "f4"), 8_000), 400 + 8),
    ],
)
def test_the_size_of_a_value(value: object, size: int) -> None:
    found = byte_size_of(value)
    # The other fields of a frame count a little.
    assert size <= found <= size + 50
    assert not isinstance(value, (str, bytes, dict, list)) or found == size


def test_the_size_of_a_value_that_holds_itself_is_found() -> None:
    value: dict[str, object] = {"name": "a"}
    value["self"] = value
    assert byte_size_of(value) > 8
