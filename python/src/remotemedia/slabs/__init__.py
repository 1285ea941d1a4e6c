"""Shared memory for bulk bytes: what this process makes, and what others lend it (``schema/wire.md``)."""
