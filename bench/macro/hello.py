"""A bare ASGI application on Granian: answers the bytes that it was started with.

    python -m bench.macro.hello PORT ANSWER_FILE [deaf]

It reads its request first, as an application that is asked something must. A deaf one does not, which saves it two
hops between threads: no gateway can do that, but it is the barest hello there is.
"""

import sys
from pathlib import Path

from bench.macro.asgi import App, Message, Receive, Send, serve, whole_body


def application(answer: bytes, *, deaf: bool) -> App:
    head = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))],
    }
    body = {"type": "http.response.body", "body": answer, "more_body": False}

    async def hello(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if not deaf:
            await whole_body(receive)
        await send(head)
        await send(body)

    return hello


if __name__ == "__main__":
    serve(application(Path(sys.argv[2]).read_bytes(), deaf="deaf" in sys.argv[3:]), int(sys.argv[1]))
