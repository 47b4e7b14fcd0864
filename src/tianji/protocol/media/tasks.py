"""Pictures that are tasks: one request begins, others look until it is done. Nothing here waits or asks.

https://docs.bfl.ai/quick_start/generating_images and https://docs.dev.runwayml.com/api.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from tianji.errors import UpstreamProtocolError
from tianji.protocol.chat.seam import StreamFailed
from tianji.protocol.chat.support import without_none
from tianji.protocol.media.form import Asked, Json, decoded, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, ratio_of, size_of

PAUSE: Final = 1.5  # seconds between two looks
_REGIONAL: Final = ".bfl.ai"  # whose hosts are of regions, which the address to look at names


class Call(Struct, frozen=True):
    """One request: to a path behind the base address, or to an address. body: JSON; None for a look."""

    where: str
    body: Json | None = None


Task = Generator[Call, bytes, Json]
"""Yields calls, is sent the bodies of their answers, and returns an answer in OpenAI's form."""


class _Submitted(Struct):
    id: str
    polling_url: str = ""


class _Sample(Struct):
    sample: str | None = None


class _Look(Struct):
    status: str
    result: _Sample | None = None


class _Task(Struct):
    status: str
    output: list[str] = []
    failure: str | None = None
    failureCode: str | None = None  # noqa: N815  Runway's spelling


def black_forest_labs(asked: Asked) -> Task:
    """Ask at the path of the model, some of which take a size and some a ratio; look where the vendor says."""
    _one(asked)
    size, model = size_of(asked), asked.target.model
    told: Json = {"prompt": asked.text("prompt"), "output_format": asked.text("output_format")}
    if "ultra" in model or "kontext" in model:
        told["aspect_ratio"] = ratio_of(asked)
    elif size is not None:
        told |= {"width": size[0], "height": size[1]}
    body = without_none(told) | asked.beyond(ASKED)
    begun = decoded((yield Call(f"/v1/{quote(model, safe='')}", body)), _Submitted, asked.target)
    while True:
        found = decoded((yield Call(begun.polling_url)), _Look, asked.target)
        if found.status == "Ready" and found.result is not None and found.result.sample:
            return answer_of([{"url": found.result.sample}])
        if "Moderated" in found.status:
            raise held_back()
        if found.status not in ("Pending", "Queued", "Processing"):
            raise _failed(f"the picture was not made: {found.status}")


def runwayml(asked: Asked) -> Task:
    """Say the ratio as a size in pixels; a task tells why it failed by a code."""
    _one(asked)
    size = size_of(asked) or (1024, 1024)
    told = {"model": asked.target.model, "promptText": asked.text("prompt"), "ratio": f"{size[0]}:{size[1]}"}
    begun = decoded((yield Call("/v1/text_to_image", told | asked.beyond(ASKED))), _Submitted, asked.target)
    while True:
        found = decoded((yield Call(f"/v1/tasks/{quote(begun.id, safe='')}")), _Task, asked.target)
        if found.status == "SUCCEEDED":
            return answer_of({"url": url} for url in found.output)
        if (found.failureCode or "").startswith("SAFETY"):
            raise held_back()
        if found.status in ("FAILED", "CANCELLED"):
            raise _failed(
                f"the task {found.status.lower()}: {found.failure or found.failureCode or 'without a reason'}"
            )


TASKS: Final[Mapping[str, Callable[[Asked], Task]]] = {
    "black_forest_labs": black_forest_labs,
    "runwayml": runwayml,
}


def place_of(call: Call, base: str) -> str:
    """Return where a call goes: nowhere but to the vendor's own hosts. Raises UpstreamProtocolError."""
    if call.where.startswith("/"):
        return base + call.where
    if not _is_own(call.where, base):
        raise UpstreamProtocolError("the upstream names no place of its own where its task can be looked at")
    return call.where


def _is_own(where: str, base: str) -> bool:
    try:
        home, there = urlsplit(base), urlsplit(where)
        if there.scheme != home.scheme or "@" in there.netloc:
            return False
        if (there.hostname, there.port) == (home.hostname, home.port):
            return True
        return all((part.hostname or "").endswith(_REGIONAL) and part.port is None for part in (home, there))
    except ValueError:
        return False


def _one(asked: Asked) -> None:
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")


def _failed(message: str) -> StreamFailed:
    return StreamFailed(msgspec.json.encode({"error": {"message": message, "code": "500"}}))


def begun(provider: str, asked: Asked) -> Task:
    """Return the task of a provider."""
    make: Any = TASKS[provider]
    found: Task = make(asked)
    return found
