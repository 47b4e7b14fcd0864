"""Anthropic's Message Batches, kept as long as the mock runs. A batch is over when it is asked for again.

Source of the forms: https://docs.anthropic.com/en/api/creating-message-batches and the pages beside it.
"""

import re

import msgspec

from tianji.errors import InvalidRequest, ObjectNotFound
from tianji.mock.answers.messages import MessagesRequest, error_body, messages
from tianji.mock.faults import Faults
from tianji.mock.http import Request
from tianji.mock.json import Json, body_of, encode
from tianji.mock.kept.family import Family
from tianji.mock.script import Answer

_PATH = re.compile(r".*?/messages/batches(?:/([^/]+)(?:/(cancel|results))?)?")
_CREATED = "2026-01-01T00:00:00Z"
_EXPIRES = "2026-01-02T00:00:00Z"


class MessageBatches(Family):
    """What was made: batches by id, and their results."""

    paths = _PATH

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, list[Json]] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what is not there or makes no sense."""
        found = _PATH.fullmatch(request.head.path)
        name, action = (found[1], found[2]) if found else (None, None)
        method = request.head.method
        if name is None:
            return self._make(request) if method == "POST" else self._list()
        batch = self._made.get(name)
        if batch is None:
            raise ObjectNotFound(f"Could not find message batch {name}")
        match method, action:
            case "GET", None:
                self._go_on(request, batch)
                return Answer(body=encode(batch))
            case "GET", "results" if batch["results_url"]:
                lines = b"".join(encode(self._result(batch, one)) + b"\n" for one in self._asked[name])
                return Answer(body=lines, content_type=b"application/x-jsonl")
            case "POST", "cancel":
                if batch["processing_status"] == "in_progress":
                    batch |= {"processing_status": "canceling", "cancel_initiated_at": _CREATED}
                return Answer(body=encode(batch))
            case "DELETE", None if batch["processing_status"] == "ended":
                del self._made[name], self._asked[name]
                return Answer(body=encode({"id": name, "type": "message_batch_deleted"}))
        raise InvalidRequest(f"Message batch {name} is not over yet")

    def _make(self, request: Request) -> Answer:
        asked = body_of(request).get("requests") or []
        if not asked:
            raise InvalidRequest("requests: List should have at least 1 item")
        name = f"msgbatch_mock{self._next():04d}"
        none_yet = dict.fromkeys(("succeeded", "errored", "canceled", "expired"), 0)
        self._asked[name] = asked
        self._made[name] = {
            "id": name,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {"processing": len(asked), **none_yet},
            "created_at": _CREATED,
            "expires_at": _EXPIRES,
            "ended_at": None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        return Answer(body=encode(self._made[name]))

    def _list(self) -> Answer:
        data = list(self._made.values())[::-1]
        ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
        return Answer(body=encode({"data": data, "has_more": False, **ends}))

    def _go_on(self, request: Request, batch: Json) -> None:
        if batch["processing_status"] == "ended":
            return
        host = dict(request.head.headers).get(b"host", b"mock").decode()
        ended = {"processing_status": "ended", "ended_at": _CREATED}
        batch |= ended | {"results_url": f"http://{host}/v1/messages/batches/{batch['id']}/results"}
        kinds = [self._result(batch, one)["result"]["type"] for one in self._asked[batch["id"]]]
        batch["request_counts"] = {name: kinds.count(name) for name in batch["request_counts"]}

    def _result(self, batch: Json, asked: Json) -> Json:
        if batch["cancel_initiated_at"]:
            return {"custom_id": asked["custom_id"], "result": {"type": "canceled"}}
        try:
            said = messages(msgspec.convert(asked["params"], MessagesRequest), Faults()).body
        except msgspec.ValidationError as error:
            failed = {"type": "errored", "error": msgspec.Raw(error_body(400, str(error)))}
            return {"custom_id": asked["custom_id"], "result": failed}
        return {"custom_id": asked["custom_id"], "result": {"type": "succeeded", "message": msgspec.Raw(said)}}
