"""Answers that come many at a time, a line each: the results of batches.

https://platform.openai.com/docs/guides/batch, https://docs.anthropic.com/en/api/retrieving-message-batch-results and
https://ai.google.dev/gemini-api/docs/batch-api have a form each.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import TianjiError
from tianji.guardrails.slots.texts import Changes, Path, Unreadable, decoded, encoded, put, rewritten

_NAMES: Final = ("custom_id", "key")
"""Members by which a line says whose answer it holds."""
_HOLDERS: Final = ("response", "result", "error")
_OPERATIONS: Final[Mapping[object, str]] = {
    "chat.completion": "chat",
    "text_completion": "completions",
    "response": "responses",
    "message": "messages",
}
"""Operations by what their answers say that they are: OpenAI's in `object`, Anthropic's in `type`."""
_raw: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Result(Struct, frozen=True):
    """A line that was read. custom_id: the client's own name for the request, None where it says none.

    body: the answer, None where there is none, as of a request that failed; path: where it stands in the line
    operation: in whose form it is, "" where nobody knows; model: which gave it, "" likewise
    """

    line: bytes
    custom_id: object
    body: bytes | None = None
    path: Path = ()
    operation: str = ""
    model: str = ""

    def written(self, body: bytes) -> bytes:
        """Return the line with another answer in it; every other byte is as it was."""
        changes: Changes = {}
        put(changes, self.path, body)
        return rewritten(self.line, changes)

    def refused(self, error: TianjiError) -> bytes:
        """Return the line that says an error in the place of the answer."""
        return refusal(self.custom_id, error, of_messages=self.path[:1] == ("result",))


def is_result(line: bytes) -> bool:
    """Whether a line looks like one of a batch, readable or not."""
    if not line.lstrip().startswith(b"{"):
        return False
    return any(_quoted(name) in line for name in _NAMES) and any(_quoted(name) in line for name in _HOLDERS)


def read(line: bytes) -> Result:
    """Read a line. Raises Unreadable for one that is no JSON object, or names a member twice."""
    tree = decoded(line)
    if not isinstance(tree, dict):
        raise Unreadable("it is no object")
    custom_id = next((tree[name] for name in _NAMES if name in tree), None)
    path = _path(tree)
    if not path:
        return Result(line, custom_id)
    body = _inner(tree, path)
    model = body.get("model", body.get("modelVersion"))
    return Result(line, custom_id, _bytes(line, path), path, _operation(body), model if isinstance(model, str) else "")


def refusal(custom_id: object, error: TianjiError, *, of_messages: bool) -> bytes:
    """Return a line that says an error. `of_messages`: in Anthropic's form, else in OpenAI's."""
    about: dict[str, Any] = {
        "message": error.message,
        "type": error.wire_type,
        "param": error.param,
        "code": str(error.status),
    }
    if of_messages:
        said = {"type": "error", "error": {"type": about["type"], "message": about["message"]}}
        return encoded({"custom_id": custom_id, "result": {"type": "errored", "error": said}})
    if error.specific is not None:
        about["provider_specific_fields"] = error.specific
    return encoded({"id": None, "custom_id": custom_id, "response": None, "error": about})


def _quoted(name: str) -> bytes:
    return f'"{name}"'.encode()


def _path(tree: dict[str, Any]) -> Path:
    """Return where the answer stands, () for nowhere."""
    response, result = tree.get("response"), tree.get("result")
    if isinstance(response, dict):
        return ("response", "body") if isinstance(response.get("body"), dict) else ("response",)
    return ("result", "message") if isinstance(result, dict) and isinstance(result.get("message"), dict) else ()


def _inner(tree: Any, path: Path) -> dict[str, Any]:
    for name in path:
        tree = tree[name]
    found: dict[str, Any] = tree
    return found


def _bytes(line: bytes, path: Path) -> bytes:
    try:
        for name in path:
            line = bytes(_raw.decode(line)[str(name)])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable("it holds what is no text") from error
    return line


def _operation(body: Mapping[str, Any]) -> str:
    if "candidates" in body:
        return "gemini"
    data = body.get("data")
    if isinstance(data, list) and data and isinstance(data[0], dict) and data[0].get("object") == "embedding":
        return "embeddings"
    return _OPERATIONS.get(body.get("object", body.get("type")), "")
