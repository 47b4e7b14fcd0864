"""An application put behind the compiled edge for Granian."""

import asyncio
from typing import Any

from tianji._core.edges.asgi import AsgiEdge
from tianji.edge.application import Application
from tianji.edge.build import shared_arguments
from tianji.edge.control import Control
from tianji.lazy import load


def build_edge(application: Application, loop: asyncio.AbstractEventLoop, control: Control) -> AsgiEdge:
    """Connect `application` to an edge whose requests run on `loop`."""
    return AsgiEdge(loop, websocket=_take_upgrade, **shared_arguments(application, control))


def _take_upgrade(edge: AsgiEdge, watcher: Any) -> None:
    # with picows, which most workers never need
    load("tianji._core.edges.asgi_upgrade").AsgiUpgrade().begin(edge, watcher)
