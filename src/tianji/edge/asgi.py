"""An application put behind the compiled edge for Granian."""

import asyncio

from tianji._core.asgi import AsgiEdge
from tianji.edge.application import Application
from tianji.edge.build import shared_arguments
from tianji.edge.control import Control


def build_edge(application: Application, loop: asyncio.AbstractEventLoop, control: Control) -> AsgiEdge:
    """Connect `application` to an edge whose requests run on `loop`."""
    return AsgiEdge(loop, websocket=application.websocket, **shared_arguments(application, control))
