"""The address that is served, and the sockets that listen on it."""

import socket

from tianji.edge.application import ServeOptions

BACKLOG = 4096  # connections that may wait on one socket


def reserve(host: str, port: int) -> socket.socket:
    """Bind the address without listening, to be shared by SO_REUSEPORT; port 0 becomes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:  # without SO_REUSEPORT, which would share a taken port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    return share(family, (host, port))


def share(family: int, address: tuple[str | int, ...]) -> socket.socket:
    """Bind one more socket to an address whose other sockets were made here. Raises OSError."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def url(options: ServeOptions, port: int) -> str:
    """Return how clients name the server. `port`: the one in use."""
    scheme = "https" if options.certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{scheme}://{host}:{port}"
