"""Runway's pictures: https://docs.dev.runwayml.com/api."""

from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import decoded
from tianji.protocol.media.form import Asked
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, one, size_of
from tianji.protocol.media.tasks import Call, Left, Task, failed


class _Submitted(Struct):
    id: str


class _Task(Struct):
    status: str
    output: list[str] = []
    failure: str | None = None
    failureCode: str | None = None  # noqa: N815  Runway's spelling


def begun(asked: Asked) -> Task:
    """Say the ratio as a size in pixels; a task tells why it failed by a code, and ends when it is deleted."""
    one(asked)
    size = size_of(asked) or (1024, 1024)
    told = {"model": asked.target.model, "promptText": asked.text("prompt"), "ratio": f"{size[0]}:{size[1]}"}
    begun = decoded((yield Call("/v1/text_to_image", told | asked.beyond(ASKED))), _Submitted, asked.target)
    where = f"/v1/tasks/{quote(begun.id, safe='')}"
    yield Left(Call(where, method="DELETE"), done=False)
    while True:
        found = decoded((yield Call(where)), _Task, asked.target)
        if found.status == "SUCCEEDED":
            return answer_of({"url": url} for url in found.output)
        if (found.failureCode or "").startswith("SAFETY"):
            raise held_back()
        if found.status in ("FAILED", "CANCELLED"):
            raise failed(asked, found.failure or found.failureCode)
