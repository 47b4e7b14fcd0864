"""Rows of the route table for conversations. What serves them is loaded with the first of them."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.carriage import Carriage
from tianji.auth.access import Access, Tenant
from tianji.edge.routes import Match, Route
from tianji.lazy import load
from tianji.realtime.means import Means

_VERSIONS: Final = ("v1beta", "v1alpha")
PATHS: Final = ("/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime")
CALLS: Final = tuple(f"{path}/calls" for path in PATHS[:3])
RESPONSES: Final = ("/v1/responses", "/responses", "/openai/v1/responses")
LIVE: Final = (
    *(f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent" for version in _VERSIONS),
    *(f"/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent" for version in ("v1", "v1beta1")),
    "/vertex_ai/live",
)
SECRETS: Final = {  # ends of paths of POST requests: what they make
    "client_secrets": "Make a secret of short life, with which a page can begin a conversation.",
    "sessions": "Make a session with such a secret, as the beta form of the API has it.",
    "transcription_sessions": "Make one in which what is said is written down, and nobody answers.",
}
_CALLING: Final = "webrtc.calls"  # the module that holds calls
_OF_CALL: Final = {
    "model": "with whom, where neither `session` nor the secret says it",
    "webrtcfilter": "of Azure: `on`: the page hears of few events",
}
_QUERY: Final = {
    "model": "with whom",
    "deployment": "the same, in Azure's form",
    "intent": "`transcription`: nobody answers, and no model need be named",
    "call_id": "a call over WebRTC to hear, in place of a conversation of its own",
}


class Realtime:
    """The routes of one worker."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._watch: Any = None  # of all of them
        self._serving: dict[str, Any] = {}

    def routes(self) -> Iterator[Route]:
        """Yield the rows."""
        for path in PATHS:
            yield Route(
                ("GET",),
                path,
                self._converse,
                Access.KEY,
                Tenant.CALLER,
                "Talk to a model over a WebSocket, as OpenAI's realtime API does.",
                ("models", "conversations"),
                query=_QUERY,
            )
            yield from self._secrets(path)
        yield from self._calls()
        for path in RESPONSES:
            yield Route(
                ("GET",),
                path,
                self._respond,
                Access.KEY,
                Tenant.CALLER,
                "Have responses made over a WebSocket, one event `response.create` each.",
                ("models",),
                query={"model": "of events that name none"},
            )
        for path in LIVE:
            yield Route(
                ("GET",),
                path,
                self._live,
                Access.KEY,
                Tenant.CALLER,
                "Talk to a model over a WebSocket, as Google's Live API does.",
                ("models",),
            )

    def _secrets(self, path: str) -> Iterator[Route]:
        for end, summary in SECRETS.items():
            yield Route(
                ("POST",),
                f"{path}/{end}",
                self._mint,
                Access.KEY,
                Tenant.CALLER,
                summary,
                ("models",),
                request_schema={"type": "object", "additionalProperties": True},
            )

    def _calls(self) -> Iterator[Route]:
        for path in CALLS:
            yield Route(
                ("POST",),
                path,
                self._call,
                Access.KEY,
                Tenant.CALLER,
                "Begin a call over WebRTC: an offer of SDP gets its answer, and `location` has the call.",
                ("models", "conversations"),
                query=_OF_CALL,
            )
            yield Route(
                ("POST",),
                f"{path}/{{call_id}}/hangup",
                self._hang_up,
                Access.KEY,
                Tenant.CALLER,
                "End a call.",
                ("models", "conversations"),
            )

    async def close(self) -> None:
        """End what is not over. Called when nobody is served any more, and there still are a ledger and upstreams."""
        if _CALLING in self._serving:
            await self._serving[_CALLING].close()
        if self._watch is not None:
            self._watch.close()

    def lead(self, carriage: Carriage, exchange: Exchange, match: Match) -> None:
        """Begin a conversation that goes through as it is, or refuse it; where it goes the carriage knows."""
        self._of("tunnels", "Tunnels", self._watching()).open(carriage, exchange, match)

    def _converse(self, exchange: Exchange, match: Match) -> None:
        self._of("conversations", "Conversations", self._watching()).open(exchange, match)

    def _respond(self, exchange: Exchange, match: Match) -> None:
        self._of("responses.responding", "Responding", self._watching()).open(exchange, match)

    def _live(self, exchange: Exchange, match: Match) -> None:
        self._of("live", "Live", self._watching()).open(exchange, match)

    def _call(self, exchange: Exchange, match: Match) -> None:
        self._of(_CALLING, "Calls", self._watching()).open(exchange, match)

    async def _hang_up(self, exchange: Exchange, match: Match) -> None:
        await self._of(_CALLING, "Calls", self._watching()).hang_up(exchange, match)

    def _mint(self, exchange: Exchange, match: Match) -> None:
        self._of("minting", "Mint").open(exchange, match)

    def _watching(self) -> Any:
        if self._watch is None:
            self._watch = load("tianji.realtime.watching").Watch(self._means, asyncio.get_running_loop())
        return self._watch

    def _of(self, module: str, name: str, *others: Any) -> Any:
        if module not in self._serving:
            self._serving[module] = getattr(load(f"tianji.realtime.{module}"), name)(self._means, *others)
        return self._serving[module]
