"""A stream of events as hooks see it: JSON objects that come one after another, and events again after them."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import msgspec

from tianji.errors import TianjiError, UpstreamProtocolError
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.overhearing import Overhearing
from tianji.gateway.hooking.registered import Method
from tianji.guardrails.slots.texts import Unreadable
from tianji.guardrails.streaming.events import Event, ServerSent
from tianji.hooks.standins import piece

ITERATORS = "async_post_call_streaming_iterator_hook"
PIECES = "async_post_call_streaming_hook"
OF_DEPLOYMENTS = "async_post_call_streaming_deployment_hook"

log = logging.getLogger("tianji.hooks")


class Source(Protocol):
    """Where the bytes of a stream come from."""

    async def take(self) -> tuple[bytes, bool]:
        """Wait for the next; (bytes, whether they are the last)."""


class Stream:
    """One stream. Comments are not handed on; `[DONE]` comes last again."""

    def __init__(
        self,
        source: Source,
        hooks: Callable[[str], tuple[Method, ...]],
        case: Case,
        overhearing: Overhearing | None = None,
    ) -> None:
        """`hooks`: those of a method."""
        self._source = source
        self._overhearing = overhearing
        self._hooks = hooks
        self._case = case
        self._named = False  # events have names, which are their types
        self._done = b""
        self._said = ""

    async def out(self) -> AsyncIterator[bytes]:
        """Yield the events as they go out. Raises HookRefused, HookFailed and UpstreamProtocolError."""
        pieces: AsyncIterator[Any] = self._pieces()
        for hook in self._hooks(ITERATORS):
            pieces = self._through(hook, pieces)
        async for one in pieces:
            shown = await self._looked_at(one)
            if shown is not None:
                yield self._event(shown)
        yield self._done

    async def _pieces(self) -> AsyncIterator[Any]:
        cutter, last = ServerSent(), False
        while not last:
            chunk, last = await self._source.take()
            try:
                events = [*cutter.feed(chunk), *(cutter.end() if last else ())]
            except Unreadable as error:
                raise UpstreamProtocolError("the answer cannot be read by the hooks of this gateway") from error
            for event in events:
                if isinstance(event.tree, dict):
                    self._named = self._named or event.before.startswith(b"event:")
                    yield await self._of_deployment(event.tree)
                else:
                    self._keep(event)

    async def _of_deployment(self, tree: dict[str, Any]) -> Any:
        """Return a piece as those leave it who look at what deployments send; one that fails leaves it as it is."""
        one = piece(tree)
        if self._overhearing is not None:
            self._overhearing.hear(piece(tree))
        for hook in self._hooks(OF_DEPLOYMENTS):
            try:
                said = await hook(self._case.given(response_chunk=one))
            except TianjiError as error:
                log.warning("the hook %s left a piece of a stream as it was: %s", hook.name, error.message)
                continue
            one = said if isinstance(said, Mapping) else one
        return one

    def _keep(self, event: Event) -> None:
        if not event.reading.idle:
            self._done = event.raw

    async def _through(self, hook: Method, pieces: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for one in await hook.stream(self._case.given(response=pieces)):
                yield one
        except Exception as error:
            raise hook.ending(error) from error

    async def _looked_at(self, one: Any) -> Any:
        """Show all that was said to those who look at each piece, and return the piece that goes out."""
        hooks = self._hooks(PIECES)
        if hooks and isinstance(one, Mapping):
            self._said += text_of(one)
        for hook in hooks:
            said = await hook(self._case.given(response=self._said))
            if isinstance(said, Mapping):
                one = said
        return one

    def _event(self, one: Any) -> bytes:
        if isinstance(one, str | bytes):
            return one.encode() if isinstance(one, str) else one
        kind = one.get("type") if self._named and isinstance(one, Mapping) else None
        name = b"event: " + kind.encode() + b"\n" if isinstance(kind, str) else b""
        return name + b"data: " + msgspec.json.encode(one) + b"\n\n"


def text_of(one: Mapping[str, Any]) -> str:
    """Return the text that a piece adds, in the form of any dialect."""
    choices, delta, candidates = one.get("choices"), one.get("delta"), one.get("candidates")
    if isinstance(choices, list):
        return "".join(_of_choice(choice) for choice in choices if isinstance(choice, Mapping))
    if isinstance(candidates, list):
        contents = [found.get("content") for found in candidates if isinstance(found, Mapping)]
        parts = [part for content in contents if isinstance(content, Mapping) for part in content.get("parts") or ()]
        return "".join(_text(part.get("text")) for part in parts if isinstance(part, Mapping))
    if isinstance(delta, Mapping):
        return _text(delta.get("text"))
    return _text(delta) if str(one.get("type", "")).endswith("output_text.delta") else ""


def _of_choice(choice: Mapping[str, Any]) -> str:
    delta = choice.get("delta")
    return _text(delta.get("content") if isinstance(delta, Mapping) else choice.get("text"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
