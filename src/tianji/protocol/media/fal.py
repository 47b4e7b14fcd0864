"""fal.ai: https://docs.fal.ai/model-apis/model-endpoints/synchronous-requests, and each model has a page of its own."""

from typing import Any
from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.media.form import Asked, Json, Outbound
from tianji.protocol.media.pictures import ASKED, answer_of, size_of


class _Picture(Struct):
    url: str


class _Pictures(Struct):
    images: list[_Picture] = []
    image: _Picture | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request; the path names the model."""
    size = size_of(asked)
    told: dict[str, Any] = {
        "prompt": asked.text("prompt"),
        "num_images": None if asked.number("n") is None else asked.count(),
        "image_size": None if size is None else {"width": size[0], "height": size[1]},
        "output_format": asked.text("output_format"),
        "sync_mode": True if asked.text("response_format") == "b64_json" else None,
    }

    def read(body: bytes) -> Json:
        found = decoded(body, _Pictures, asked.target)
        pictures = found.images or ([found.image] if found.image is not None else [])
        if not pictures:
            raise unreadable(asked.target, "it has no pictures", body)
        return answer_of(_shown(one.url) for one in pictures)

    return Outbound(f"/{quote(asked.target.model, safe='/')}", without_none(told) | asked.beyond(ASKED), read=read)


def _shown(url: str) -> Json:
    """Return a picture as it is, or what it holds where the vendor has put that into the address (RFC 2397)."""
    head, comma, data = url.partition(",")
    return {"b64_json": data} if comma and head.startswith("data:") and head.endswith(";base64") else {"url": url}
