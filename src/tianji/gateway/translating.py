"""The way of a request whose client and upstream speak different forms: by the hub's, or from memory."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.aws_events import AwsEvents
from tianji._core.exchange import Exchange
from tianji._core.frames import RequestForm, Sighting
from tianji._core.router import Plan
from tianji._core.shaping import shape_body
from tianji._core.spans import scan
from tianji._core.stream import AnswerStream
from tianji._core.translated import TranslatedStream
from tianji._core.usage import Usage, read_usage
from tianji.errors import UnsupportedParams
from tianji.gateway.learning import Made, learn
from tianji.gateway.passages import ARRAY, CHAT, EVENTS, GOOGLE, Place, Request, Sought, codec, given, wants_array
from tianji.gateway.reshaping import reshaped
from tianji.gateway.retelling import Teller, Telling
from tianji.protocol.bedrock.event_stream import event_of
from tianji.protocol.chat.documents import as_files
from tianji.protocol.chat.seam import Framing, Inbound, Outbound, Target
from tianji.protocol.framing import JsonLines, Pieces
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.requests import forget_private, read_request, write_request

AGENTS: Final = (b"claude-cli/", b"codex_")
"""How the user agents of Claude Code and Codex begin. They say what their vendor's models take, to whichever model they
are pointed at, and nobody can have them leave it out; so what a model cannot take is dropped, unless somebody has said.
"""
MANY: Final = 256
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


class Framer(Protocol):
    """Cuts the body of an answer into events."""

    def feed(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """Take the next bytes; return the events that are whole, name and data. Raises UpstreamProtocolError."""


class Shape(Struct, frozen=True):
    """What a framing looks like: the types of content it has, and what cuts it; None where that is compiled."""

    content_types: tuple[bytes, ...]
    framer: Callable[[], Framer] | None


FRAMINGS: Final[Mapping[Framing, Shape]] = {
    "sse": Shape((EVENTS,), None),
    "aws": Shape((b"application/vnd.amazon.eventstream",), partial(AwsEvents, event_of)),
    "whole": Shape((b"application/json",), Pieces),
    "json-lines": Shape((b"application/x-ndjson", b"application/jsonl", b"application/json"), JsonLines),
}


class Written(Struct, frozen=True):
    """A request in both forms. begun: its head, made of the plan's with `target` for one, but for its length.

    answers: how whole answers to it are told.
    """

    inbound: Any
    outbound: Outbound
    target: str
    begun: bytes
    answers: Telling


class Translation(Struct, frozen=True):
    """Between a client and an upstream of different forms: `dialect` and `protocol` are the modules of their codecs.

    protocol: None for an upstream that speaks OpenAI's, at `suffix`. facts: what the catalogue knows of a model.
    form: where requests have their texts; None where each has to be read. targets: what was found of models, by their
    names as JSON and what is dropped for them.
    """

    dialect: str
    protocol: str | None
    provider: str
    facts: Callable[[str], Mapping[str, object]]
    place: Place
    teller: Teller
    suffix: str = ""
    modify_params: bool = False
    form: RequestForm | None = None
    targets: dict[tuple[bytes, bool | None, frozenset[str]], Target] = {}

    def begin(self, plan: Plan, sought: Sought, model: bytes, head: bytes) -> "Translated":
        """Write the request. Raises InvalidRequest and UnsupportedParams."""
        body = given(sought).source
        form, sighting, drops = self.form, None, False
        as_array = self.dialect == GOOGLE and wants_array(sought)
        if form is not None:
            key = (plan, model, sought.model, sought.stream, sought.table.shows_usage, as_array, drops)
            sighting = self.teller.frames.look(form, body, key)
        if sighting is None or sighting.frame is None or sighting.frame.value is None:
            drops = plan.shaping.drop_params is None and is_agent(sought.exchange)
            if drops and form is not None:
                sighting = self.teller.frames.look(form, body, (*key[:-1], drops))
        if sighting is not None and (frame := sighting.frame) is not None and frame.value is not None:
            known: Written = frame.value
            inbound = known.inbound.again(len(body))
            if head is plan.head and self.place.sign is None:
                request: Request = sighting.request(frame.outputs[0], known.begun)
            elif head is plan.head:
                request = self.place.finished(known.begun, known.target, sighting.fill(frame.outputs[0], 0) or b"")
            else:
                request = self._request(known, plan, head, sighting.fill(frame.outputs[0], 0) or b"")
            return Translated(self.teller, known, inbound, request, sought.model_json)

        def write(body: bytes) -> Written:
            return self._write(plan, sought, model, body, drops=drops, as_array=as_array)

        written = write(body)
        if form is not None and sighting is not None and sighting.again and sighting.frame is None:
            self._learn(form, sighting, written, write)
        request = self._request(written, plan, head, written.outbound.body)
        return Translated(self.teller, written, written.inbound, request, sought.model_json)

    def _learn(
        self, form: RequestForm, sighting: Sighting, written: Written, write: Callable[[bytes], Written]
    ) -> None:
        def make(body: bytes, _now: int) -> Made:
            found = write(body)
            return Made(found, (found.outbound.body, found.begun))

        learn(self.teller.frames, form, sighting, (written.outbound.body, written.begun), make)

    def _request(self, written: Written, plan: Plan, head: bytes, body: bytes) -> Request:
        if head is plan.head:
            return self.place.finished(written.begun, written.target, body)
        return self.place.request(head, written.outbound.suffix, written.outbound.headers, body)

    def _write(
        self, plan: Plan, sought: Sought, model: bytes, body: bytes, *, drops: bool, as_array: bool
    ) -> Written:  # fmt: skip
        """Write a request. drops: leave out what cannot be said, should that be needed."""
        try:
            return self._write_as(plan, sought, model, body, as_array=as_array)
        except UnsupportedParams:
            if not drops:
                raise
        dropping = reshaped(plan, drop_params=True, additional=(), allowed=())
        return self._write_as(dropping, sought, model, body, as_array=as_array)

    def _write_as(self, plan: Plan, sought: Sought, model: bytes, body: bytes, *, as_array: bool) -> Written:
        inbound: Any = None
        read = codec(self.dialect).inbound
        if self.dialect != CHAT:
            inbound = read(body, sought.model, sought.stream)
            if self.protocol not in CITING:
                as_files(inbound.request)
            if self.protocol is None:
                forget_private(inbound.request, self._target(plan, model))
            if as_array:
                inbound.as_array = True
            body = write_request(inbound.request)
        body = shape_body(plan, scan(body), model, sought.stream).body
        if inbound is None:
            inbound = read(body, sought.model, sought.stream)
            request = inbound.request
            if self.protocol not in CITING:
                as_files(request)
        else:
            request = inbound.request if self.protocol is None else read_request(body)
        outbound: Outbound
        if self.protocol is None:
            outbound = OpenAIOutbound(body, self.suffix, self._target(plan, model))
        else:
            outbound = codec(self.protocol).outbound(request, self._target(plan, model))
        if sought.table.shows_usage:
            inbound.request.stream_options = {"include_usage": True}
        suffix = outbound.suffix
        begun = self.place.begun(plan.head, suffix, outbound.headers)
        return Written(inbound, outbound, self.place.target(suffix), begun, self.teller.telling(inbound, outbound))

    def _target(self, plan: Plan, model: bytes) -> Target:
        key = (model, plan.shaping.drop_params, plan.shaping.allowed)
        found = self.targets.get(key)
        if found is None:
            if len(self.targets) >= MANY:  # somebody asks for names without end
                self.targets.clear()
            found = self.targets[key] = self._find_target(plan, model)
        return found

    def _find_target(self, plan: Plan, model: bytes) -> Target:
        name: str = msgspec.json.decode(model)
        facts = self.facts(name)
        most = facts.get("max_output_tokens")
        return Target(
            provider=self.provider,
            model=name,
            drop_params=bool(plan.shaping.drop_params),
            modify_params=self.modify_params,
            allowed=plan.shaping.allowed,
            max_output_tokens=most if isinstance(most, int) else None,
            facts=facts,
        )


class Translated:
    """One request under way, written for its upstream. `filtered`: a content filter cut its answer.

    takes_lists: whether the upstream may answer with a JSON list.
    """

    __slots__ = ("_inbound", "_model", "_teller", "_written", "filtered", "request")
    measures = rates = None  # it costs tokens, and those what they usually do
    names_model: Final = True

    def __init__(self, teller: Teller, written: Written, inbound: Inbound, request: Request, model: bytes) -> None:
        self.request = request
        self.filtered = False
        self._teller = teller
        self._written = written
        self._inbound = inbound
        self._model = model

    @property
    def takes_lists(self) -> bool:
        """Whether the upstream may answer with a JSON list."""
        return getattr(self._written.outbound, "takes_lists", False)

    def stream(self, content_type: bytes) -> AnswerStream | None:
        """Return what reads a streamed answer of this type; None where the type says that it is none."""
        outbound = self._written.outbound
        shape = FRAMINGS[outbound.framing]
        if not content_type.startswith(shape.content_types):
            return None
        framer = None if shape.framer is None else shape.framer()
        model = msgspec.json.decode(self._model)
        kind = ARRAY if getattr(self._inbound, "as_array", False) else None
        return TranslatedStream(outbound.stream(), self._inbound.stream(), model, framer, kind)

    def answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return a whole answer as the client is to get it, and what it says of usage. Raises UpstreamProtocolError."""
        written = self._written
        told = self._teller.tell(written.answers, self._inbound, written.outbound, self._model, body)
        self.filtered = told.filtered
        return told.body, None if told.usage is None else read_usage(scan(told.usage))


def is_agent(exchange: Exchange) -> bool:
    """Tell whether a client is one of those that say what their vendor's models take."""
    return (exchange.header(b"user-agent") or b"").startswith(AGENTS)
