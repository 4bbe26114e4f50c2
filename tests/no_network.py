"""Refuses every connection that leaves the machine. Loaded into the tests and into all Python processes they start."""

import ipaddress
import socket
from typing import Any

_connect = socket.socket.connect
_getaddrinfo = socket.getaddrinfo


def forbid_network() -> None:
    """From now on only loopback addresses and sockets in the file system can be connected to."""
    socket.socket.connect = _connect_locally  # type: ignore[method-assign]
    socket.getaddrinfo = _resolve_locally


def _connect_locally(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
        raise OSError(f"the tests have no network: a connection to {address[0]!r} was refused")
    return _connect(self, address)


def _resolve_locally(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host is not None and not _is_local(host):
        raise socket.gaierror(f"the tests have no network: looking up {host!r} was refused")
    return _getaddrinfo(host, *args, **kwargs)


def _is_local(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
