"""A bare ASGI application on Granian: reads the request, answers the bytes that it was started with.

    python -m bench.macro.hello PORT PLAIN_FILE STREAM_FILE [deaf]

A request whose body has `"stream":true` gets STREAM_FILE, one message an event. A deaf one never reads the request,
which saves it two hops between threads: no gateway can do that, but it is the barest hello there is.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, TaskImpl

Message = MutableMapping[str, Any]
STREAM_MARK = b'"stream":true'

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


def application(plain: bytes, events: list[bytes]) -> Callable[..., Awaitable[None]]:
    head = {"type": "http.response.start", "status": 200}
    plain_head = head | {"headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(plain))]}
    stream_head = head | {"headers": [(b"content-type", b"text/event-stream")]}

    async def hello(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        parts = []
        while (message := await receive())["type"] == "http.request":
            parts.append(message["body"])
            if not message["more_body"]:
                break
        if STREAM_MARK in b"".join(parts)[:64]:
            await send(stream_head)
            for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send(plain_head)
        await send({"type": "http.response.body", "body": plain, "more_body": False})

    return hello


def deaf_application(plain: bytes) -> Callable[..., Awaitable[None]]:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(plain))]

    async def hello(scope: Message, _receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": plain, "more_body": False})

    return hello


def main() -> None:
    port, plain, stream, *deaf = sys.argv[1:]
    events = [event + b"\n\n" for event in Path(stream).read_bytes().split(b"\n\n") if event]
    app = deaf_application(Path(plain).read_bytes()) if deaf else application(Path(plain).read_bytes(), events)
    Granian("hello", address="127.0.0.1", port=int(port), **OPTIONS).serve(target_loader=lambda: app, wrap_loader=False)


if __name__ == "__main__":
    main()
