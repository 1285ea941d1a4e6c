"""What items of a session have beside their values, as frames carry it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import run
from remotemedia import Node, NodeContext, Pipeline
from remotemedia.core.exceptions import ProtocolError
from remotemedia.runner.tag_frames import read_tags, tags_payload
from remotemedia.runner.tags import Tag, new_tag
from remotemedia.wire.frames import HEADER_BYTES, TAGS, decode_payload, encode_frame

_NUMBERS = st.integers(-(2**50), 2**50) | st.floats(allow_nan=False)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(Tag, st.floats(0, 2**50), st.booleans(), st.booleans(), st.none() | _NUMBERS),
        max_size=20,
    )
)
def test_frames_carry_tags_as_they_are(tags: list[Tag]) -> None:
    payload = bytes(encode_frame(TAGS, tags_payload(tags)))[HEADER_BYTES:]
    assert read_tags(decode_payload(payload)) == tags


def test_what_no_item_has_is_left_out() -> None:
    assert tags_payload([Tag(1.5), Tag(2.5)]) == {"stamps": [1.5, 2.5]}
    assert tags_payload([Tag(1.5), Tag(2.5, True, True, 40)]) == {
        "stamps": [1.5, 2.5],
        "survivors": [1],
        "urgent": [1],
        "times": [None, 40],
    }


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {"stamps": ["a"]},
        {"stamps": [1.0], "urgent": [1]},
        {"stamps": [1.0], "survivors": [-1]},
        {"stamps": [1.0], "times": [None, None]},
        {"stamps": [1.0], "times": ["now"]},
    ],
)
def test_malformed_ones_are_refused(payload: Any) -> None:
    with pytest.raises(ProtocolError, match="a TAGS frame is malformed"):
        read_tags(payload)


class Generator(Node):
    def process(self, item: Any, ctx: NodeContext) -> Any:
        ctx.timestamp_us = (ctx.timestamp_us or 0) + 5
        yield item


class AsyncFunction(Node):
    concurrency = 3

    async def process(self, item: Any, ctx: NodeContext) -> Any:
        await asyncio.sleep(0)
        ctx.timestamp_us = (ctx.timestamp_us or 0) + 5
        return item


class Stream(Node):
    is_streaming = True

    def process(self, items: Any, ctx: NodeContext) -> Any:
        for item in items:
            ctx.timestamp_us = (ctx.timestamp_us or 0) + 5
            yield item


class AsyncStream(Node):
    is_streaming = True

    async def process(self, items: Any, ctx: NodeContext) -> Any:
        async for item in items:
            ctx.timestamp_us = (ctx.timestamp_us or 0) + 5
            yield item


class Tell(Node):
    def process(self, item: Any, ctx: NodeContext) -> Any:
        return [item, ctx.timestamp_us]


@pytest.mark.parametrize("kind", [Generator, AsyncFunction, Stream, AsyncStream])
def test_times_are_inherited_and_may_be_changed(kind: type[Node]) -> None:
    async def main() -> list[Any]:
        async with Pipeline([kind(), Tell()]).open() as session:
            await session.write("a", timestamp_us=100)
            await session.write("b")
            await session.write("c", timestamp_us=300)
            session.end()
            return [output async for output in session]

    assert run(main) == [["a", 105], ["b", 5], ["c", 305]]


def test_in_a_run_there_are_no_times() -> None:
    assert Pipeline([Generator(), Tell()]).run_sync([1]) == [1, None]


def test_each_stamp_is_later_than_those_before() -> None:
    stamps = [new_tag().stamp for _ in range(1_000)]
    assert stamps == sorted(set(stamps))
