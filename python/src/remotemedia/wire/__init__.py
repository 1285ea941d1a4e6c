"""Byte layouts: frames, values and failures. ``schema/wire.md`` is the contract."""
