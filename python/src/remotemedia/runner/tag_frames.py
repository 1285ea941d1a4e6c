"""The payload of a TAGS frame (``schema/wire.md``, Sessions)."""

from __future__ import annotations

from typing import Any

import msgspec

from remotemedia.core.exceptions import ProtocolError
from remotemedia.runner.tags import Tag


def tags_payload(tags: list[Tag]) -> dict[str, Any]:
    """The payload of a TAGS frame; what no item has is left out."""
    payload: dict[str, Any] = {"stamps": [tag.stamp for tag in tags]}
    survivors = [index for index, tag in enumerate(tags) if tag.survives]
    if survivors:
        payload["survivors"] = survivors
    urgent = [index for index, tag in enumerate(tags) if tag.urgent]
    if urgent:
        payload["urgent"] = urgent
    if any(tag.timestamp_us is not None for tag in tags):
        payload["times"] = [tag.timestamp_us for tag in tags]
    return payload


def read_tags(payload: Any) -> list[Tag]:
    """Read the payload of a TAGS frame.

    Raises:
        ProtocolError: it is none.
    """
    try:
        tags = msgspec.convert(payload, _Tags)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"a TAGS frame is malformed: {error}") from error
    surviving, urgent = set(tags.survivors), set(tags.urgent)
    if not surviving | urgent <= set(range(len(tags.stamps))):
        raise ProtocolError("a TAGS frame is malformed: it names an item that is not there")
    times = [None] * len(tags.stamps) if tags.times is None else tags.times
    if len(times) != len(tags.stamps):
        raise ProtocolError(f"a TAGS frame is malformed: {len(times)} times for {len(tags.stamps)} items")
    return [
        Tag(stamp, index in surviving, index in urgent, time)
        for index, (stamp, time) in enumerate(zip(tags.stamps, times, strict=True))
    ]


class _Tags(msgspec.Struct):
    stamps: list[float]
    survivors: list[int] = []
    urgent: list[int] = []
    times: list[int | float | None] | None = None
