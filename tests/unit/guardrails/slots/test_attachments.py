"""Documents are texts where they are, everything else that is attached is named, and nothing goes unnoticed."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.guardrails.content import Content, Direction
from tianji.guardrails.slots.attachments import of_data, of_uri
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.verdict import Rewrite

SAID = "a secret é"
DATA = base64.b64encode(SAID.encode()).decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()


def uri(media: str, data: str) -> str:
    return f"data:{media};base64,{data}"


def turn(operation: str, *parts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return an operation and a request of it that holds these parts."""
    if operation == "gemini":
        return operation, {"contents": [{"role": "user", "parts": [*parts]}]}
    member = "input" if operation == "responses" else "messages"
    return operation, {member: [{"role": "user", "content": [*parts]}]}


def holding(media: str, data: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return requests that hold an attachment, by where it is."""
    source = {"type": "base64", "media_type": media, "data": data}
    file = uri(media, data)
    return {
        "chat file": turn("chat", {"type": "file", "file": {"filename": "", "file_data": file}}),
        "chat image": turn("chat", {"type": "image_url", "image_url": {"url": file}}),
        "chat url": turn("chat", {"type": "video_url", "video_url": {"url": file}}),
        "responses file": turn("responses", {"type": "input_file", "file_data": file}),
        "responses image": turn("responses", {"type": "input_image", "image_url": file}),
        "messages document": turn("messages", {"type": "document", "source": source}),
        "messages result": turn(
            "messages", {"type": "tool_result", "content": [{"type": "document", "source": source}]}
        ),
        "gemini data": turn("gemini", {"inlineData": {"mimeType": media, "data": data}}),
        "gemini older data": turn("gemini", {"inline_data": {"mime_type": media, "data": data}}),
    }


def read(operation: str, body: dict[str, Any]) -> Content:
    return form_of(operation).read(Direction.REQUEST, json.dumps(body).encode()).content


@pytest.mark.parametrize(
    "media", ["text/plain", "TEXT/Markdown", "application/json", "text/csv", "application/ld+json"]
)
@pytest.mark.parametrize("place", holding("", ""))
def test_a_document_is_a_text_where_it_stands(place: str, media: str) -> None:
    operation, body = holding(media, DATA)[place]
    form = form_of(operation)
    document = form.read(Direction.REQUEST, json.dumps(body).encode())
    assert [text.text for text in document.content.texts] == [SAID]
    assert (document.content.files, document.content.images) == ((), ())

    masked = form.read(Direction.REQUEST, document.written(Rewrite(texts={0: "a *** ü"})))

    assert [text.text for text in masked.content.texts] == ["a *** ü"]
    assert SAID not in json.dumps(json.loads(masked.body))
    before = json.dumps(body).replace(DATA, "#")
    after = json.dumps(json.loads(masked.body)).replace(base64.b64encode("a *** ü".encode()).decode(), "#")
    assert before == after, "nothing else has changed"


@pytest.mark.parametrize("media", ["application/pdf", "audio/wav", "video/mp4", "application/octet-stream"])
@pytest.mark.parametrize("place", holding("", ""))
def test_what_is_no_text_is_named(place: str, media: str) -> None:
    content = read(*holding(media, PDF)[place])
    assert (content.texts, content.files) == ((), (uri(media, PDF),))


@pytest.mark.parametrize("place", holding("", ""))
def test_an_image_is_one_whoever_holds_it(place: str) -> None:
    content = read(*holding("image/png", PDF)[place])
    assert (content.texts, content.files, content.images) == ((), (), (uri("image/png", PDF),))


@pytest.mark.parametrize(
    ("request_", "file"),
    [
        (turn("chat", {"type": "file", "file": {"file_id": "file-1"}}), "file-1"),
        (turn("chat", {"type": "file", "file": {"file_data": PDF}}), PDF),
        (turn("chat", {"type": "input_audio", "input_audio": {"data": PDF, "format": "mp3"}}), uri("audio/mp3", PDF)),
        (turn("responses", {"type": "input_file", "file_id": "file-1"}), "file-1"),
        (turn("responses", {"type": "input_image", "file_id": "file-1"}), "file-1"),
        (turn("responses", {"type": "input_file", "file_url": "https://x/a.pdf"}), "https://x/a.pdf"),
        (turn("messages", {"type": "document", "source": {"type": "url", "url": "https://x/a"}}), "https://x/a"),
        (turn("messages", {"type": "document", "source": {"type": "file", "file_id": "file-1"}}), "file-1"),
        (turn("messages", {"type": "container_upload", "file_id": "file-1"}), "file-1"),
        (turn("gemini", {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://x"}}), "gs://x"),
        (turn("gemini", {"file_data": {"file_uri": "gs://x"}}), "gs://x"),
    ],
)
def test_what_lies_elsewhere_is_named(request_: tuple[str, dict[str, Any]], file: str) -> None:
    assert read(*request_).files == (file,)


def test_a_citation_is_no_attachment() -> None:
    cited = {"type": "output_text", "text": "x", "annotations": [{"type": "file_citation", "file_id": "file-1"}]}
    assert read(*turn("responses", cited)).files == ()


@given(st.text(min_size=1), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.booleans(), st.booleans())
def test_a_text_is_read_however_it_was_encoded(text: str, encoding: str, of_urls: bool, padded: bool) -> None:
    raw = text.encode(encoding, "surrogatepass") if not any("\ud800" <= c <= "\udfff" for c in text) else b"x"
    text = text if raw != b"x" else "x"
    data = (base64.urlsafe_b64encode if of_urls else base64.b64encode)(raw).decode()
    found = of_data("text/plain; charset=whatever", data if padded else data.rstrip("="), "head,")
    assert found.text == (text.removeprefix("\ufeff") if encoding == "utf-8" else text)
    again = found.with_text(text)
    assert base64.b64decode(again.removeprefix("head,")).decode() == text


@pytest.mark.parametrize("data", ["####", "/w==", "a"])
def test_what_says_to_be_a_text_and_is_none_is_not_read(data: str) -> None:
    assert of_data("text/plain", data).text is None


@pytest.mark.parametrize("text", ["data:", "data:text/plain,hello", "data: it says", "https://x/data:a/b;base64,AA=="])
def test_what_is_no_data_uri_stays_a_text(text: str) -> None:
    assert of_uri(text) is None
