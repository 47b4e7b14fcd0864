"""What an answer cites reaches every client, whole and streamed, whichever upstream says it in its own way."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.dialects.pairs import DIALECTS, UPSTREAMS, Json, asked, sent, streamed, told

URL, TITLE, PASSAGE, SAID = "https://cited.example/page", "The Page", "what it says", "It says so."
FILE = "file-1"


def chat_chunk(delta: Json, reason: str | None = None) -> tuple[str, Json]:
    return "", {
        "id": "x",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }


def of_openai(annotations: list[Json]) -> tuple[Json, list[tuple[str, Json]]]:
    message = {"role": "assistant", "content": SAID, "annotations": annotations}
    whole = {"id": "x", "created": 1, "model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}
    return whole, [chat_chunk({"content": SAID}), chat_chunk({"annotations": annotations}), chat_chunk({}, "stop")]


def of_anthropic(citation: Json) -> tuple[Json, list[tuple[str, Json]]]:
    whole = {
        "id": "msg_x",
        "stop_reason": "end_turn",
        "content": [{"type": "text", "text": SAID, "citations": [citation]}],
    }
    deltas = [{"type": "text_delta", "text": SAID}, {"type": "citations_delta", "citation": citation}]
    events: list[Json] = [
        {"type": "message_start", "message": {"id": "msg_x", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return whole, [(event["type"], event) for event in events]


def of_gemini(chunk: Json) -> tuple[Json, list[tuple[str, Json]]]:
    support = {"segment": {"startIndex": 0, "endIndex": len(SAID), "text": SAID}, "groundingChunkIndices": [0]}
    grounding = {"groundingChunks": [chunk], "groundingSupports": [support]}
    candidate = {"content": {"role": "model", "parts": [{"text": SAID}]}}
    last = {"finishReason": "STOP", "groundingMetadata": grounding}
    return {"candidates": [candidate | last]}, [("", {"candidates": [candidate]}), ("", {"candidates": [last]})]


def of_bedrock(citation: Json) -> tuple[Json, list[tuple[str, Json]]]:
    block = {"citationsContent": {"content": [{"text": SAID}], "citations": [citation]}}
    whole = {"output": {"message": {"role": "assistant", "content": [block]}}, "stopReason": "end_turn"}
    deltas: list[Json] = [{"text": SAID}, {"citation": citation}]
    events = [("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}) for delta in deltas]
    return whole, [*events, ("messageStop", {"stopReason": "end_turn"})]


def of_cohere(source: Json) -> tuple[Json, list[tuple[str, Json]]]:
    citation = {"start": 0, "end": len(SAID), "text": SAID, "sources": [source], "type": "TEXT_CONTENT"}
    message = {"role": "assistant", "content": [{"type": "text", "text": SAID}], "citations": [citation]}
    events: list[Json] = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": SAID}}}},
        {"type": "citation-start", "index": 0, "delta": {"message": {"citations": citation}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
    ]
    return {"id": "x", "finish_reason": "COMPLETE", "message": message}, [("", event) for event in events]


def of_responses(annotation: Json) -> tuple[Json, list[tuple[str, Json]]]:
    part = {"type": "output_text", "text": SAID, "annotations": [annotation]}
    whole = {"id": "resp_x", "created_at": 1, "status": "completed", "output": [{"type": "message", "content": [part]}]}
    events: list[Json] = [
        {"type": "response.created", "response": {"id": "resp_x", "created_at": 1, "model": "m"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": SAID},
        {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": annotation},
        {"type": "response.completed", "response": whole},
    ]
    return whole, [(event["type"], event) for event in events]


PLACE = {"start_index": 0, "end_index": len(SAID), "url": URL, "title": TITLE}
PAGES: dict[str, tuple[Json, list[tuple[str, Json]]]] = {
    "openai": of_openai([{"type": "url_citation", "url_citation": PLACE}]),
    "anthropic": of_anthropic(
        {
            "type": "web_search_result_location",
            "url": URL,
            "title": TITLE,
            "cited_text": PASSAGE,
            "encrypted_index": "x",
        }
    ),
    "gemini": of_gemini({"web": {"uri": URL, "title": TITLE}}),
    "bedrock": of_bedrock({"title": TITLE, "sourceContent": [{"text": PASSAGE}], "location": {"web": {"url": URL}}}),
    "cohere": of_cohere({"type": "document", "id": "doc:0", "document": {"title": TITLE, "url": URL, "text": PASSAGE}}),
    "responses": of_responses({"type": "url_citation", **PLACE}),
}
"""The same answer, which cites a page of the web, as each upstream says it, whole and streamed."""
BESIDE: Json = {"citations": [URL], "search_results": [{"title": TITLE, "url": URL, "date": "2026-01-01"}]}
DOCUMENTS: dict[str, tuple[Json, list[tuple[str, Json]]]] = {
    "anthropic": of_anthropic(
        {"type": "char_location", "cited_text": PASSAGE, "document_index": 1, "document_title": TITLE,
         "start_char_index": 3, "end_char_index": 15, "file_id": None}
    ),
    "gemini": of_gemini({"retrievedContext": {"uri": "corpora/a/documents/b", "title": TITLE, "text": PASSAGE}}),
    "bedrock": of_bedrock(
        {"title": TITLE, "sourceContent": [{"text": PASSAGE}],
         "location": {"documentChar": {"documentIndex": 1, "start": 3, "end": 15}}}
    ),
    "cohere": of_cohere({"type": "document", "id": "doc:1", "document": {"title": TITLE, "snippet": PASSAGE}}),
    "responses": of_responses({"type": "file_citation", "file_id": FILE, "filename": TITLE, "index": 1}),
}  # fmt: skip
"""The same for a document that was sent along, or lies with the upstream; chat of OpenAI's has no such notion."""


def cited_in_chat(answer: Json) -> list[Json]:
    message = answer["choices"][0]["message"]
    return [one[one["type"]] for one in message.get("annotations") or ()]


def cited_in_messages(answer: Json) -> list[Json]:
    (text,) = [block for block in answer["content"] if block["type"] == "text"]
    assert text["text"] == SAID
    found: list[Json] = text["citations"]
    return found


def cited_in_gemini(answer: Json) -> list[Json]:
    return [next(iter(chunk.values())) for chunk in answer["candidates"][0]["groundingMetadata"]["groundingChunks"]]


def cited_in_responses(answer: Json) -> list[Json]:
    (message,) = [item for item in answer["output"] if item["type"] == "message"]
    found: list[Json] = message["content"][0]["annotations"]
    return found


def streamed_in_chat(events: list[Json]) -> list[Json]:
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    return [one[one["type"]] for delta in deltas for one in delta.get("annotations") or ()]


def streamed_in_messages(events: list[Json]) -> list[Json]:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return [delta["citation"] for delta in deltas if delta["type"] == "citations_delta"]


def streamed_in_gemini(events: list[Json]) -> list[Json]:
    return cited_in_gemini(events[-1])


def streamed_in_responses(events: list[Json]) -> list[Json]:
    added = [event["annotation"] for event in events if event["type"] == "response.output_text.annotation.added"]
    assert added == cited_in_responses(events[-1]["response"])
    return added


WHOLE: dict[str, Callable[[Json], list[Json]]] = {
    "chat": cited_in_chat,
    "messages": cited_in_messages,
    "gemini": cited_in_gemini,
    "responses": cited_in_responses,
}
STREAMED: dict[str, Callable[[list[Json]], list[Json]]] = {
    "chat": streamed_in_chat,
    "messages": streamed_in_messages,
    "gemini": streamed_in_gemini,
    "responses": streamed_in_responses,
}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", DIALECTS)
def test_a_page(client: str, upstream: str) -> None:
    whole, events = PAGES[upstream]
    for found in (WHOLE[client](told(client, upstream, whole)), STREAMED[client](streamed(client, upstream, events))):
        (page,) = found
        assert (page.get("url") or page.get("uri"), page["title"]) == (URL, TITLE)


@pytest.mark.parametrize("client", DIALECTS)
def test_pages_that_perplexity_says_beside_its_answer(client: str) -> None:
    whole, events = of_openai([])
    del whole["choices"][0]["message"]["annotations"]
    said = [(name, event | BESIDE) for name, event in (events[0], events[2])]
    for found in (
        WHOLE[client](told(client, "openai", whole | BESIDE)),
        STREAMED[client](streamed(client, "openai", said)),
    ):
        (page,) = found
        assert (page.get("url") or page.get("uri"), page["title"]) == (URL, TITLE)


def test_searches_of_an_upstream_are_counted() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    whole, events = of_responses({"type": "url_citation", **PLACE})
    whole |= {"usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}
    whole["output"].insert(0, search)
    events = [events[0], ("", {"type": "response.output_item.done", "output_index": 0, "item": search}), *events[1:]]
    events[-1] = ("", {"type": "response.completed", "response": whole})
    usage = told("messages", "responses", whole)["usage"]
    (last,) = [event for event in streamed("messages", "responses", events) if event["type"] == "message_delta"]
    assert usage["server_tool_use"]["web_search_requests"] == 1
    assert last["usage"] == usage
    whole["tool_usage"] = {"web_search": {"num_requests": 3}}
    assert told("messages", "responses", whole)["usage"]["server_tool_use"]["web_search_requests"] == 3


@pytest.mark.parametrize("upstream", DOCUMENTS)
@pytest.mark.parametrize("client", DIALECTS)
def test_a_document(client: str, upstream: str) -> None:
    whole, events = DOCUMENTS[upstream]
    answer, stream = told(client, upstream, whole), streamed(client, upstream, events)
    if client == "chat" and upstream != "responses":  # what it has no place for stands beside it, in Anthropic's form
        fields = [answer["choices"][0]["message"]["provider_specific_fields"]]
        fields += [event["choices"][0]["delta"].get("provider_specific_fields") or {} for event in stream]
        found = [one for field in fields for several in field.get("citations", ()) for one in several]
    else:
        found = WHOLE[client](answer) + STREAMED[client](stream)
    assert len(found) == 2
    for document in found:
        named = document.get("document_title") or document.get("title") or document.get("filename")
        assert named == TITLE
        if upstream != "responses" and client != "responses":
            assert document.get("cited_text") or document.get("text") == PASSAGE
        if client == "responses":
            assert (document["type"], document["index"]) == (
                "file_citation",
                0 if upstream in ("gemini", "cohere") else 1,
            )


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (
            {"documentPage": {"documentIndex": 2, "start": 4, "end": 5}},
            {"type": "page_location", "document_index": 2, "start_page_number": 4, "end_page_number": 5},
        ),
        (
            {"documentChunk": {"documentIndex": 2, "start": 4, "end": 5}},
            {"type": "content_block_location", "document_index": 2, "start_block_index": 4, "end_block_index": 5},
        ),
        (
            {"searchResultLocation": {"searchResultIndex": 2, "start": 4, "end": 5}},
            {"type": "search_result_location", "search_result_index": 2, "start_block_index": 4, "end_block_index": 5},
        ),
    ],
)
def test_where_bedrock_found_it(location: Json, place: Json) -> None:
    whole, _ = of_bedrock({"title": TITLE, "source": "s", "location": location})
    (found,) = cited_in_messages(told("messages", "bedrock", whole))
    assert found | place == found


def test_where_in_the_answer_a_page_of_bedrock_is_cited() -> None:
    citation = {"title": TITLE, "location": {"web": {"url": URL}}}
    whole, events = of_bedrock(citation)
    whole["output"]["message"]["content"].insert(0, {"text": "First. "})
    events = [
        ("contentBlockDelta", {"contentBlockIndex": 5, "delta": {"text": "First. "}}),
        *events,
    ]
    for (page,) in (
        cited_in_chat(told("chat", "bedrock", whole)),
        streamed_in_chat(streamed("chat", "bedrock", events)),
    ):
        assert (page["start_index"], page["end_index"]) == (7, 7 + len(SAID))


CITED: dict[str, Any] = {"title": TITLE, "context": "of last year", "citations": {"enabled": True}}
SOURCES: dict[str, Json] = {
    "text": {"type": "text", "media_type": "text/plain", "data": PASSAGE},
    "content": {"type": "content", "content": [{"type": "text", "text": PASSAGE}]},
    "base64": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("client", ["chat", "messages"])
class TestWhatIsToBeCited:
    def ask(self, source: str) -> Json:
        document = {"type": "document", "source": SOURCES[source], **CITED}
        return {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, document]}]}

    def test_anthropic(self, client: str, source: str) -> None:
        _, document = sent(client, "anthropic", self.ask(source))["messages"][0]["content"]
        assert document == {"type": "document", "source": SOURCES[source], **CITED}

    def test_bedrock(self, client: str, source: str) -> None:
        _, block = sent(client, "bedrock", self.ask(source))["messages"][0]["content"]
        form = {"text": {"text": PASSAGE}, "content": {"content": [{"text": PASSAGE}]}, "base64": {"bytes": "JVBERi0="}}
        assert block["document"] == {
            "format": "pdf" if source == "base64" else "txt",
            "name": TITLE,
            "source": form[source],
            "context": "of last year",
            "citations": {"enabled": True},
        }

    def test_cohere(self, client: str, source: str) -> None:
        if source == "base64":
            with pytest.raises(Exception, match="Cohere does not take"):
                asked(client, "cohere", self.ask(source))
            return
        body = sent(client, "cohere", self.ask(source))
        assert body["documents"] == [{"data": {"title": TITLE, "text": PASSAGE, "context": "of last year"}}]
        assert body["messages"] == [{"role": "user", "content": "?"}]

    @pytest.mark.parametrize("upstream", ["openai", "gemini", "responses"])
    def test_the_others_read_it_all_the_same(self, client: str, source: str, upstream: str) -> None:
        if (client, upstream) == ("chat", "openai"):  # goes through as it is
            return
        body = str(sent(client, upstream, self.ask(source)))
        assert ("JVBERi0=" if source == "base64" else PASSAGE) in body
        assert "of last year" in body
        assert "citations" not in body


def test_what_nobody_cites_stays_what_it_was() -> None:
    """A document that is not to be cited is a text or a file for every upstream, as clients of chat would send it."""
    document = {"type": "document", "source": SOURCES["text"], "title": TITLE}
    ask = {"max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}
    assert sent("messages", "bedrock", ask)["messages"][0]["content"] == [{"text": f"{TITLE}\n{PASSAGE}"}]
    assert "documents" not in sent("messages", "cohere", ask)
