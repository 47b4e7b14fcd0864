"""A prompt is tried before it is kept: rendered and sent to its model, and files of prompts become JSON."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.forward import Endpoint
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import ConfigurationError, InvalidRequest, MalformedJSON, SchemaViolation
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.lazy import load
from tianji.protocol.multipart import Reader, boundary_of


class _Trial(msgspec.Struct):
    dotprompt_content: str
    prompt_variables: dict[str, Any] = {}
    conversation_history: list[dict[str, Any]] = []


class PromptTrials:
    """The routes. `chat`: what serves chat."""

    def __init__(self, chat: Callable[[], Endpoint]) -> None:
        self._chat = chat

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path, handler, summary in (
            ("/prompts/test", self._test, "Have a prompt answered before it is kept."),
            ("/utils/dotprompt_json_converter", self._convert, "Read a .prompt file as JSON."),
        ):
            yield Route(("POST",), path, handler, Access.KEY, Tenant.CALLER, summary, ("prompts",))

    async def _test(self, exchange: Exchange, _match: Match) -> None:
        try:
            trial = msgspec.json.decode(exchange.body, type=_Trial)
        except msgspec.ValidationError as error:
            raise SchemaViolation(str(error), ("body",)) from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MalformedJSON(f"the body is not JSON: {error}") from None
        filled = _read(trial.dotprompt_content).fill(trial.prompt_variables)
        if not filled.model:
            raise InvalidRequest("the prompt names no `model` between its lines of dashes", param="dotprompt_content")
        messages = filled.messages
        if trial.conversation_history:
            messages = [one for one in messages if one["role"] == "system"] + trial.conversation_history
        exchange.body = msgspec.json.encode(
            {**filled.params, "model": filled.model, "messages": messages, "stream": True}
        )
        self._chat()(exchange, NO_MATCH)

    async def _convert(self, exchange: Exchange, _match: Match) -> None:
        boundary = boundary_of(exchange.header(b"content-type"))
        if boundary is None:
            raise InvalidRequest("send the file as multipart/form-data")
        reader = Reader(boundary)
        reader.feed(exchange.body)
        file = next((part for part in reader.close() if part.text is None), None)
        name = PurePosixPath("" if file is None else file.filename or "")
        if file is None or name.suffix != ".prompt":
            raise InvalidRequest("send one file whose name ends in .prompt", param="file")
        try:
            found = _read(exchange.body[file.at : file.at + file.size].decode())
        except UnicodeDecodeError as error:
            raise InvalidRequest("the file is not UTF-8", param="file") from error
        told = {"content": found.content, "metadata": found.metadata}
        respond_json(exchange, {"prompt_id": name.stem, "json_data": told})


def _read(text: str) -> Any:
    try:
        return load("tianji.prompts.dotprompt").read(text)
    except ConfigurationError as error:
        raise InvalidRequest(f"the prompt cannot be read: {error.message}", param="dotprompt_content") from error
