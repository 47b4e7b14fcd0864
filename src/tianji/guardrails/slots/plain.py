"""Forms without a conversation: a few members that hold text, and answers of text or of nothing that is text."""

from collections.abc import Callable
from typing import Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.chat import SETTINGS, beside
from tianji.guardrails.slots.sheet import OPAQUE, Sheet, Voice, listed
from tianji.guardrails.slots.texts import Json, Path, Unreadable

_PICTURES: Final = OPAQUE | {"b64_json", "url", "output_format", "quality", "size", "background"}
_STEERING: Final = frozenset(
    {
        "encoding_format", "dimensions", "size", "quality", "style", "background", "output_format", "moderation",
        "voice", "speed", "response_format", "language", "timestamp_granularities", "chunking_strategy", "file",
        "image", "mask", "input_fidelity", "partial_images", "output_compression", "top_n", "return_documents",
        "purpose", "max_chunks_per_doc", "rank_fields", "input_type", "task_type", "truncate", "embedding_types",
        "stream_format",
    }
)  # fmt: skip
FIELDS: Final = _STEERING | SETTINGS - {"messages", "text"}
"""Fields of forms that say how and not what."""
PARTS: Final = "parts"


def texts(*members: str) -> Callable[[Sheet, Json], None]:
    """Return what reads these members as what the user says, a list of texts as one message each, and then the rest."""
    known = frozenset(members) | _STEERING

    def request(sheet: Sheet, body: Json) -> None:
        number = 0
        for name in members:
            value = body.get(name)
            for at, one in enumerate(value) if isinstance(value, list) else ((None, value),):
                path: Path = (name,) if at is None else (name, at)
                if isinstance(one, int) or (isinstance(one, list) and any(isinstance(token, int) for token in one)):
                    raise Unreadable(f"{name} holds tokens, which guardrails cannot read: send text")
                sheet.said(one, path, Voice(message=number))
                number += 1
        beside(sheet, body, known)

    return request


def parted(sheet: Sheet, body: Json) -> None:
    """Read the texts of a form's fields."""
    texts = body.get(PARTS)
    for number, (name, text) in enumerate(texts.items() if isinstance(texts, dict) else ()):
        sheet.said(text, (PARTS, name), Voice(message=number))


def ranked(sheet: Sheet, body: Json) -> None:
    """Read a query, and the documents to be ranked as what a tool has brought."""
    for number, name in enumerate(("query", "instruction")):
        sheet.said(body.get(name), (name,), Voice(message=number))
    for number, document in enumerate(listed(body.get("documents"))):
        sheet.said(document, ("documents", number), Voice("tool", Kind.TOOL_RESULT, number + 2))
    beside(sheet, body, _STEERING | {"query", "instruction", "documents"})


def documented(sheet: Sheet, body: Json) -> None:
    """Read what is wanted of a document; what it holds is read in the answer."""
    sheet.said(body.get("document_annotation_prompt"), ("document_annotation_prompt",), Voice())
    beside(sheet, body, _STEERING | {"document_annotation_prompt", "document"})


def completed(sheet: Sheet, body: Json) -> None:
    """Read the texts of an answer of completions."""
    for number, choice in enumerate(listed(body.get("choices"))):
        if isinstance(choice, dict):
            path: Path = ("choices", number)
            echo: Path = (*path, "logprobs") if choice.get("logprobs") else ()
            shown = {name: value for name, value in choice.items() if name != "logprobs"}
            sheet.said(shown, path, Voice("assistant", message=number, echo=echo))


def pictured(sheet: Sheet, body: Json) -> None:
    """Read what an answer with pictures says beside them."""
    sheet.said(body.get("data"), ("data",), Voice("assistant"), _PICTURES)


def heard(sheet: Sheet, body: Json) -> None:
    """Read what was heard: the text, its segments and words."""
    for name in ("text", "segments", "words"):
        sheet.said(body.get(name), (name,), Voice("assistant"))


def results(sheet: Sheet, body: Json) -> None:
    """Read the documents that an answer of rerank repeats."""
    sheet.said(body.get("results"), ("results",), Voice("assistant", Kind.TOOL_RESULT))


def pages(sheet: Sheet, body: Json) -> None:
    """Read what stands on the pages of a document, and what was drawn from it."""
    for number, page in enumerate(listed(body.get("pages"))):
        if isinstance(page, dict):
            sheet.said(page.get("markdown"), ("pages", number, "markdown"), Voice("assistant", message=number))
    sheet.said(body.get("document_annotation"), ("document_annotation",), Voice("assistant"))


def passages(sheet: Sheet, body: Json) -> None:
    """Read what a search in a vector store has found, as what a tool has brought."""
    for number, one in enumerate(listed(body.get("data"))):
        sheet.said(one, ("data", number), Voice("tool", Kind.TOOL_RESULT, number))


def nothing(_sheet: Sheet, _body: Json) -> None:
    """Read an answer of numbers."""
