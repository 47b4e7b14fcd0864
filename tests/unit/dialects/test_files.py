"""Files of every dialect over every form of upstreams: they arrive as what they are, or are refused by name."""

from typing import Any

import pytest
from tests.unit.dialects.pairs import DIALECTS, UPSTREAMS, Json, asked, sent

from tianji.errors import InvalidRequest

PDF, TEXT, WORDS = "JVBERi0xLjc=", "aGVsbG8gdGV4dA==", "hello text"
URL, FILE, BUCKET = "https://files.example/report.pdf", "file-abc123", "gs://bucket/report.pdf"


def chat(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "read"}, part]}]}


def messages(source: Json) -> Json:
    document = {"type": "document", "source": source}
    return {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "read"}, document]}]}


def gemini(part: Json) -> Json:
    return {"contents": [{"role": "user", "parts": [{"text": "read"}, part]}]}


def responses(part: Json) -> Json:
    content = [{"type": "input_text", "text": "read"}, {"type": "input_file", **part}]
    return {"input": [{"role": "user", "content": content}]}


def data(kind: str, content: str) -> str:
    return f"data:{kind};base64,{content}"


ASKS: dict[tuple[str, str], Json] = {
    ("chat", "pdf"): chat({"type": "file", "file": {"file_data": data("application/pdf", PDF), "filename": "a.pdf"}}),
    ("chat", "text"): chat({"type": "file", "file": {"file_data": data("text/plain", TEXT), "filename": "a.txt"}}),
    ("chat", "address"): chat({"type": "file", "file": {"file_id": URL}}),
    ("chat", "id"): chat({"type": "file", "file": {"file_id": FILE}}),
    ("messages", "pdf"): messages({"type": "base64", "media_type": "application/pdf", "data": PDF}),
    ("messages", "text"): messages({"type": "text", "media_type": "text/plain", "data": WORDS}),
    ("messages", "address"): messages({"type": "url", "url": URL}),
    ("messages", "id"): messages({"type": "file", "file_id": FILE}),
    ("gemini", "pdf"): gemini({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
    ("gemini", "text"): gemini({"inlineData": {"mimeType": "text/plain", "data": TEXT}}),
    ("gemini", "address"): gemini({"fileData": {"mimeType": "application/pdf", "fileUri": URL}}),
    ("gemini", "bucket"): gemini({"fileData": {"mimeType": "application/pdf", "fileUri": BUCKET}}),
    ("responses", "pdf"): responses({"file_data": data("application/pdf", PDF), "filename": "a.pdf"}),
    ("responses", "text"): responses({"file_data": data("text/plain", TEXT), "filename": "a.txt"}),
    ("responses", "address"): responses({"file_url": URL}),
    ("responses", "id"): responses({"file_id": FILE}),
}
Place = tuple[str | int, ...]
USER: dict[str, Place] = {
    "openai": ("messages", -1, "content"),
    "anthropic": ("messages", -1, "content"),
    "gemini": ("contents", -1, "parts"),
    "bedrock": ("messages", -1, "content"),
    "cohere": ("messages", -1, "content"),
    "responses": ("input", -1, "content"),
}
_OF: dict[str, dict[str, Place]] = {  # where the file stands in the last part of what a user says
    "openai": {"pdf": ("file", "file_data"), "text": ("file", "file_data"), "id": ("file", "file_id")},
    "anthropic": {
        "pdf": ("source", "data"),
        "text": ("source", "data"),
        "address": ("source", "url"),
        "id": ("source", "file_id"),
    },
    "gemini": {
        "pdf": ("inlineData", "data"),
        "text": ("inlineData", "data"),
        "address": ("fileData", "fileUri"),
        "id": ("fileData", "fileUri"),
        "bucket": ("fileData", "fileUri"),
    },
    "bedrock": {"pdf": ("document", "source", "bytes"), "text": ("document", "source", "bytes")},
    "cohere": {"text": ("text",)},
    "responses": {"pdf": ("file_data",), "text": ("file_data",), "address": ("file_url",), "id": ("file_id",)},
}
_SAYS = {"pdf": (PDF,), "text": (TEXT, WORDS), "address": (URL,), "id": (FILE,), "bucket": (BUCKET,)}
_THEIRS = {
    ("chat", "openai", "address"),
    *(("gemini", name, "bucket") for name in ("openai", "anthropic", "responses")),
}
"""Names of files that go on as they are: whether there is such a file only the upstream can tell."""


def at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize(("client", "kind"), ASKS)
def test_a_file(client: str, kind: str, upstream: str) -> None:
    place = _OF[upstream].get(kind)
    if (client, upstream, kind) in _THEIRS:
        assert (URL if kind == "address" else BUCKET) in str(sent(client, upstream, ASKS[client, kind]))
        return
    if place is None:
        with pytest.raises(InvalidRequest, match=r"fetches n|does not take"):
            asked(client, upstream, ASKS[client, kind])
        return
    said = at(sent(client, upstream, ASKS[client, kind]), USER[upstream])
    if isinstance(said, str):
        assert said == f"read{WORDS}"
        return
    if (client, kind) == ("messages", "text"):
        assert said[-1].get("text") == WORDS  # which is a text there, unless it is to be cited
        return
    assert at(said[-1], place).endswith(_SAYS[kind])


@pytest.mark.parametrize("client", DIALECTS)
def test_uploaded_files_need_a_flag_of_anthropic(client: str) -> None:
    if (client, "id") not in ASKS:
        return
    _, outbound = asked(client, "anthropic", ASKS[client, "id"])
    assert dict(outbound.headers)[b"anthropic-beta"] == b"files-api-2025-04-14"
