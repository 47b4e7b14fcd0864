"""Asks for a prediction of Replicate's and looks at it until it is done; a stream says what it has grown by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji.clock import SYSTEM
from tianji.egress.inside import Asked, Inside, Reply
from tianji.errors import TianjiError, UpstreamConnectFailed, UpstreamProtocolError
from tianji.lazy import load
from tianji.protocol.chat.answer import Chunk, Delta
from tianji.protocol.chat.chunks import Chunks
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import excerpt_of, without_none
from tianji.protocol.chat.words import prompt_of
from tianji.protocol.openai.requests import read_request
from tianji.providers.address import same_place

_TIMEOUTS: Final = Timeouts(connect=10.0, between_chunks=90.0)
_PAUSE: Final = 0.5  # seconds between two looks at a prediction
_FINISHED: Final = frozenset({"succeeded", "failed", "canceled", "aborted"})
_FINISH: Final = {"succeeded": "stop"}
_DONE: Final = b"data: [DONE]\n\n"
Json = dict[str, Any]


class Model(Struct, frozen=True):
    """What is asked, where, and which version of it the request names."""

    provider: str
    name: str
    url: str
    version: str | None


class _Prediction(Struct):
    """What Replicate says of a prediction; its output is a text, or a list of the pieces of one."""

    status: str = ""
    output: Any = None
    error: Any = None
    urls: dict[str, str] = {}

    @property
    def text(self) -> str:
        """What was made so far."""
        if isinstance(self.output, list):
            return "".join(piece for piece in self.output if isinstance(piece, str))
        return self.output if isinstance(self.output, str) else ""


class _RefusalError(Exception):
    """An answer of Replicate that is an error, to be handed on."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self.status = status
        self.body = body


def asking(model: Model, headers: Mapping[str, str]) -> Callable[[Asked, Reply], Awaitable[None]]:
    """Return what answers a call of a deployment. It raises UpstreamFailure alone."""
    return _Asking(model, headers).answer


def inside(model: Model, headers: Mapping[str, str]) -> Inside:
    """Return what answers the calls of a deployment."""
    return Inside(asking(model, headers))


class _Asking:
    """One deployment."""

    def __init__(self, model: Model, headers: Mapping[str, str]) -> None:
        self._model = model
        self._headers = {"content-type": "application/json", **headers}

    async def answer(self, asked: Asked, reply: Reply) -> None:
        """Answer a chat request. Raises UpstreamFailure."""
        try:
            request = read_request(asked.body)
            target = Target(provider=self._model.provider, model=self._model.name)
            body = msgspec.json.encode(
                without_none({"input": input_of(request, target), "version": self._model.version})
            )
            chunks = Chunks(target, SYSTEM)
            async with load("tianji.egress.client").open_client(_TIMEOUTS) as client:
                looks = self._looks(client, body)
                if request.stream:
                    await _stream(looks, chunks, reply)
                else:
                    found = [chunk async for chunk in _told(looks, chunks)]
                    reply.whole(msgspec.json.encode(chunks.whole(found, b"")))
        except _RefusalError as refusal:
            await _refuse(refusal.status, refusal.body, reply)
        except (load("httpx").HTTPError, load("httpx").InvalidURL) as error:
            raise UpstreamConnectFailed(f"Replicate cannot be reached: {type(error).__name__}") from error
        except TianjiError as error:
            if error.status >= 500:
                raise
            await _refuse(error.status, msgspec.json.encode({"error": {"message": error.message}}), reply)

    async def _looks(self, client: Any, body: bytes) -> AsyncIterator[_Prediction]:
        """Yield the prediction as it is, until it is done."""
        found = _read(await client.request("POST", self._model.url, headers=self._headers, content=body))
        yield found
        where = found.urls.get("get", "")
        while found.status not in _FINISHED:
            if not same_place(where, _origin(self._model.url)):
                raise UpstreamProtocolError("replicate names no place of its own where its prediction can be looked at")
            await asyncio.sleep(_PAUSE)
            found = _read(await client.request("GET", where, headers=self._headers))
            yield found


def input_of(request: Request, target: Target) -> Json:
    """Return what a model is given: the words of the system apart from those of everybody else."""
    system = [message for message in request.messages if message.role in ("system", "developer")]
    others = [message for message in request.messages if message.role not in ("system", "developer")]
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    stops = [request.stop] if isinstance(request.stop, str) else request.stop
    return without_none(
        {
            "prompt": prompt_of(others, target.provider),
            "system_prompt": prompt_of(system, target.provider) or None,
            "max_tokens": limit,
            "max_new_tokens": limit,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "seed": request.seed,
            "stop_sequences": ",".join(stops) if stops else None,
            **(request.extra or {}),
        }
    )


async def _told(looks: AsyncIterator[_Prediction], chunks: Chunks) -> AsyncIterator[Chunk]:
    """Yield what is new with each look, and the end."""
    said = 0
    async for found in looks:
        text = found.text
        if found.status in _FINISHED and found.status != "succeeded":
            why = {"message": f"the prediction {found.status}: {found.error or 'without a reason'}", "code": "500"}
            raise _RefusalError(500, msgspec.json.encode({"error": why}))
        for chunk in chunks.said(Delta(content=text[said:])) if text[said:] else ():
            yield chunk
        said = len(text)
        if found.status == "succeeded":
            for chunk in chunks.ended("succeeded", _FINISH, None, None):
                yield chunk


async def _stream(looks: AsyncIterator[_Prediction], chunks: Chunks, reply: Reply) -> None:
    async for chunk in _told(looks, chunks):
        await reply.send(b"data: " + msgspec.json.encode(chunk) + b"\n\n")
    await reply.send(_DONE)
    reply.end()


async def _refuse(status: int, body: bytes, reply: Reply) -> None:
    if reply.begun:
        await reply.send(b"data: " + body.replace(b"\n", b" ") + b"\n\n")
        reply.end()
    else:
        reply.whole(body, status)


def _read(answer: Any) -> _Prediction:
    if answer.status_code >= 300:
        raise _RefusalError(answer.status_code, answer.content)
    try:
        return msgspec.json.decode(answer.content, type=_Prediction)
    except (msgspec.DecodeError, RecursionError) as error:
        why = f"replicate sent an answer that cannot be read: {error}"
        raise UpstreamProtocolError(why, excerpt=excerpt_of(answer.content)) from error


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
