"""An application put behind the native edge: our own HTTP/1.1 server, and picows for what becomes a WebSocket."""

import asyncio
from typing import Any

from tianji._core.edges.server import NativeEdge
from tianji.edge.application import Application
from tianji.edge.build import shared_arguments
from tianji.edge.control import Control
from tianji.errors import Header
from tianji.lazy import load


def build_edge(application: Application, loop: asyncio.AbstractEventLoop, control: Control) -> NativeEdge:
    """Connect `application` to an edge whose connections run on `loop`."""
    return NativeEdge(loop, websocket=_serve_websocket, **shared_arguments(application, control))


def _serve_websocket(
    transport: asyncio.Transport, head: bytes, listener: Any, headers: tuple[Header, ...]
) -> "asyncio.Future[None]":
    served: asyncio.Future[None] = load("tianji.edge.websocket").serve(transport, head, listener, headers)
    return served  # loaded with picows here, because most workers never need them
