"""The way of a request whose client and upstream speak different forms: by the hub's, or from memory."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.bodies.frames import RequestForm, Sighting
from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.shaping import shape_body
from tianji._core.routing.router import Plan
from tianji._core.streams.remembered import RememberedRequests, Translated, Written
from tianji.errors import UnsupportedParams
from tianji.gateway.compiled.reshaping import reshaped
from tianji.gateway.translation.learning import Made, learn
from tianji.gateway.translation.passages import CHAT, CHATS, GOOGLE, Place, Request, Sought, codec, given
from tianji.gateway.translation.retelling import Teller
from tianji.protocol.chat.documents import as_files
from tianji.protocol.chat.request import Request as ChatRequest
from tianji.protocol.chat.seam import Outbound, Target
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.requests import forget_private, read_request, write_request

AGENTS: Final = (b"claude-cli/", b"codex_")
"""How the user agents of Claude Code and Codex begin. They say what their vendor's models take, to whichever model they
are pointed at, and nobody can have them leave it out; so what a model cannot take is dropped, unless somebody has said.
"""
MANY: Final = 256
MARK: Final = b'"cache_control"'
"""What a body holds that says what of it may be kept for the next one."""
_FORMS: Final[Mapping[str, RequestForm]] = {
    CHAT: RequestForm(b"messages", b"content"),
    "tianji.dialects.messages": RequestForm(b"messages", b"content", (b"system",)),
    GOOGLE: RequestForm(b"contents", b"parts", (b"systemInstruction", b"system_instruction"), True),
    "tianji.dialects.responses": RequestForm(b"input", b"content", (b"input",)),
}
"""Where requests have their texts, by the dialects that hand all texts on alike, but for white space at their edges."""
_ALIKE: Final = frozenset(
    {
        None,
        "tianji.protocol.anthropic.outbound",
        "tianji.protocol.anthropic.vertex",
        "tianji.protocol.bedrock.invoke",
        "tianji.protocol.bedrock.outbound",
        "tianji.protocol.cohere.outbound",
        "tianji.protocol.gemini.outbound",
        "tianji.protocol.responses.outbound",
    }
)
"""The protocols that do so, too, and whose outbounds serve any number of attempts."""
CITING: Final = frozenset(
    {
        "tianji.protocol.anthropic.outbound",
        "tianji.protocol.anthropic.vertex",
        "tianji.protocol.bedrock.invoke",
        "tianji.protocol.bedrock.outbound",
        "tianji.protocol.cohere.outbound",
    }
)
"""The protocols that have documents of which an answer can say what it has from them."""


def form_of(dialect: str, protocol: str | None) -> RequestForm | None:
    """Return where requests have their texts; None where each has to be read."""
    return _FORMS.get(dialect) if protocol in _ALIKE else None


class Shortened(Struct, frozen=True):
    """A request without what its upstream keeps of it, if that is known. waits, lost: see Passing."""

    body: bytes
    waits: Any = None
    lost: Callable[[bytes], bool] | None = None


class Prefixes(Protocol):
    """What an upstream keeps of requests: gateway.prefixes."""

    def shortened(self, request: ChatRequest, body: bytes, target: Target) -> Shortened:
        """Return the body of a request, as far as the upstream does not have it."""


class Pair(Struct, frozen=True):
    """A client's form and an upstream's: `dialect` and `protocol` are the modules of their codecs.

    protocol: None for an upstream that speaks OpenAI's, at `suffix`. facts: what the catalogue knows of a model.
    """

    dialect: str
    protocol: str | None
    provider: str
    facts: Callable[[str], Mapping[str, object]]
    suffix: str = ""
    modify_params: bool = False


class Translation(RememberedRequests):
    """Between a client and an upstream of different forms. prefixes: what the upstream keeps; None: nothing."""

    def __init__(self, pair: Pair, place: Place, teller: Teller, prefixes: Prefixes | None = None) -> None:
        form, mark = form_of(pair.dialect, pair.protocol), None if prefixes is None else MARK
        super().__init__(teller, form, pair.dialect == GOOGLE, place.sign, mark)
        self.pair = pair
        self.prefixes = prefixes
        self.place = place
        self._answers = teller
        self._targets: dict[tuple[bytes, bool | None, frozenset[str]], Target] = {}

    def begin_marked(self, plan: Plan, sought: Sought, model: bytes, head: bytes, as_array: bool) -> Translated:
        """Write a request of which the upstream may keep a part; what it is like depends on what is kept."""
        if self.prefixes is None:
            raise RuntimeError("this upstream keeps nothing of requests")
        drops = self.drops(plan, sought)
        written = self._write(plan, sought, model, given(sought).source, drops=drops, as_array=as_array)
        kept = self.prefixes.shortened(written.inbound.request, written.outbound.body, self._target(plan, model))
        translated = self.under_way(written, self.send(written, plan, head, kept.body), sought)
        translated.waits, translated.lost = kept.waits, kept.lost
        return translated

    def drops(self, plan: Plan, sought: Sought) -> bool:
        """Tell whether what cannot be said to the upstream is left out for this client."""
        return plan.shaping.drop_params is None and is_agent(sought.exchange)

    def read(
        self, plan: Plan, sought: Sought, model: bytes, sighting: Sighting | None, drops: bool, as_array: bool
    ) -> Written:
        """Write a request that is read, and learn from it if one like it was there before.

        drops: leave out what cannot be said, should that be needed. Raises InvalidRequest and UnsupportedParams.
        """

        def write(body: bytes) -> Written:
            return self._write(plan, sought, model, body, drops=drops, as_array=as_array)

        def make(body: bytes, _now: int) -> Made:
            found = write(body)
            return Made(found, (found.outbound.body, found.begun))

        written = write(given(sought).source)
        if self.form is not None and sighting is not None and sighting.again and sighting.frame is None:
            learn(self.teller.frames, self.form, sighting, (written.outbound.body, written.begun), make)
        return written

    def send(self, written: Written, plan: Plan, head: bytes, body: bytes) -> Request:
        """Return what goes out: `body`, behind a head that may be another than the plan's."""
        if head is plan.head:
            return self.place.finished(written.begun, written.target, body)
        return self.place.request(head, written.outbound.suffix, written.outbound.headers, body)

    def _write(
        self, plan: Plan, sought: Sought, model: bytes, body: bytes, *, drops: bool, as_array: bool
    ) -> Written:  # fmt: skip
        try:
            return self._write_as(plan, sought, model, body, as_array=as_array)
        except UnsupportedParams:
            if not drops:
                raise
        dropping = reshaped(plan, drop_params=True, additional=(), allowed=())
        return self._write_as(dropping, sought, model, body, as_array=as_array)

    def _write_as(self, plan: Plan, sought: Sought, model: bytes, body: bytes, *, as_array: bool) -> Written:
        inbound: Any = None
        read = codec(self.pair.dialect).inbound
        if self.pair.dialect not in CHATS:
            inbound = read(body, sought.model, sought.stream)
            if self.pair.protocol not in CITING:
                as_files(inbound.request)
            if self.pair.protocol is None:
                forget_private(inbound.request, self._target(plan, model))
            if as_array:
                inbound.as_array = True
            body = write_request(inbound.request)
        body = shape_body(plan, scan(body), model, sought.stream).body
        if inbound is None:
            inbound = read(body, sought.model, sought.stream)
            request = inbound.request
            if self.pair.protocol not in CITING:
                as_files(request)
        else:
            request = inbound.request if self.pair.protocol is None else read_request(body)
        outbound: Outbound
        if self.pair.protocol is None:
            outbound = OpenAIOutbound(body, self.pair.suffix, self._target(plan, model))
        else:
            outbound = codec(self.pair.protocol).outbound(request, self._target(plan, model))
        if sought.table.shows_usage:
            inbound.request.stream_options = {"include_usage": True}
        suffix = outbound.suffix
        begun = self.place.begun(plan.head, suffix, outbound.headers)
        answers = self._answers.telling(inbound, outbound, sought.model_json)
        return Written(inbound, outbound, self.place.target(suffix), begun, answers)

    def _target(self, plan: Plan, model: bytes) -> Target:
        key = (model, plan.shaping.drop_params, plan.shaping.allowed)
        found = self._targets.get(key)
        if found is None:
            if len(self._targets) >= MANY:  # somebody asks for names without end
                self._targets.clear()
            found = self._targets[key] = self._find_target(plan, model)
        return found

    def _find_target(self, plan: Plan, model: bytes) -> Target:
        name: str = msgspec.json.decode(model)
        facts = self.pair.facts(name)
        most = facts.get("max_output_tokens")
        return Target(
            provider=self.pair.provider,
            model=name,
            drop_params=bool(plan.shaping.drop_params),
            modify_params=self.pair.modify_params,
            allowed=plan.shaping.allowed,
            max_output_tokens=most if isinstance(most, int) else None,
            facts=facts,
        )


def is_agent(exchange: Exchange) -> bool:
    """Tell whether a client is one of those that say what their vendor's models take."""
    return (exchange.header(b"user-agent") or b"").startswith(AGENTS)
