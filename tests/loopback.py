"""A guard for processes that run tests: they reach nothing beyond this machine."""

import ipaddress
import sys


class LiveCallError(AssertionError):
    """A test tried to reach another machine."""


def stay() -> None:
    """Refuse from now on, in this process, to connect to another machine or to ask one for an address."""
    sys.addaudithook(_stay_here)


def _stay_here(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host is not None and not _is_here(host.decode() if isinstance(host, bytes) else str(host)):
        raise LiveCallError(f"tests reach nothing beyond this machine, and this one tried {host}")


def _is_here(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
