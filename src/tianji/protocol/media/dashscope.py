"""Alibaba Cloud's Qwen-Image: https://www.alibabacloud.com/help/en/model-studio/qwen-image-api."""

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.media.form import Asked, Json, Outbound
from tianji.protocol.media.pictures import ASKED, answer_of, size_of


class _Part(Struct):
    image: str | None = None


class _Message(Struct):
    content: list[_Part] = []


class _Choice(Struct):
    message: _Message


class _Output(Struct):
    choices: list[_Choice] = []


class _Made(Struct):
    output: _Output


def outbound(asked: Asked) -> Outbound:
    """Write a request; its parameters stand apart from what is wanted."""
    size = size_of(asked)
    parameters = {
        "size": None if size is None else f"{size[0]}*{size[1]}",
        "n": None if asked.number("n") is None else asked.count(),
        **asked.beyond(ASKED),
    }
    said = [{"role": "user", "content": [{"text": asked.text("prompt")}]}]
    told = {"model": asked.target.model, "input": {"messages": said}, "parameters": without_none(parameters)}

    def read(body: bytes) -> Json:
        choices = decoded(body, _Made, asked.target).output.choices
        urls = [part.image for choice in choices for part in choice.message.content if part.image]
        if not urls:
            raise unreadable(asked.target, "it has no pictures", body)
        return answer_of({"url": url} for url in urls)

    return Outbound("/api/v1/services/aigc/multimodal-generation/generation", told, read=read)
