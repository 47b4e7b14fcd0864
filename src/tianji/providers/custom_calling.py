"""Calls of a custom provider's handler: what it is given, and how what it returns becomes OpenAI's form."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

import msgspec

from tianji.clock import SYSTEM
from tianji.egress.inside import Asked, Inside, Reply
from tianji.providers.deployment import Deployment
from tianji.providers.upstream import PATHS

Json = dict[str, Any]
_NOT_OPTIONS: Final = frozenset({"model", "messages", "input", "prompt", "stream"})
_END: Final = object()
_DONE: Final = b"data: [DONE]\n\n"


def inside(handler: Any, deployment: Deployment) -> Inside:
    """Return what answers the calls of a deployment by a handler."""
    return Inside(_Calling(handler, deployment).answer)


class _Calling:
    """One deployment of a handler."""

    def __init__(self, handler: Any, deployment: Deployment) -> None:
        self._handler = handler
        self._deployment = deployment

    async def answer(self, asked: Asked, reply: Reply) -> None:
        """Answer a call; whatever the handler raises is an answer too."""
        body: Json = msgspec.json.decode(asked.body)
        try:
            if asked.path == PATHS["embeddings"]:
                reply.whole(_encoded(plain(await self._embedded(body))))
            elif asked.path == PATHS["image_generation"]:
                reply.whole(_encoded(_pictures(await self._painted(body))))
            elif body.get("stream"):
                await self._stream(body, reply)
            else:
                reply.whole(_encoded(_whole(await self._completed(body), body)))
        except Exception as error:  # noqa: BLE001 - somebody else's code, which may raise anything
            await _failed(error, reply)

    async def _completed(self, body: Json) -> Any:
        given = self._given(body) | {"messages": body.get("messages")}
        return await self._call("acompletion", "completion", given)

    async def _embedded(self, body: Json) -> Any:
        return await self._call("aembedding", "embedding", self._given(body) | {"input": body.get("input")})

    async def _painted(self, body: Json) -> Any:
        given = self._given(body) | {"prompt": body.get("prompt")}
        return await self._call("aimage_generation", "image_generation", given)

    async def _call(self, awaited: str, threaded: str, given: Json) -> Any:
        method = getattr(self._handler, awaited, None)
        if method is not None:
            try:
                return await method(**given)
            except Exception as error:
                if not _is_not_there(error) or not hasattr(self._handler, threaded):
                    raise
        return await asyncio.to_thread(getattr(self._handler, threaded), **given)

    async def _stream(self, body: Json, reply: Reply) -> None:
        about: Json = {"id": f"chatcmpl-{os.urandom(12).hex()}", "object": "chat.completion.chunk"}
        about |= {"created": int(SYSTEM.now()), "model": self._deployment.model}
        ended = False
        async for piece in self._pieces(body):
            for chunk in _chunks(plain(piece), about):
                ended = ended or any(choice.get("finish_reason") for choice in chunk["choices"])
                await reply.send(b"data: " + _encoded(chunk) + b"\n\n")
        if not ended:
            last = {"index": 0, "delta": {}, "finish_reason": "stop"}
            await reply.send(b"data: " + _encoded({**about, "choices": [last]}) + b"\n\n")
        await reply.send(_DONE)
        reply.end()

    async def _pieces(self, body: Json) -> AsyncIterator[Any]:
        """Yield what the handler streams; one that does not stream says all at once."""
        given = self._given(body) | {"messages": body.get("messages")}
        for name in ("astreaming", "streaming"):
            method: Callable[..., Any] | None = getattr(self._handler, name, None)
            if method is None:
                continue
            try:
                pieces = method(**given)
                async for piece in pieces if hasattr(pieces, "__aiter__") else _in_a_thread(iter(pieces)):
                    yield piece
                return
            except Exception as error:
                if not _is_not_there(error):
                    raise
        yield _as_chunk(_whole(await self._completed(body), body))

    def _given(self, body: Json) -> Json:
        """Return the arguments that LiteLLM gives to a handler."""
        deployment = self._deployment
        return {
            "model": deployment.model,
            "api_base": deployment.api_base,
            "api_key": deployment.api_key,
            "optional_params": {name: value for name, value in body.items() if name not in _NOT_OPTIONS},
            "litellm_params": dict(deployment.params),
            "custom_prompt_dict": {},
            "model_response": _blank(deployment.model),
            "headers": dict(deployment.extra_headers),
            "timeout": None,
            "client": None,
            "encoding": None,
            "logging_obj": None,
            "logger_fn": None,
            "print_verbose": lambda *_: None,
        }


def plain(value: Any) -> Any:
    """Return what a handler gave as JSON has it: models of pydantic, namespaces, and what is in them."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_none=True)
    elif isinstance(value, SimpleNamespace):
        value = {name: inner for name, inner in vars(value).items() if inner is not None}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _whole(value: Any, body: Json) -> Json:
    """Return a whole answer; a text is what the assistant says."""
    found = plain(value)
    if isinstance(found, str):
        found = plain(_blank(str(body.get("model")), found))
    if not isinstance(found, dict) or not isinstance(found.get("choices"), list):
        raise TypeError(f"it gave a {type(value).__name__}, which is neither text nor an answer with choices")
    return found


def _pictures(value: Any) -> Json:
    """Return an answer with pictures."""
    found = plain(value)
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        raise TypeError(f"it gave a {type(value).__name__}, which is no answer with data")
    return {"created": int(SYSTEM.now()), **found}


def _chunks(piece: Any, about: Json) -> Iterator[Json]:
    """Yield a piece as chunks: LiteLLM's GenericStreamingChunk, one of OpenAI's, or a text."""
    if isinstance(piece, dict) and isinstance(piece.get("choices"), list):
        yield {**about, **piece}
        return
    generic = piece if isinstance(piece, dict) else {"text": piece if isinstance(piece, str) else ""}
    delta: Json = {"content": generic["text"]} if generic.get("text") else {}
    tool = generic.get("tool_use")
    if isinstance(tool, dict):
        delta["tool_calls"] = [{"index": 0, "type": "function", **tool}]
    reason = (generic.get("finish_reason") or "stop") if generic.get("is_finished") else None
    if delta or reason:
        yield {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    if isinstance(generic.get("usage"), dict):
        yield {**about, "choices": [], "usage": generic["usage"]}


def _as_chunk(answer: Json) -> Json:
    choices = [
        {
            "index": choice.get("index", at),
            "delta": choice.get("message") or {},
            "finish_reason": choice.get("finish_reason") or "stop",
        }
        for at, choice in enumerate(answer["choices"])
        if isinstance(choice, dict)
    ]
    return {"choices": choices} | ({"usage": answer["usage"]} if answer.get("usage") else {})


async def _in_a_thread(pieces: Iterator[Any]) -> AsyncIterator[Any]:
    while (piece := await asyncio.to_thread(next, pieces, _END)) is not _END:
        yield piece


async def _failed(error: Exception, reply: Reply) -> None:
    status = getattr(error, "status_code", 500)
    status = status if isinstance(status, int) and 400 <= status < 600 else 500
    said = {"message": f"{type(error).__name__}: {getattr(error, 'message', None) or error}", "code": str(status)}
    told = _encoded({"error": said})
    if reply.begun:
        await reply.send(b"data: " + told + b"\n\n")
        reply.end()
    else:
        reply.whole(told, status)


def _is_not_there(error: Exception) -> bool:
    """Tell whether a method is only LiteLLM's own, which says that somebody has to write it."""
    return isinstance(error, NotImplementedError) or getattr(error, "status_code", None) == 501


def _blank(model: str, text: str | None = None) -> SimpleNamespace:
    message = SimpleNamespace(role="assistant", content=text, tool_calls=None)
    choice = SimpleNamespace(index=0, message=message, finish_reason="stop")
    return SimpleNamespace(
        id=f"chatcmpl-{os.urandom(12).hex()}",
        object="chat.completion",
        created=int(SYSTEM.now()),
        model=model,
        choices=[choice],
        usage=None,
    )


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)
