"""Pictures by a chat: https://openrouter.ai/docs/features/multimodal/image-generation."""

from typing import Any

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable
from tianji.protocol.media.form import Asked, Json, Outbound, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, ratio_of


class _Address(Struct):
    url: str


class _Image(Struct):
    image_url: _Address


class _Message(Struct):
    images: list[_Image] = []


class _Choice(Struct):
    message: _Message


class _Chat(Struct):
    choices: list[_Choice]
    usage: dict[str, Any] | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")
    told: Json = {
        "model": asked.target.model,
        "messages": [{"role": "user", "content": asked.text("prompt")}],
        "modalities": ["image", "text"],
    }
    ratio = ratio_of(asked)
    if ratio is not None:
        told["image_config"] = {"aspect_ratio": ratio}

    def read(body: bytes) -> Json:
        found = decoded(body, _Chat, asked.target)
        urls = [image.image_url.url for choice in found.choices for image in choice.message.images]
        if not urls:
            raise unreadable(asked.target, "it has no pictures", body)
        shown = [{"b64_json": url.partition(",")[2]} if url.startswith("data:") else {"url": url} for url in urls]
        told = answer_of(shown)
        return told if found.usage is None else told | {"usage": _usage(found.usage)}

    return Outbound("/chat/completions", told | asked.beyond(ASKED), read=read)


def _usage(said: Json) -> Json:
    """Return the tokens of a chat as OpenAI's pictures say them."""
    read, made = (count if isinstance(count := said.get(n), int) else 0 for n in ("prompt_tokens", "completion_tokens"))
    return {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
