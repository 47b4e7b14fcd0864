"""What a worker writes into its journal: entries of requests, and of what was said in them where that is wanted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji._core.journal.entries import Entries
from tianji._core.requests.asked import Asked
from tianji.auth.identity import Identity
from tianji.callbacks.discretion import unquoted
from tianji.config.environment import is_true, lookup
from tianji.config.schema import Config
from tianji.errors import MalformedJSON
from tianji.gateway.admission.parties import Beside, Parties, beside
from tianji.gateway.admission.telling import Heard, Tellings
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load
from tianji.ledger.awaited import Awaited, Place, recover
from tianji.ledger.entry import LARGE, Entry, Payload, Telling
from tianji.ledger.journal import Journal
from tianji.ledger.names import name
from tianji.ledger.payloads import LONGEST as SHORT
from tianji.ledger.payloads import messages_of, shortened, shortened_request

CALL_TYPES: Final = {  # operations as LiteLLM's table of spend calls them
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
    "moderations": "amoderation",
    "compact": "acompact_responses",
    "image_generation": "aimage_generation",
    "image_edit": "aimage_edit",
    "image_variation": "aimage_variation",
    "audio_speech": "aspeech",
    "transcription": "atranscription",
    "translation": "atranscription",
    "rerank": "arerank",
    "ocr": "aocr",
    "realtime": "_arealtime",
    "live": "_arealtime",
}
PROMETHEUS: Final = "prometheus"  # the callback whose families say what is left of providers' limits
MOST_TAGS: Final = 64  # of one request
LONGEST: Final = 1 << 20  # bytes of what was said; what is longer is left out, so that reading it holds up nobody

Said = tuple[bytes, bytes, bytes, bool, Telling | None, bytes]


class Party(Struct, frozen=True):
    """Whom a request is for besides its caller.

    request: where callbacks hear of it or what was said is kept; None there: the client wants no log
    """

    end_user: str | None
    session_id: str | None
    tags: tuple[str, ...]  # those of the client program, too
    request: Heard | None
    hides_peer: bool = False  # the address of the client is not kept
    agent: str | None = None  # what the client program calls itself
    spend: str | None = None  # JSON: what is noted of its spend


class Bookkeeping:
    """The journal of one worker in the data folder, which is made with the first entry, and what makes entries."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.journal = Journal(folder)
        self._awaited = Awaited(folder)
        self._folder = folder
        self.entries = Entries(
            journal=self.journal,
            party=self._party,
            agent=self._agent,
            words=self._has_words,
            said=self._said,
            confided=self.confided,
            call_types=CALL_TYPES,
            large=LARGE,
        )
        self.adopt(config)

    def recover(self) -> None:
        """Take in what a worker has left that was killed."""
        recover(self._folder, self.journal)

    def close(self) -> None:
        """End the journal."""
        self._awaited.close()
        self.journal.close()

    def adopt(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self._parties = Parties(config)
        self._longest = length_kept(config)
        self._heeds_quiet = not config.litellm_settings.global_disable_no_log_param
        self._tellings = Tellings(config)
        self._brings = brings(config)
        self._names_customers = not config.litellm_settings.disable_end_user_cost_tracking
        self.entries.hides_peers = config.general_settings.disable_requester_ip_address_logging
        self.entries.reads_limits = PROMETHEUS in named_in(config)
        watches = config.general_settings.alerting and config.general_settings.ratelimit_alert_threshold is not None
        self.entries.used = load("tianji.routing.quota").used if watches else None
        self.entries.says = self._longest > 0 or tells(config) or self._tellings.concerns_teams
        self.entries.whole = LONGEST if self._longest == LONGEST else 0
        self.entries.forget()

    def keeper(self, snapshot: Snapshot) -> Callable[[Entry], None] | None:
        """Return what takes entries of what happens beside requests; None where a configuration has no ledger."""
        return self.journal.append if keeps_books(snapshot.config, snapshot.environ) else None

    def hold(self, entry: list[Any]) -> Place | None:
        """Keep an entry that waits for what guardrails do, where killing the process does not lose it."""
        return self._awaited.hold(entry)

    def release(self, place: Place | None) -> None:
        """Take that such an entry is in the journal."""
        self._awaited.release(place)

    def retold(self, answer: bytes) -> bytes:
        """Return an answer as an entry keeps it, where the client got another one than was given."""
        return short(whole(answer) if len(answer) <= LONGEST else b"", self._longest)

    def beside(self, exchange: Exchange, request: bytes, answer: bytes) -> tuple[Party, Payload | None]:
        """Return whom what happens beside the pipeline is for, and what is kept of it, as of a request with that body.

        request: a JSON object; exchange: the client's, whose headers count
        """
        asked = beside(exchange, scan(request))
        party = self._party(asked)
        if not (self.entries.says or self._tellings.owner(exchange.identity)):
            return party, None
        heard = None if party.request is None else msgspec.structs.replace(party.request, body=request)
        return party, Payload(*self._said(heard, answer))

    def for_whom(self, exchange: Exchange) -> Party:
        """Return whom something is for that is done on the way of a request whose body is a JSON object."""
        return self._party(beside(exchange, scan(exchange.body)))

    def confided(self, asked: Asked | Beside, message: str, said: Any = None) -> str:
        """Return the message of an error, which may repeat what was said, as whoever is told of it may hear it.

        said: where the request's body does not say it as models are asked
        """
        if not self.hushed(asked):
            return message
        if said is None:
            body = asked.exchange.body
            messages = messages_of(body) if len(body) <= LONGEST else None
            said = msgspec.json.decode(messages) if messages else None
        return unquoted(message, said)

    def hushed(self, asked: Asked | Beside) -> bool:
        """Whether nobody is to be told what is said in a request."""
        return self._is_quiet(asked.spans) or self._tellings.redacts(asked.exchange, asked.spans)

    def hushed_beside(self, exchange: Exchange) -> bool:
        """Say the same of a request beside the pipeline, whose body is JSON or nothing that says anything of it."""
        try:
            return self.hushed(beside(exchange, scan(exchange.body)))
        except MalformedJSON:
            return self.hushed(beside(exchange))

    def _party(self, asked: Asked | Beside) -> Party:
        body = asked.spans
        parties = self._parties
        user = session = agent = None
        tags: tuple[str, ...] = ()
        if said := asked.exchange.agent():
            agent, tags = parties.agent(said)
        if body is not None:
            user = parties.customer(asked, body) if self._names_customers else None
            session = parties.session(asked, body)
        return Party(
            end_user=None if not user else name(user),
            session_id=None if not session else name(session),
            tags=tags if body is None else _with(parties.tags(asked, body), tags),
            request=self._tellings.heard(asked.exchange, body) if self._is_heard(asked, body) else None,
            hides_peer=self.entries.hides_peers,
            agent=agent,
            spend=parties.spend(asked, body),
        )

    def _agent(self, said: bytes) -> tuple[str, tuple[str, ...]]:
        return self._parties.agent(said)

    def _has_words(self, caller: Identity) -> bool:
        return self._tellings.has_words(caller)

    def _is_heard(self, asked: Asked | Beside, body: ObjectSpans | None) -> bool:
        told = self.entries.says or self._tellings.owner(asked.exchange.identity)
        return bool(told) and not self._is_quiet(body)

    def _is_quiet(self, body: ObjectSpans | None) -> bool:
        return self._heeds_quiet and body is not None and body.get(b"no-log") == b"true"

    def _said(self, heard: Heard | None, answer: bytes | list[bytes] | None) -> Said:
        """Return the members of an entry's Payload."""
        if heard is None:
            return b"", b"", b"", True, None, b""
        owned = heard.telling is not None and heard.telling.owner and not heard.telling.bare
        longest = LONGEST if owned or heard.opened else self._longest
        if not longest:
            return b"", b"", b"", False, heard.telling, self._brought(heard.body)
        guest = b"" if longest == LONGEST else self._brought(heard.body)
        return (*said(heard.body, answer, longest), False, heard.telling, guest)

    def _brought(self, body: bytes) -> bytes:
        """Return what a request says of callbacks, which is not written down itself."""
        found = {} if self._brings is None else self._brings.variables(body)
        return msgspec.json.encode(found) if found else b""


def _with(said: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags of a request and those of its client, each once."""
    return tuple(dict.fromkeys((*map(name, said[:MOST_TAGS]), *more)))


def keeps_books(config: Config, environ: Mapping[str, str]) -> bool:
    """Whether requests are written into the ledger; a gateway that does not do so needs no data folder."""
    off = config.general_settings.disable_spend_updates
    return not (off or is_true(lookup(environ, "DISABLE_SPEND_UPDATES")))


def length_kept(config: Config) -> int:
    """Return how many characters are kept of each text that was said: all of them where a destination has them."""
    if tells(config) and not config.litellm_settings.turn_off_message_logging:
        return LONGEST
    return SHORT if config.general_settings.store_prompts_in_spend_logs else 0


def named_in(config: Config) -> tuple[object, ...]:
    """Return what stands in the lists of callbacks."""
    settings = config.litellm_settings
    own = (settings.callbacks,) if isinstance(settings.callbacks, str) else settings.callbacks
    return (*own, *settings.success_callback, *settings.failure_callback)


def tells(config: Config) -> bool:
    """Whether anybody is told of requests."""
    return bool(named_in(config)) and bool(load("tianji.callbacks.settings").tells(config))


def brings(config: Config) -> Any:
    """Return what reads out of requests what they say of callbacks; None where that is in what is written down."""
    if not (config.general_settings.allow_client_side_credentials and tells(config)):
        return None
    return load("tianji.callbacks.brought").Brought(config) if length_kept(config) < LONGEST else None


def said(request: bytes, answer: bytes | list[bytes] | None, longest: int) -> tuple[bytes, bytes, bytes]:
    """Return what was said, shortened: messages, answer, request. `answer`: whole, or the events of a stream.

    Events stay as they came where nothing is shortened: whoever reads them knows their form.
    """
    told = b"" if answer is None else answer
    if isinstance(told, list):
        events = b"".join(told) if sum(map(len, told)) <= LONGEST else b""
        told = events if longest >= LONGEST else whole(events)
    messages = None if len(request) > LONGEST else messages_of(request)
    if messages is None:
        return b"", short(told, longest), b""
    kept = request if longest >= LONGEST else shortened_request(request, longest)
    return short(messages, longest), short(told, longest), kept


def whole(answer: bytes) -> bytes:
    """Return the answer that a stream comes to, and what is none as it is."""
    found: bytes = load("tianji.callbacks.said").whole(answer) if answer else b""
    return found


def short(document: bytes, longest: int) -> bytes:
    """Return a document with its texts cut; nothing for one that is too long to be read."""
    if len(document) > LONGEST:
        return b""
    return document if longest >= LONGEST else shortened(document, longest)


def whose(exchange: Exchange, caller: Identity, party: Party) -> dict[str, Any]:
    """Return the members of an entry that say for whom something was done."""
    return {
        "key": caller.key,
        "key_alias": caller.key_alias,
        "user_id": caller.user_id,
        "team_id": caller.team_id,
        "organization_id": caller.organization_id,
        "agent_id": caller.agent_id,
        "project_id": caller.project_id,
        "end_user": party.end_user,
        "session_id": party.session_id,
        "ip": None if party.hides_peer or exchange.peer is None else exchange.peer[0],
        "tags": party.tags,
        "user_agent": party.agent,
        "spend_logs_metadata": party.spend,
    }
