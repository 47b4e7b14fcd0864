"""The calls that code in the configuration makes: its worker makes them, to public addresses alone."""

import asyncio
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.guardrails.custom.channel import Document
from tianji.guardrails.vendor import Call, Send
from tianji.guardrails.verdict import Unavailable

USUAL: Final = 30.0  # seconds
LONGEST: Final = 60.0
MOST: Final = 16  # calls for one content
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class _Wanted(Struct):
    url: str
    method: str = "GET"
    headers: dict[str, str] | None = None
    body: Any = None
    timeout: float | None = None


class Calling:
    """Makes those for one content, and says what came of each, as LiteLLM's helpers do."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._made = 0

    async def __call__(self, wanted: Document) -> Document:
        """Make one; what goes wrong is said, and never raised."""
        self._made += 1
        if self._made > MOST:
            return failed(f"{MOST} calls for one content are the most")
        try:
            call, seconds = call_of(wanted)
            async with asyncio.timeout(seconds):
                reply = await self._send(call)
        except Unavailable as error:
            return failed(error.reason)
        except TimeoutError:
            return failed("it took too long")
        except (ValueError, msgspec.ValidationError) as error:
            return failed(str(error))
        text = reply.body.decode("utf-8", "replace")
        kind = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
        try:
            body = msgspec.json.decode(reply.body) if "json" in kind else text
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = text
        success = 200 <= reply.status < 300
        said = None if success else f"status {reply.status}"
        return {
            "status_code": reply.status,
            "body": body,
            "headers": dict(reply.headers),
            "success": success,
            "error": said,
        }


def call_of(wanted: Document) -> tuple[Call, float]:
    """Return the call that code wants made, and seconds for it. Raises ValueError for what is none."""
    found = msgspec.convert(wanted, _Wanted, strict=False)
    method = found.method.upper()
    if method not in _METHODS:
        raise ValueError(f"{method[:16]} is no method that can be used")
    if not found.url.startswith(("http://", "https://")):
        raise ValueError("the address has to begin with https://")
    headers = {name.lower(): value for name, value in (found.headers or {}).items()}
    body = b""
    if isinstance(found.body, str):
        body = found.body.encode("utf-8", "replace")
    elif found.body is not None:
        body = msgspec.json.encode(found.body)
        headers.setdefault("content-type", "application/json")
    seconds = USUAL if found.timeout is None else min(LONGEST, max(0.0, found.timeout))
    return Call(found.url, body, headers, method, again=False), seconds


def failed(error: str) -> Document:
    """Return what is said of a call that had no answer."""
    return {"status_code": None, "body": None, "headers": {}, "success": False, "error": error}
