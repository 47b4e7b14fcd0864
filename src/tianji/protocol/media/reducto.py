"""Reducto's reading of documents: https://docs.reducto.ai/api-reference/upload, .../parse-async, .../get-job.

`parse-legacy` has the names of the API before its third version. What is too large for an answer lies in a store, and
its address needs no key: https://docs.reducto.ai/parsing/handling-large-chunks.
"""

from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import decoded, without_none
from tianji.protocol.loose import list_of, object_of
from tianji.protocol.media.form import Asked, Json, as_form, lacking
from tianji.protocol.media.ocr import held, members_of, source_of
from tianji.protocol.media.tasks import Call, Left, Task, failed

_LEGACY: Final = "parse-legacy"
_LACKS: Final = (
    "include_image_base64",
    "image_limit",
    "image_min_size",
    "bbox_annotation_format",
    "document_annotation_format",
    "document_annotation_prompt",
    "table_format",
    "extract_header",
    "extract_footer",
)
"""What Mistral's form has; `enhance`, `formatting` and the like are Reducto's own."""


class _Uploaded(Struct):
    file_id: str


class _Made(Struct):
    job_id: str


class _Box(Struct):
    page: int = 1
    original_page: int | None = None


class _Block(Struct):
    content: str = ""
    bbox: _Box | None = None


class _Chunk(Struct):
    content: str = ""
    blocks: list[_Block] = []


class _Result(Struct):
    chunks: list[_Chunk] | None = None
    url: str | None = None


class _Usage(Struct):
    num_pages: int = 0
    credits: float | None = None


class _Parsed(Struct):
    result: _Result
    usage: _Usage


class _Job(Struct):
    status: str
    reason: str | None = None
    result: _Parsed | None = None


def begun(asked: Asked) -> Task:
    """Upload what is no address, have it parsed, look until that is done, and fetch what was too large to be told."""
    target, source, told = asked.target, source_of(asked), _told(asked)
    file = held(source) if isinstance(source, str) else source
    if file is not None:
        source = decoded((yield Call("/upload", as_form({}, [("file", file)]))), _Uploaded, target).file_id
    told["document_url" if target.model == _LEGACY else "input"] = source
    made = decoded((yield Call("/parse_async", told)), _Made, target)
    name = quote(made.job_id, safe="")
    yield Left(Call(f"/cancel/{name}", method="POST"), done=False)
    while (job := decoded((yield Call(f"/job/{name}")), _Job, target)).status != "Completed":
        if job.status == "Failed":
            raise failed(asked, job.reason)
    if job.result is None:
        raise failed(asked, "it is done and has no result")
    chunks = job.result.result.chunks
    if chunks is None:
        stored = yield Call(job.result.result.url or "", bare=True)
        found: Any = decoded(stored, _Result | list[_Chunk], target)  # type: ignore[arg-type]  # a union is no class
        chunks = found if isinstance(found, list) else found.chunks or []
    return _answer(asked, chunks, job.result.usage)


def _told(asked: Asked) -> Json:
    """Return how a document is to be parsed."""
    more = members_of(asked)
    for name in _LACKS:
        if more.pop(name, None) is not None:
            lacking(asked, name, "it has nothing like it")
    pages = more.pop("pages", None)
    if pages is not None:
        wanted = [page + 1 for page in list_of(pages) if isinstance(page, int)]
        place = "advanced_options" if asked.target.model == _LEGACY else "settings"
        own = more.get(place)
        if not wanted:
            lacking(asked, "pages", "it takes a list of numbers from 0 on")
        else:
            more[place] = {"page_range": wanted, **object_of(own)}
    return without_none(more)


def _answer(asked: Asked, chunks: list[_Chunk], usage: _Usage) -> Json:
    """Return the pages: each the blocks on it, in their order, one below the other."""
    pages: dict[int, list[str]] = {}
    for chunk in chunks:
        for block in chunk.blocks or [_Block(chunk.content)]:
            box = block.bbox or _Box()
            pages.setdefault(max(1, box.original_page or box.page), []).append(block.content)
    told: list[Json] = [
        {"index": number - 1, "markdown": "\n\n".join(pages[number]), "images": [], "dimensions": None}
        for number in sorted(pages)
    ]
    used = {"pages_processed": usage.num_pages or len(told), "credits": usage.credits, "doc_size_bytes": None}
    return {"object": "ocr", "model": asked.target.model, "pages": told, "usage_info": used}
