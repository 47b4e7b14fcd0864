"""Tasks of vendors who hear recordings and read documents: done when they are looked at again.

Source of the forms: https://soniox.com/docs/stt/api-reference, https://www.assemblyai.com/docs/api-reference and
https://docs.reducto.ai/api-reference; Soniox' files are those of `objects`, whose answers hold all that it reads.
"""

import re
from collections.abc import Callable

import msgspec

from tianji.errors import InvalidRequest, MethodNotAllowed, ObjectNotFound
from tianji.mock import forms
from tianji.mock.answers.audio import SECONDS
from tianji.mock.http import Request
from tianji.mock.json import Json, body_of, encode, said
from tianji.mock.kept.family import Family
from tianji.mock.script import Answer

_PATH = re.compile(
    r"(?P<soniox>/v1/transcriptions)(?:/(?P<heard>[^/]+))?(?P<transcript>/transcript)?"
    r"|(?P<kept>/v2/upload)|(?P<assembly>/v2/transcript)(?:/(?P<told>[^/]+))?"
    r"|(?P<upload>/upload)|(?P<parse>/parse_async)|/job/(?P<job>[^/]+)|/cancel/(?P<cancel>[^/]+)"
)
_READ = "one two three"


class OcrRequest(msgspec.Struct):
    """What the mock reads of a request in Mistral's form."""

    model: str
    document: dict[str, object]


def ocr(request: OcrRequest) -> Answer:
    """Answer /ocr: one page, which says what the document is."""
    kind = request.document.get("type")
    if kind not in ("document_url", "image_url"):
        raise InvalidRequest("The document is neither document_url nor image_url")
    page = {"index": 0, "markdown": f"{kind} {_READ}", "images": [], "dimensions": None}
    used = {"pages_processed": 1, "doc_size_bytes": 4}
    return Answer(body=encode({"pages": [page], "model": request.model, "usage_info": used}))


class Tasks(Family):
    """What was begun, by its id. file: finds a file of `objects` by its id, and raises where there is none."""

    paths = _PATH

    def __init__(self, file: Callable[[str], Json]) -> None:
        super().__init__()
        self._file = file
        self._looks: dict[str, int] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what is not there or makes no sense."""
        found = _PATH.fullmatch(request.head.path)
        parts = found.groupdict() if found else {}
        name = parts.get("heard") or parts.get("told") or parts.get("job") or parts.get("cancel")
        if name is not None:
            return self._of(name, request, transcript=bool(parts["transcript"]), cancels=bool(parts["cancel"]))
        if request.head.method != "POST":
            raise MethodNotAllowed(f"{request.head.path} takes POST", ("POST",))
        if parts["kept"]:
            return said({"upload_url": f"https://cdn.mock/upload/{self._next()}/{len(request.body)}"})
        if parts["upload"]:
            (file,) = forms.read(request).files
            return said({"file_id": f"reducto://{self._next()}-{file.name}"})
        make = self._hear if parts["soniox"] else self._tell if parts["assembly"] else self._parse
        return said(make(body_of(request)))

    def _of(self, name: str, request: Request, *, transcript: bool, cancels: bool) -> Answer:
        """Answer a request for a task: look at it, fetch what it made, remove it."""
        task = self._made.get(name)
        if task is None:
            raise ObjectNotFound(f"No such task: {name}")
        if request.head.method == "DELETE" or cancels:
            del self._made[name]
            return said({})
        if transcript:
            return said({"id": name, "text": task["text"], "tokens": _tokens(task["text"])})
        self._looks[name] = self._looks.get(name, 0) + 1
        return said(task["waiting"] if self._looks[name] == 1 else task["done"])

    def _put(self, text: str, waiting: Json, done: Json) -> str:
        name = f"task-mock{self._next()}"
        names = {"id": name, "job_id": name}
        self._made[name] = {"text": text, "waiting": {**names, **waiting}, "done": {**names, **done}}
        return name

    def _hear(self, body: Json) -> Json:
        file = self._file(str(body.get("file_id")))
        done = {"status": "completed", "audio_duration_ms": 1000 * SECONDS}
        name = self._put(f"{file['filename']} {file['bytes']}", {"status": "processing"}, done)
        return {"id": name, "status": "queued", "model": body.get("model")}

    def _tell(self, body: Json) -> Json:
        text = f"{_READ} {str(body.get('audio_url')).rpartition('/')[2]}"
        words = [{"text": one["text"].strip(), "start": one["start_ms"], "end": one["end_ms"]} for one in _tokens(text)]
        done = {"status": "completed", "text": text, "words": words, "audio_duration": SECONDS, "language_code": "en"}
        return {"id": self._put(text, {"status": "processing"}, done), "status": "queued"}

    def _parse(self, body: Json) -> Json:
        page = {"content": str(body.get("input") or body.get("document_url")), "bbox": {"page": 1}, "type": "Text"}
        full = {"type": "full", "chunks": [{"content": page["content"], "blocks": [page]}]}
        result = {"result": full, "usage": {"num_pages": 1, "credits": 1.5}}
        return {"job_id": self._put(_READ, {"status": "Pending"}, {"status": "Completed", "result": result})}


def _tokens(text: str) -> list[Json]:
    """Return words as Soniox' tokens: a space before all but the first, and half a second each."""
    return [
        {"text": f" {word}" if at else word, "start_ms": 500 * at, "end_ms": 500 * at + 400}
        for at, word in enumerate(text.split())
    ]
