"""Addresses: ``unix:<path>`` or ``tcp:<host>:<port>``; the one place that knows them."""

from __future__ import annotations

import os
import socket
import weakref
from pathlib import Path

from remotemedia.core.exceptions import ConfigurationError
from remotemedia.core.forking import runs_in_forked_child

_DIAL_TIMEOUT_SECONDS = 10.0
_BACKLOG = 4_096
"""Hundreds of runs that begin at once dial before one of them is let in; the system may allow less."""

_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def dial(address: str) -> socket.socket:
    """Connect to an address.

    Raises:
        ConfigurationError: it is none.
        OSError: nobody listens there.
    """
    scheme, rest = _split(address)
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target: str | tuple[str, int] = rest
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = _host_and_port(rest)
    try:
        sock.settimeout(_DIAL_TIMEOUT_SECONDS)
        sock.connect(target)
        sock.settimeout(None)
    except OSError:
        sock.close()
        raise
    return keep_from_children(sock)


def listen(address: str) -> tuple[socket.socket, str]:
    """Listen on an address.

    Returns:
        The listening socket, and the address that others can dial.

    Raises:
        ConfigurationError: it is no address.
        OSError: it cannot be listened on.
    """
    scheme, rest = _split(address)
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(rest)
        Path(rest).chmod(0o600)
        dialable = address
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.bind(_host_and_port(rest))
        host, port = sock.getsockname()
        dialable = f"tcp:{host}:{port}"
    sock.listen(_BACKLOG)
    return keep_from_children(sock), dialable


def unlink(address: str) -> None:
    """Remove what ``listen`` has left in the file system."""
    scheme, rest = _split(address)
    if scheme == "unix":
        Path(rest).unlink(missing_ok=True)


def keep_from_children(sock: socket.socket) -> socket.socket:
    """Have a forked child close the socket, so that the child does not keep the connection open."""
    _sockets.add(sock)
    return sock


@runs_in_forked_child
def _close_in_child() -> None:
    for sock in list(_sockets):
        # Not close(): another thread of the parent may have been inside a call on this very object.
        descriptor = sock.detach()
        if descriptor >= 0:
            os.close(descriptor)


def _split(address: str) -> tuple[str, str]:
    scheme, separator, rest = address.partition(":")
    if scheme not in ("unix", "tcp") or not separator or not rest:
        raise ConfigurationError(f"{address!r} is no address: give unix:<path> or tcp:<host>:<port>")
    return scheme, rest


def _host_and_port(rest: str) -> tuple[str, int]:
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"tcp:{rest} is no address: give tcp:<host>:<port>")
    return host, int(port)
