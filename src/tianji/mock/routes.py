"""From a request to its answer: which path speaks which dialect."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tianji.errors import MethodNotAllowed, RouteNotFound, TianjiError
from tianji.mock import forms
from tianji.mock.answers import (
    audio,
    bedrock,
    chat,
    cohere,
    gemini,
    hosted,
    images,
    messages,
    ranks,
    responses,
    vectors,
)
from tianji.mock.faults import Faults, from_headers, from_model
from tianji.mock.http import Request
from tianji.mock.json import decode
from tianji.mock.kept import objects, tasks
from tianji.mock.script import Answer
from tianji.mock.sockets import dialogue

Make = Callable[[bytes, Faults], Answer]
MakeNamed = Callable[[str, bytes, Faults], Answer]
_IN_PATH = re.compile(r"/(?:deployments|engines|model)/([^/]+)/|/models/([^/]+):[a-zA-Z]+$")


class _Named(msgspec.Struct):
    model: str = ""


# By the path's end, so that any prefix serves: /v1, /openai/v1, /openai/deployments/NAME. The first that fits.
POST: tuple[tuple[str, Make], ...] = (
    ("/chat/completions", lambda body, faults: chat.chat(decode(body, chat.ChatRequest), faults)),
    ("/v2/chat", lambda body, faults: cohere.chat(decode(body, cohere.ChatRequest), faults)),
    ("/completions", lambda body, faults: chat.completion(decode(body, chat.CompletionRequest), faults)),
    ("/embeddings", lambda body, _: vectors.embeddings(decode(body, vectors.EmbeddingRequest))),
    ("/moderations", lambda body, _: vectors.moderations(decode(body, vectors.ModerationRequest))),
    ("/images/generations", lambda body, _: images.generations(decode(body, images.ImageRequest))),
    ("/images/edits", lambda body, _: images.edits_of_links(decode(body, images.ImageRequest))),
    ("/audio/speech", lambda body, _: audio.speech(decode(body, audio.SpeechRequest))),
    ("/ocr", lambda body, _: tasks.ocr(decode(body, tasks.OcrRequest))),
    ("/rerank", lambda body, _: ranks.rerank(decode(body, ranks.RankRequest))),
    ("/responses", lambda body, faults: responses.responses(decode(body, responses.ResponsesRequest), faults)),
    ("/responses/compact", lambda body, _: responses.compact(decode(body, responses.ResponsesRequest))),
    ("/messages", lambda body, faults: messages.messages(decode(body, messages.MessagesRequest), faults)),
    ("/realtime/client_secrets", lambda body, _: Answer(body=dialogue.client_secret(body))),
    ("/realtime/sessions", lambda body, _: Answer(body=dialogue.session(body))),
    ("/realtime/transcription_sessions", lambda body, _: Answer(body=dialogue.transcription_session(body))),
    ("/messages/count_tokens", lambda body, _: messages.count_tokens(decode(body, messages.MessagesRequest))),
)

# Those whose requests are forms with files; what comes as JSON all the same is looked for above.
FORMS: tuple[tuple[str, Callable[[forms.Form], Answer]], ...] = (
    ("/images/edits", images.edits),
    ("/images/variations", images.variations),
    ("/audio/transcriptions", audio.transcriptions),
    ("/audio/translations", audio.translations),
)

TOKEN_PATH = "/token"  # noqa: S105  where OAuth 2 gives access tokens (RFC 6749 section 5.1)
# Those whose path names the model, so that they are told it.
NAMED: tuple[tuple[str, MakeNamed], ...] = (
    (":generateContent", lambda model, body, faults: gemini.content(model, _contents(body), faults)),
    (":streamGenerateContent", lambda model, body, faults: gemini.streamed(model, _contents(body), faults)),
    (":countTokens", lambda _model, body, _faults: gemini.count_tokens(_contents(body))),
    (":rawPredict", lambda model, body, faults: hosted.plain(model, _hosted(body), faults)),
    (":streamRawPredict", lambda model, body, faults: hosted.streamed(model, _hosted(body), faults)),
    ("/invoke", lambda model, body, faults: hosted.plain(model, _hosted(body), faults)),
    ("/invoke-with-response-stream", lambda model, body, faults: hosted.wrapped(model, _hosted(body), faults)),
    ("/converse", lambda model, body, faults: bedrock.converse(model, _conversation(body), faults)),
    ("/converse-stream", lambda model, body, faults: bedrock.streamed(model, _conversation(body), faults)),
)


def _contents(body: bytes) -> gemini.ContentRequest:
    return decode(body, gemini.ContentRequest)


def _conversation(body: bytes) -> bedrock.ConverseRequest:
    return decode(body, bedrock.ConverseRequest)


def _hosted(body: bytes) -> hosted.HostedRequest:
    return decode(body, hosted.HostedRequest)


def model_of(request: Request) -> str:
    """Return the model that a request names, in its path or its body, or without one in its query; empty for none."""
    found = _IN_PATH.search(request.head.path)
    if found:
        return found[1] or found[2]
    if not request.body:
        query = parse_qs(request.head.query)
        return (query.get("model") or query.get("deployment") or [""])[0]
    try:
        if forms.is_form(request):
            return forms.read(request).text("model")
        return msgspec.json.decode(request.body, type=_Named).model
    except msgspec.DecodeError:
        return ""


def requested_faults(request: Request, defaults: Faults, rule: Callable[[str], Faults]) -> Faults:
    """Merge what the sources say; `rule` gives the control rule's faults for a model. Raises InvalidRequest."""
    model = model_of(request)
    faults = rule(model).over(from_model(model).over(defaults))
    return from_headers(request.head.headers).over(faults) if request.head.mocked else faults


def answer(request: Request, faults: Faults, models: tuple[str, ...], shelf: objects.Shelf) -> Answer:
    """Answer a request; errors too, in the shape of the path's dialect. `shelf`: what earlier requests have made."""
    path = request.head.path
    try:
        if faults.status is not None and faults.status >= 400:
            return error_answer(path, faults.status, f"Mock fault: status {faults.status}")
        if objects.serves(path):
            return shelf.answer(request)
        return _of_form(request) or _route(request, faults, models)
    except TianjiError as error:
        return error_answer(path, error.status, error.message)


def _of_form(request: Request) -> Answer | None:
    """Answer a form; None where the request is none, or its path takes none."""
    if request.head.method == "POST" and forms.is_form(request):
        for end, make in FORMS:
            if request.head.path.endswith(end):
                return make(forms.read(request))
    return None


def _asked(request: Request, faults: Faults) -> Callable[[], Answer] | None:
    """Return what answers a question to a model; None where the path is none of those."""
    for end, make in POST:
        if request.head.path.endswith(end):
            return lambda: make(request.body, faults)
    for end, make_named in NAMED:
        if request.head.path.endswith(end):
            return lambda: make_named(model_of(request), request.body, faults)
    return None


def _route(request: Request, faults: Faults, models: tuple[str, ...]) -> Answer:
    method, path = request.head.method, request.head.path
    if (asked := _asked(request, faults)) is not None:
        if method != "POST":
            raise MethodNotAllowed(f"{path} takes POST", ("POST",))
        return asked()
    if path == TOKEN_PATH and method == "POST":
        return Answer(body=b'{"access_token":"mock-token","expires_in":3600,"token_type":"Bearer"}')
    if method not in ("GET", "HEAD"):
        raise RouteNotFound(f"The mock has no route {method} {path}")
    if path.endswith("/models"):
        return vectors.model_list(models)
    if "/models/" in path:
        return vectors.model_entry(path.partition("/models/")[2])
    if path in ("/", "/health"):
        return Answer(body=b'{"status":"ok"}')
    raise RouteNotFound(f"The mock has no route {method} {path}")


_TYPES: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def error_answer(path: str, status: int, message: str) -> Answer:
    """Return an error in the shape of the path's dialect."""
    if _IN_PATH.search(path) and path.rpartition(":")[2].endswith(("Content", "Tokens")):
        return Answer(status=status, body=gemini.error_body(status, message))
    if "/messages" in path or path.endswith("Predict"):
        return Answer(status=status, body=messages.error_body(status, message))
    if path.startswith("/model/"):
        return Answer(status=status, body=bedrock.error_body(message))
    kind, code = _TYPES.get(status, ("invalid_request_error" if status < 500 else "server_error", None))
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    return Answer(status=status, body=msgspec.json.encode({"error": error}))
