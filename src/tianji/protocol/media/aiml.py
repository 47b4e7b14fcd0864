"""Pictures of AI/ML API: https://docs.aimlapi.com/api-references/image-models. Those of OpenAI have its form."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.media.form import Asked, Json, Outbound
from tianji.protocol.media.pictures import ASKED, answer_of, size_of


class _Output(Struct):
    choices: list[Json] = []


class _Pictures(Struct):
    data: list[Json] | None = None
    images: list[Json] | None = None
    output: _Output | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    if asked.target.model.startswith("openai/"):
        told: dict[str, Any] = {**asked.members, "model": asked.target.model}
    else:
        size = size_of(asked)
        named = {
            "model": asked.target.model,
            "prompt": asked.text("prompt"),
            "num_images": None if asked.number("n") is None else asked.count(),
            "image_size": None if size is None else {"width": size[0], "height": size[1]},
            "output_format": asked.text("output_format"),
        }
        told = without_none(named) | asked.beyond(ASKED)

    def read(body: bytes) -> Json:
        found = decoded(body, _Pictures, asked.target)
        pictures = list(_shown(found.data or found.images or (found.output.choices if found.output else [])))
        if not pictures:
            raise unreadable(asked.target, "it has no pictures", body)
        return answer_of(pictures)

    return Outbound("/images/generations", told, read=read)


def _shown(found: list[Json]) -> Iterator[Json]:
    """Yield the pictures, each by its address or with what it holds."""
    for one in found:
        held = one.get("b64_json") or one.get("image_base64")
        if isinstance(held, str):
            yield {"b64_json": held}
        elif isinstance(one.get("url"), str):
            yield {"url": one["url"]}
