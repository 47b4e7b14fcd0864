"""What the bare applications on Granian share: its options, how they read a request, how they are served."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, TaskImpl

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# The options that Tianji's Granian edge runs with, so that the comparison is one of applications.
OPTIONS: dict[str, Any] = {
    "interface": Interfaces.ASGI,
    "loop": Loops.uvloop,
    "task_impl": TaskImpl.asyncio,
    "http": HTTPModes.http1,
    "workers": 1,
    "runtime_threads": 1,
    "backpressure": 65536,
    "log_enabled": False,
    "log_access": False,
}


async def whole_body(receive: Receive) -> bytes:
    """Read a request to its end; what came of a client that leaves is returned all the same."""
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message["body"])
        if not message["more_body"]:
            break
    return b"".join(parts)


def serve(app: App, port: int) -> None:
    """Serve `app` on loopback until told to stop."""
    Granian("bare", address="127.0.0.1", port=port, **OPTIONS).serve(target_loader=lambda: app, wrap_loader=False)
