"""The tagged JSON of ``schema/golden.json``, as Python values."""

import base64
import json
from datetime import datetime
from pathlib import Path

import numpy

from remotemedia.data import AudioFrame, Binary, Control, Json, Text, VideoFrame
from remotemedia.wire.records import record_text
from remotemedia.wire.tensors import is_bare
from remotemedia.wire.values import MapDict

GOLDEN = json.loads((Path(__file__).parents[2] / "schema" / "golden.json").read_text(encoding="utf-8"))
_FIELDS = {
    "mimeType": "mime_type",
    "timestampUs": "timestamp_us",
    "codedWidth": "coded_width",
    "codedHeight": "coded_height",
    "sampleRate": "sample_rate",
}
_KINDS = {"video": VideoFrame, "text": Text, "json": Json, "binary": Binary, "control": Control}


def assert_is(value, tagged) -> None:
    """Check that a decoded value is what the tagged JSON says, with types and order."""
    if isinstance(tagged, dict) and len(tagged) == 1 and next(iter(tagged)).startswith("$"):
        tag, expected = next(iter(tagged.items()))
        _CHECKS[tag](value, expected)
    elif isinstance(tagged, dict):
        assert type(value) is dict
        assert list(value) == list(tagged)
        for key, entry in tagged.items():
            assert_is(value[key], entry)
    elif isinstance(tagged, list):
        _sequence(list)(value, tagged)
    else:
        assert type(value) is type(tagged)
        assert value == tagged


def _sequence(kind):
    def check(value, expected):
        assert type(value) is kind
        assert len(value) == len(expected)
        for entry, tagged in zip(value, expected, strict=True):
            assert_is(entry, tagged)

    return check


def _float(value, expected):
    assert type(value) is float
    assert repr(value) == repr(float(expected))


def _integer(value, expected):
    assert type(value) is int
    assert value == int(expected)


def _bytes(value, expected):
    assert type(value) is bytes
    assert value == base64.b16decode(expected, casefold=True)


def _set(value, expected):
    assert type(value) is set
    assert value == set(expected)


def _frozenset(value, expected):
    assert type(value) is frozenset
    for entry, tagged in zip(value, expected, strict=True):
        assert_is(entry, tagged)


def _bytearray(value, expected):
    assert type(value) is bytearray
    assert value.hex() == expected


def _map(value, expected):
    assert type(value) is MapDict
    for (key, entry), (expected_key, expected_entry) in zip(value.items(), expected, strict=True):
        assert_is(key, expected_key)
        assert_is(entry, expected_entry)


def _complex(value, expected):
    assert type(value) is complex
    assert value == complex(*expected)


def _tensor(value, expected):
    assert type(value) is numpy.ndarray
    dtype = value.dtype
    names = [dtype.name, dtype.str] if dtype.names is None else [record_text(dtype)]
    assert expected["dtype"] in names
    assert list(value.shape) == expected["shape"]
    assert value.tobytes().hex() == expected["bytes"]
    assert is_bare(value) is expected["bare"]


def _buffer(value, expected):
    assert bytes(value).hex() == expected


def _date(value, expected):
    assert value == datetime.fromisoformat(expected)
    assert value.utcoffset().total_seconds() == 0


def _media(value, expected):
    kind, fields = expected["kind"], dict(expected["fields"])
    if kind == "audio":
        assert type(value) is AudioFrame
        assert value.samples.shape == (fields.pop("numberOfChannels"), fields.pop("numberOfFrames"))
        planar = value.samples if fields["format"] == "f32-planar" else value.samples.T
        assert planar.tobytes().hex() == fields.pop("data")["$bytes"]
    else:
        assert type(value) is _KINDS[kind]
    if type(value) is VideoFrame and not isinstance(value.data, bytes):
        # What no Python process has written.
        assert value.data.dtype == "uint8"
        assert value.data.tobytes().hex() == fields.pop("data")["$bytes"]
    for name, entry in fields.items():
        assert_is(getattr(value, str(_FIELDS.get(name, name))), entry)


_CHECKS = {
    "$float": _float,
    "$bigint": _integer,
    "$bytes": _bytes,
    "$set": _set,
    "$map": _map,
    "$frozenset": _frozenset,
    "$bytearray": _bytearray,
    "$buffer": _buffer,
    "$tuple": _sequence(tuple),
    "$complex": _complex,
    "$tensor": _tensor,
    "$date": _date,
    "$media": _media,
}
