"""Errors in OpenAI's shape: encoding the gateway's own, reading those of upstreams, mapping statuses."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from tianji.errors import TianjiError, UpstreamRefused
from tianji.lazy import load
from tianji.protocol.scrub import scrub

_READ_AT_MOST = 64 * 1024  # bytes of an error body that are looked at
_MESSAGE_AT_MOST = 4000  # characters of it that are handed on
_WORD_AT_MOST = 200
_MARGIN = 4000  # characters beyond a limit that are scrubbed too, lest half a credential stand at the cut

_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b[^<>]*>[^<]*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")

# type of the error object by the upstream's status; other 4xx and 5xx below
_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    408: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    429: "throttling_error",
}
_OWN_TYPE = frozenset({400, 402, 422})  # the upstream's own type is handed on
_OF_THE_PROMPT = frozenset({400, 413, 422, 424})  # statuses that a prompt which is too long is answered with
_KEPT_4XX = frozenset(_TYPES) | _OWN_TYPE | {410, 415, 424, 425, 451}

# status by the word that an in-band error has for its type or code
_STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "bad_request_error": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "throttling_error": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "timeout_error": 504,
}

_WORDS = ("message", "msg", "title", "error", "raw", "Message")  # members that may say what is wrong

_CONTEXT = (
    "exceed context limit",
    "prompt is too long",
    "prompt: length",
    "this model's maximum context length is",
    "string too long. expected a string with maximum length",
    "model's maximum context limit",
    "is longer than the model's context length",
    "input tokens exceed the configured limit",
    "`inputs` tokens + `max_new_tokens` must be",
    "exceeds the available context size",
    "exceeds the maximum number of tokens allowed",
    "exceed model maximum",
    "too large for model with",
    "length of all messages is too long",
    "requested token count exceeds the model's maximum context length",
    "input is too long",
    "too many input tokens",
    "prompt has too many tokens",
)
_CONTEXT_OF: Mapping[str, tuple[str, ...]] = {  # words that mean it with one provider, by how its name begins
    "bedrock": ("too many tokens", "expected maxlength:"),
    "cohere": ("too many tokens",),
    "huggingface": ("length limit exceeded",),
    "nlp_cloud": ("input text length should not exceed",),
    "sagemaker": ("instance type with more cpu capacity or memory",),
    "vertex_ai": ("request payload size exceeds",),
}
_CONTEXT_PAIRS = (
    ("current length is", "while limit is"),
    ("maximum input length is", "tokens"),
    ("input too long:", "input tokens, limit is"),
)
_POLICY = (
    "content_policy_violation",
    "content management policy",
    "responsibleaipolicyviolation",
    "the response was filtered due to the prompt triggering azure openai's content management",
    "rejected as a result of the safety system",
    "rejected as a result of our safety system",
    "your task failed as a result of our safety system",
    "the model produced invalid content",
    "content_filter_policy",
    "content filtering policy",
)
_POLICY_OF: Mapping[str, tuple[str, ...]] = {"vertex_ai": ("the response was blocked.",)}  # as _CONTEXT_OF
_POLICY_CODES = frozenset({"content_filter", "content_policy_violation", "cyber_policy", "moderation_blocked"})


class Reported(Struct, frozen=True):
    """What an upstream said of its error: text as it came, not yet scrubbed."""

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


def error_object(error: TianjiError, call_id: str | None = None) -> dict[str, object]:
    """Return the error object; `call_id` is added as `litellm_call_id` when given."""
    code = error.code if error.code is not None else str(error.status)
    found: dict[str, object] = {"message": error.message, "type": error.wire_type, "param": error.param, "code": code}
    if call_id is not None:
        found["litellm_call_id"] = call_id
    if error.specific is not None:
        found["provider_specific_fields"] = error.specific
    return found


def error_body(error: TianjiError, call_id: str | None = None) -> bytes:
    """Encode the body of an error answer: `{"error": {...}}`. Lone surrogates become question marks."""
    return _encode({"error": error_object(error, call_id)})


def error_event(error: TianjiError, call_id: str | None = None) -> bytes:
    """Encode the SSE event that ends a stream after its first byte; no `[DONE]` follows it."""
    return b"data: " + error_body(error, call_id) + b"\n\n"


def parse_error(body: bytes) -> Reported:
    """Read an upstream's error body in any of the shapes seen; the message is empty when there is nothing to read."""
    if len(body) <= _READ_AT_MOST:
        try:
            return _from_json(msgspec.json.decode(body))
        except (msgspec.DecodeError, RecursionError):
            pass
    text = body[:_READ_AT_MOST].decode("utf-8", "replace").strip()
    return Reported(_from_html(text) if text.startswith("<") else text)


def refused(
    status: int, body: bytes, *, provider: str, model: str | None = None, secrets: Iterable[str] = ()
) -> UpstreamRefused:
    """Make the error a client gets for an upstream's answer with an error status."""
    return _refused(status, parse_error(body), provider, model, tuple(secrets))


def refused_in_band(
    event: Mapping[str, object], *, provider: str, model: str | None = None, secrets: Iterable[str] = ()
) -> UpstreamRefused:
    """Make it for an error that came inside a stream or under status 200: its code or type says the status."""
    found = _from_json(dict(event))
    return _refused(_status_of(found), found, provider, model, tuple(secrets))


def is_context_overflow(message: str, code: str | None, provider: str = "") -> bool:
    """Tell whether the prompt was too long for the model, by the upstream's code or words."""
    low = message.lower()
    if "string_above_max_length" in low or ("invalid 'user'" in low and "string too long" in low):
        return False
    if code == "context_length_exceeded" or any(words in low for words in _CONTEXT):
        return True
    if any(words in low for words in _own(_CONTEXT_OF, provider)):
        return True
    return any(one in low and two in low for one, two in _CONTEXT_PAIRS)


def _own(table: Mapping[str, tuple[str, ...]], provider: str) -> Iterator[str]:
    """Yield what a table holds for a provider."""
    for name, words in table.items():
        if provider.startswith(name):
            yield from words


def is_policy_refusal(message: str, code: str | None, provider: str = "") -> bool:
    """Tell whether the upstream refused the content itself."""
    low = message.lower()
    if code in _POLICY_CODES or ("invalid prompt" in low and "violating our usage policy" in low):
        return True
    return any(words in low for words in (*_POLICY, *_own(_POLICY_OF, provider)))


def _refused(
    status: int, found: Reported, provider: str, model: str | None, secrets: tuple[str, ...]
) -> UpstreamRefused:
    said = _clean(found.message, secrets, _MESSAGE_AT_MOST) or f"status {status} without a message"
    code = _word(found.code, secrets)
    wire_type = _word(found.type, secrets)
    status, kind = _map_status(status, wire_type)
    if status in {401, 403}:
        told = f"the upstream ({provider}) refused the gateway's credentials, not yours: {said}"
    elif status == 404 and model is not None:
        told = f"{provider}, model {model!r}: {said}"
    else:
        told = f"{provider}: {said}"
    if status in _OF_THE_PROMPT and is_context_overflow(found.message, found.code, provider):
        status, kind, code = 400, "invalid_request_error", "context_length_exceeded"
    elif status == 400 and is_policy_refusal(found.message, found.code, provider):
        code = code or "content_policy_violation"
    return UpstreamRefused(status, told, kind, code=code, param=_word(found.param, secrets), said=said)


def _map_status(status: int, wire_type: str | None) -> tuple[int, str]:
    if status in _OWN_TYPE:
        return status, wire_type or "invalid_request_error"
    if 400 <= status < 500:
        kept = status if status in _KEPT_4XX else 400
        return kept, _TYPES.get(kept, "invalid_request_error")
    if 500 <= status < 600:
        return status, "internal_server_error"
    return 502, "upstream_error"  # a redirect or another answer that is no answer to a call


def _status_of(found: Reported) -> int:
    for word in (found.code, found.type):
        if word is None:
            continue
        if word.isascii() and word.isdigit() and len(word) == 3:
            return int(word)
        if word.lower() in _STATUSES:
            return _STATUSES[word.lower()]
    return 500


def _from_json(value: object) -> Reported:
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), value)
    if not isinstance(value, dict):
        return Reported(_text(value))
    for key in ("error", "detail", "errors"):
        inner = value.get(key)
        if isinstance(inner, dict):
            return _from_object(inner, value)
        if isinstance(inner, list) and inner:
            return _from_list(inner)
        if isinstance(inner, str) and inner:
            merged = {**value, "message": value.get("message") or inner}
            return _from_object(merged, {})
    return _from_object(value, {})


def _from_object(inner: dict[str, object], outer: Mapping[str, object]) -> Reported:
    """Read the object that has the message; `outer` may hold what it lacks."""
    if isinstance(nested := inner.get("error"), dict):
        inner = nested
    deeper = inner.get("innererror")
    words = next((_text(inner[k]) for k in _WORDS if inner.get(k)), "")
    raw = metadata.get("raw") if isinstance(metadata := inner.get("metadata"), dict) else None
    if isinstance(raw, str) and raw and raw not in words:
        words = f"{words}: {raw}"  # OpenRouter wraps what the model's own provider said
    code = _first(inner.get("code"), inner.get("error_code"), outer.get("code"))
    if isinstance(deeper, dict) and deeper.get("code") == "ResponsibleAIPolicyViolation":
        code = code or "content_filter"
    kind = _first(inner.get("type"), inner.get("status") if isinstance(inner.get("status"), str) else None)
    return Reported(words or _text(inner), kind, code, _first(inner.get("param")))


def _from_list(items: list[object]) -> Reported:
    """Read FastAPI's validation list (`loc`, `msg`) or Cloudflare's list of errors."""
    first = items[0]
    if not isinstance(first, dict):
        return Reported("; ".join(_text(item) for item in items[:5]))
    told = [_text(item.get("msg") or item.get("message") or item) for item in items[:5] if isinstance(item, dict)]
    loc = first.get("loc")
    param = ".".join(str(step) for step in loc if step != "body") if isinstance(loc, list) else None
    message = "; ".join(told)
    return Reported(f"{param}: {message}" if param else message, None, _first(first.get("code")), param or None)


def _from_html(text: str) -> str:
    title = _TITLE.search(text)
    plain = title[1] if title else _TAG.sub(" ", _UNSEEN.sub(" ", text))
    return " ".join(load("html").unescape(plain).split())


def _first(*values: object) -> str | None:
    for value in values:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()


def _clean(text: str, secrets: tuple[str, ...], limit: int) -> str:
    """Scrub, then cut to `limit` characters; what stood at the end of the part that was looked at is left out."""
    seen = limit + _MARGIN
    clean = scrub(text[:seen], secrets)
    if len(text) > seen:
        clean = clean[:-_MARGIN]
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _word(value: str | None, secrets: tuple[str, ...]) -> str | None:
    return None if value is None else _clean(value, secrets, _WORD_AT_MOST)


def _encode(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(value))


def _without_surrogates(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
