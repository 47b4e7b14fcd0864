"""OpenAI's files, batches, fine-tuning jobs and vector stores, kept as long as the mock runs.

Source of the forms: https://platform.openai.com/docs/api-reference/files and the pages beside it. A batch is answered
when it is asked for again; a job has succeeded then.
"""

import itertools
import re
from typing import TYPE_CHECKING

import msgspec

from tianji.errors import ObjectNotFound
from tianji.mock import forms
from tianji.mock.http import Request
from tianji.mock.json import CREATED, Json, body_of, encode, said
from tianji.mock.kept import threads
from tianji.mock.kept.batches import MessageBatches
from tianji.mock.kept.containers import Containers
from tianji.mock.kept.evals import Evals
from tianji.mock.kept.tasks import Tasks
from tianji.mock.kept.videos import Videos
from tianji.mock.script import Answer
from tianji.mock.sockets.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = re.compile(r".*?/(files|batches|fine_tuning/jobs|vector_stores|assistants|threads)(?:/(.+))?")
_KINDS = {  # by what its path is called: kind, how its ids begin, what its `object` says
    "files": ("file", "file-mock", "file"),
    "batches": ("batch", "batch_mock", "batch"),
    "fine_tuning/jobs": ("job", "ftjob-mock", "fine_tuning.job"),
    "vector_stores": ("store", "vs_mock", "vector_store"),
    "assistants": ("assistant", "asst_mock", "assistant"),
    "threads": ("thread", "thread_mock", "thread"),
}
_NAMES = {path: kind for path, (kind, _, _) in _KINDS.items()}
_PREFIXES = {kind: prefix for kind, prefix, _ in _KINDS.values()}
_OBJECTS = {kind: said_as for kind, _, said_as in _KINDS.values()}


def serves(path: str) -> bool:
    """Tell whether a path is one of those here."""
    others = (MessageBatches, Tasks, Calls, Videos, Containers, Evals)
    return any(one.serves(path) for one in others) or _PATH.fullmatch(path) is not None


class Shelf:
    """What was made, by kind and id."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, Json]] = {kind: {} for kind in _OBJECTS}
        self._contents: dict[str, bytes] = {}
        self.calls = Calls()
        self._others = (
            MessageBatches(),
            Tasks(lambda name: self._find("file", name)),
            self.calls,
            Videos(),
            Containers(self._held),
            Evals(),
        )
        self._next = itertools.count(1).__next__

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what is not there or makes no sense."""
        for others in self._others:
            if others.serves(request.head.path):
                return others.answer(request)
        found = _PATH.fullmatch(request.head.path)
        if found is None:
            raise ObjectNotFound(f"There is nothing at {request.head.path}")
        kind, rest = _NAMES[found[1]], (found[2] or "").split("/")
        method = request.head.method
        if rest == ["runs"]:
            return threads.run(self._put("thread", {"messages": []}), ["runs"], request)
        if not rest[0]:
            return self._make(kind, request) if method == "POST" else self._list(kind)
        one = self._find(kind, rest[0])
        if len(rest) > 1:
            return self._within(kind, one, rest[1:], request)
        if method == "DELETE":
            del self._made[kind][one["id"]]
            return said({"id": one["id"], "object": _deleted(kind), "deleted": True})
        if method == "POST":
            one |= body_of(request)
        elif kind in ("batch", "job") and one["status"] in ("validating", "queued"):
            self._finish(kind, one)
        return said(one)

    def _held(self, name: str) -> tuple[bytes, str]:
        """Return what a file holds, and its name."""
        return self._contents[self._find("file", name)["id"]], self._find("file", name)["filename"]

    def _find(self, kind: str, name: str) -> Json:
        found = self._made[kind].get(name)
        if found is None:
            raise ObjectNotFound(f"No such {kind}: {name}")
        return found

    def _list(self, kind: str) -> Answer:
        return said({"object": "list", "data": list(self._made[kind].values()), "has_more": False})

    def _make(self, kind: str, request: Request) -> Answer:
        makers: dict[str, Callable[[Request], Json]] = {
            "file": self._file,
            "batch": self._batch,
            "job": self._job,
            "store": _store,
            "thread": lambda request: {"messages": [], **body_of(request)},
        }
        more = makers.get(kind, body_of)(request)
        return said(self._put(kind, more))

    def _put(self, kind: str, more: Json) -> Json:
        name = f"{_PREFIXES[kind]}{self._next():04d}"
        made: Json = {"id": name, "object": _OBJECTS[kind], "created_at": CREATED} | more
        content = made.pop("content", None)
        if content is not None:
            self._contents[name] = content
        self._made[kind][name] = made
        return made

    def _file(self, request: Request) -> Json:
        form = forms.read(request)
        (file,) = form.files
        return _file_of(file.name, form.text("purpose"), file.content)

    def _batch(self, request: Request) -> Json:
        body = body_of(request)
        self._find("file", str(body.get("input_file_id")))
        counts = {"total": 0, "completed": 0, "failed": 0}
        return {
            "endpoint": body.get("endpoint"),
            "input_file_id": body["input_file_id"],
            "completion_window": body.get("completion_window"),
            "metadata": body.get("metadata"),
            "status": "validating",
            "output_file_id": None,
            "request_counts": counts,
        }

    def _job(self, request: Request) -> Json:
        body = body_of(request)
        self._find("file", str(body.get("training_file")))
        return {
            "model": body.get("model"),
            "training_file": body["training_file"],
            "validation_file": body.get("validation_file"),
            "status": "queued",
            "result_files": [],
            "fine_tuned_model": None,
            "hyperparameters": {"n_epochs": 1},
            "organization_id": "org-mock",
            "seed": 1,
            "trained_tokens": None,
        }

    def _finish(self, kind: str, one: Json) -> None:
        if kind == "job":
            result = self._put("file", _file_of("results.csv", "fine-tune-results", b"step,loss\n1,0.1\n"))
            one |= {
                "status": "succeeded",
                "result_files": [result["id"]],
                "fine_tuned_model": f"ft:{one['model']}:mock",
                "trained_tokens": len(self._contents[one["training_file"]]),
            }
            return
        lines = self._contents[one["input_file_id"]].splitlines()
        answers = b"".join(_answered(line) for line in lines)
        output = self._put("file", _file_of("output.jsonl", "batch_output", answers))
        counts = {"total": len(lines), "completed": len(lines), "failed": 0}
        one |= {"status": "completed", "output_file_id": output["id"], "request_counts": counts}

    def _within(self, kind: str, one: Json, rest: list[str], request: Request) -> Answer:
        match kind, rest:
            case "file", ["content"]:
                return Answer(body=self._contents[one["id"]], content_type=b"application/octet-stream")
            case (("batch" | "job"), ["cancel" | "pause" | "resume" as what]):
                one["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "queued"}[what]
                return said(one)
            case "job", ["events" | "checkpoints"]:
                event = {"object": "fine_tuning.job.event", "id": "ftevent-1", "message": "begun", "level": "info"}
                return said({"object": "list", "data": [event | {"created_at": CREATED}], "has_more": False})
        if kind == "store":
            return self._within_store(one, rest, request)
        if kind == "thread":
            return threads.within(one, rest, request)
        raise ObjectNotFound(f"There is nothing at {request.head.path}")

    def _within_store(self, one: Json, rest: list[str], request: Request) -> Answer:
        match rest:
            case ["search"]:
                return self._search(one, body_of(request))
            case ["files"] if request.head.method == "POST":
                one["files"] = [*one.get("files", []), str(body_of(request)["file_id"])]
                return said(self._in_store(one, one["files"][-1]))
            case ["files"]:
                files = [self._in_store(one, name) for name in one.get("files", [])]
                return said({"object": "list", "data": files, "has_more": False})
            case ["files", name]:
                return self._file_in_store(one, name, request)
            case ["files", name, "content"]:
                text = self._contents[self._find("file", name)["id"]].decode("utf-8", "replace")
                page = {"object": "vector_store.file_content.page", "data": [{"type": "text", "text": text}]}
                return said(page | {"has_more": False, "next_page": None})
        raise ObjectNotFound(f"There is nothing at {request.head.path}")

    def _in_store(self, store: Json, name: str) -> Json:
        size = self._find("file", name)["bytes"]
        return {
            "id": name,
            "object": "vector_store.file",
            "created_at": CREATED,
            "vector_store_id": store["id"],
            "status": "completed",
            "usage_bytes": size,
            "last_error": None,
        }

    def _file_in_store(self, store: Json, name: str, request: Request) -> Answer:
        if name not in store.get("files", []):
            raise ObjectNotFound(f"No such file in this store: {name}")
        if request.head.method == "DELETE":
            store["files"] = [other for other in store["files"] if other != name]
            return said({"id": name, "object": "vector_store.file.deleted", "deleted": True})
        more = body_of(request) if request.head.method == "POST" else {}
        return said(self._in_store(store, name) | more)

    def _search(self, store: Json, body: Json) -> Answer:
        """Find the files in which the query stands."""
        wanted = str(body.get("query"))
        data = []
        for name in store.get("files", []):
            text = self._contents[name].decode("utf-8", "replace")
            if wanted in text:
                content = [{"type": "text", "text": text}]
                filename = self._find("file", name)["filename"]
                data.append({"file_id": name, "filename": filename, "score": 1.0, "attributes": {}, "content": content})
        page: Json = {"object": "vector_store.search_results.page", "search_query": [wanted], "data": data}
        return said(page | {"has_more": False, "next_page": None})


def _file_of(name: str, purpose: str, content: bytes) -> Json:
    return {"filename": name, "purpose": purpose, "bytes": len(content), "status": "processed", "content": content}


def _store(request: Request) -> Json:
    body = body_of(request)
    files = [str(name) for name in body.get("file_ids") or []]
    counts = {"total": len(files), "completed": len(files), "in_progress": 0, "failed": 0, "cancelled": 0}
    return {
        "name": body.get("name"),
        "status": "completed",
        "usage_bytes": 0,
        "file_counts": counts,
        "metadata": body.get("metadata"),
        "files": files,
    }


def _answered(line: bytes) -> bytes:
    asked = msgspec.json.decode(line)
    used = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {"object": "chat.completion", "model": asked["body"].get("model"), "choices": [], "usage": used}
    answer = {"custom_id": asked.get("custom_id"), "response": {"status_code": 200, "body": body}, "error": None}
    return encode(answer) + b"\n"


def _deleted(kind: str) -> str:
    return "file" if kind == "file" else f"{_OBJECTS[kind]}.deleted"
