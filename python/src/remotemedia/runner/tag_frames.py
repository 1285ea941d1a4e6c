"""The payload of a TAGS frame (``schema/wire.md``, Sessions)."""

from __future__ import annotations

from typing import Any

import msgspec

from remotemedia.core.exceptions import ProtocolError
from remotemedia.runner.tags import Tag


def tags_payload(tags: list[Tag]) -> dict[str, Any]:
    """The payload of a TAGS frame."""
    survivors = [index for index, tag in enumerate(tags) if tag.survives]
    stamps = [tag.stamp for tag in tags]
    return {"stamps": stamps, "survivors": survivors} if survivors else {"stamps": stamps}


def read_tags(payload: Any) -> list[Tag]:
    """Read the payload of a TAGS frame.

    Raises:
        ProtocolError: it is none.
    """
    try:
        tags = msgspec.convert(payload, _Tags)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"a TAGS frame is malformed: {error}") from error
    surviving = set(tags.survivors)
    if not surviving <= set(range(len(tags.stamps))):
        raise ProtocolError("a TAGS frame is malformed: it names an item that is not there")
    return [Tag(stamp, index in surviving) for index, stamp in enumerate(tags.stamps)]


class _Tags(msgspec.Struct):
    stamps: list[float]
    survivors: list[int] = []
