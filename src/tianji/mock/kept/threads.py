"""OpenAI's threads, their messages and runs: an assistant says what was said to it last.

Source of the forms: https://platform.openai.com/docs/api-reference/threads and .../assistants-streaming
"""

from tianji.errors import ObjectNotFound
from tianji.mock.http import Request
from tianji.mock.json import CREATED, Json, body_of, encode, said
from tianji.mock.script import Answer


def within(thread: Json, rest: list[str], request: Request) -> Answer:
    """Answer what is asked of a thread. Raises ObjectNotFound."""
    posts = request.head.method == "POST"
    match rest:
        case ["messages"] if posts:
            return said(_message(thread, "user", body_of(request)["content"]))
        case ["messages"]:
            return _listed(thread["messages"][::-1], request)
        case ["messages", name]:
            return said(_one(thread["messages"], name))
        case ["runs"] if posts:
            return run(thread, rest, request)
        case ["runs"]:
            return _listed(thread.get("runs", []), request)
        case ["runs", name, *more]:
            return _of_run(_one(thread["runs"], name), more, request)
    raise ObjectNotFound(f"There is nothing at {request.head.path}")


def run(thread: Json, _rest: list[str], request: Request) -> Answer:
    """Run a thread: the assistant repeats the last message."""
    body = body_of(request)
    for message in (body.get("thread") or {}).get("messages", []):
        _message(thread, message["role"], message["content"])
    last = thread["messages"][-1]["content"][0]["text"]["value"] if thread["messages"] else ""
    runs = thread.setdefault("runs", [])
    made: Json = {
        "id": f"{thread['id'].replace('thread', 'run')}x{len(runs) + 1}",
        "object": "thread.run",
        "created_at": CREATED,
        "thread_id": thread["id"],
        "assistant_id": body["assistant_id"],
        "model": body.get("model") or "mock",
        "status": "completed",
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        "instructions": body.get("instructions") or "",
        "tools": [],
        "metadata": {},
        "parallel_tool_calls": True,
    }
    runs.append(made)
    answer = _message(thread, "assistant", last) | {"run_id": made["id"], "assistant_id": body["assistant_id"]}
    thread["messages"][-1] = answer
    if not body.get("stream"):
        return said(made)
    delta: Json = {"id": answer["id"], "object": "thread.message.delta", "delta": {"content": answer["content"]}}
    steps: list[tuple[str, Json]] = [
        ("thread.run.created", made | {"status": "queued", "usage": None}),
        ("thread.message.delta", delta),
        ("thread.message.completed", answer),
        ("thread.run.completed", made),
    ]
    events = [b"event: %b\ndata: %b\n\n" % (name.encode(), encode(payload)) for name, payload in steps]
    return Answer(events=(*events, b"event: done\ndata: [DONE]\n\n"), closing=1)


def _of_run(one: Json, rest: list[str], request: Request) -> Answer:
    match rest:
        case [] | ["cancel" | "submit_tool_outputs"]:
            return said(one)
        case ["steps"]:
            step = {"id": "step_mock1", "object": "thread.run.step", "run_id": one["id"], "thread_id": one["thread_id"]}
            made = step | {"type": "message_creation", "status": "completed", "step_details": {}, "created_at": CREATED}
            return _listed([made | {"assistant_id": one["assistant_id"]}], request)
    raise ObjectNotFound(f"There is nothing at {request.head.path}")


def _message(thread: Json, role: str, content: str) -> Json:
    made: Json = {
        "id": f"msg_mock{len(thread['messages']) + 1}",
        "object": "thread.message",
        "created_at": CREATED,
        "thread_id": thread["id"],
        "role": role,
        "content": [{"index": 0, "type": "text", "text": {"value": content, "annotations": []}}],
        "status": "completed",
        "attachments": [],
        "metadata": {},
    }
    thread["messages"].append(made)
    return made


def _one(known: list[Json], name: str) -> Json:
    found = next((one for one in known if one["id"] == name), None)
    if found is None:
        raise ObjectNotFound(f"There is no {name}")
    return found


def _listed(data: list[Json], request: Request) -> Answer:
    """List objects behind the one that the query names."""
    query = dict(pair.partition("=")[::2] for pair in request.head.query.split("&"))
    names = [one["id"] for one in data]
    if "after" in query:
        data = data[names.index(query["after"]) + 1 :] if query["after"] in names else []
    limit = int(query.get("limit", "20"))
    page = data[:limit]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return Answer(body=encode({"object": "list", "data": page, "has_more": len(data) > limit} | ends))
