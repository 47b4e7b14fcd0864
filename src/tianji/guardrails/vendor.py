"""What the file of one guardrail type declares: its names, its parameters, what it can do, and its check.

A check does no input or output. One that asks a vendor is a generator: it yields the calls to make and gets the
replies, so its tests need no network; everything about time, retries, failures, streams, endpoints and logs is done
once for all, elsewhere. Only a service, which is code of the operator's own in another process, is awaited.
"""

from collections.abc import Awaitable, Callable, Container, Generator, Mapping, Sequence
from enum import IntFlag, StrEnum
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct, field

from tianji.guardrails.content import Content
from tianji.guardrails.verdict import Unavailable, Verdict


class Hook(StrEnum):
    """When a guardrail runs (`mode`)."""

    PRE_CALL = "pre_call"
    DURING_CALL = "during_call"
    POST_CALL = "post_call"
    LOGGING_ONLY = "logging_only"
    PRE_MCP_CALL = "pre_mcp_call"
    DURING_MCP_CALL = "during_mcp_call"
    POST_MCP_CALL = "post_mcp_call"


PRE_AND_POST: Final = frozenset({Hook.PRE_CALL, Hook.POST_CALL})
AROUND: Final = PRE_AND_POST | {Hook.DURING_CALL}
AROUND_TOOLS: Final = frozenset({Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL, Hook.POST_MCP_CALL})
"""Around a call of a tool that the gateway makes for a model (MCP)."""


class Sight(IntFlag):
    """What is looked at beside texts."""

    TEXT = 0
    IMAGES = 1
    FILES = 2
    ALL = 3


class Params(Struct, frozen=True, kw_only=True):
    """Base of a type's own parameters: the keys of its entry under `litellm_params`.

    A member without a default has to be there. `environment` names, for a key, the variables that are looked up when
    the entry lacks it, `aliases` the key that another spelling of it means; both may be about keys that every type has,
    such as `timeout`. `secrets` are the keys that no list, log or error ever shows.
    """

    environment: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    @classmethod
    def arranged(cls, values: Mapping[str, Any], kind: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the keys of an entry as the members of this have them; kind: its `guardrail`; about: name and mode."""
        del kind, about
        return values

    def asks(self) -> tuple[str, ...]:
        """Return the models of the gateway's own that a guardrail with these parameters asks."""
        return ()

    def sight(self, usual: Sight) -> Sight:
        """Return what a guardrail with these parameters looks at beside texts. `usual`: what its type says."""
        return usual


class Auth(Struct, frozen=True, tag=True):
    """How a call proves who it is from, where that takes more than a header."""


class ClientCredentials(Auth, frozen=True):
    """A token of an OAuth server (RFC 6749 section 4.4), kept until it expires, fetched anew after a 401.

    basic: client id and secret go in an Authorization header instead of the form
    """

    url: str
    client_id: str
    client_secret: str
    scope: str = ""
    basic: bool = False
    form: Mapping[str, str] = {}


class GoogleToken(Auth, frozen=True):
    """A token of Google's, from a service account (path or JSON) or, without one, from where the process runs."""

    credentials: str = ""


class AwsSignature(Auth, frozen=True):
    """Signature Version 4. What is empty comes from where botocore would look."""

    service: str
    region: str
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    role: str = ""
    role_session_name: str = ""
    profile: str = ""


class Call(Struct, frozen=True):
    """One HTTP request to a vendor.

    again: whether it may be sent once more after a reply of `Type.transient`
    after: seconds to wait before it is sent, for a vendor that wants to be asked again and again
    verify: whether the vendor's certificate has to be good
    """

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = {}
    method: str = "POST"
    auth: Auth | None = None
    again: bool = True
    after: float = 0.0
    verify: bool = True

    def __repr__(self) -> str:
        """Say what it is without headers and body, which hold keys and texts."""
        return f"Call({self.method} {len(self.body)} bytes)"


class Question(Struct, frozen=True):
    """A request to a model of the gateway's own, by the way that all requests go: routing, retries, ledger.

    It has no client: nobody's limits refuse it, no guardrail looks at it, no cache answers it.
    body: the request in the form of its operation
    """

    operation: Literal["chat", "embeddings"]
    body: Mapping[str, Any]

    def __repr__(self) -> str:
        """Say what it is without its body, which holds texts."""
        return f"Question({self.operation})"


T = TypeVar("T")
WRONG_KEY: Final = frozenset({401, 403})
ANY_REFUSAL: Final = frozenset(range(400, 500)) - {408, 429}
"""Statuses that a repetition does not change: of every vendor, and of those whose every refusal is about the set-up."""


class Reply(Struct, frozen=True):
    """What a vendor answered, whatever its status: only one of `Type.transient` was tried again before."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}

    def read(self, form: type[T], permanent: Container[int] = WRONG_KEY) -> T:
        """Return what its JSON says, in the form that the vendor documents.

        Raises Unavailable for a status that is no success, permanently for the given ones, and for any other form.
        """
        if not 200 <= self.status < 300:
            raise Unavailable(f"status {self.status}", permanent=self.status in permanent)
        try:
            return msgspec.json.decode(self.body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unavailable("the answer has no form that is known of this vendor") from error

    def document(self) -> dict[str, Any]:
        """Return the JSON object that it holds, read as `read` does."""
        return self.read(dict[str, Any])


class Occasion(Struct, frozen=True, kw_only=True):
    """Around what a check runs: whose request it is, and what was said about it.

    name: of the guardrail; model: as the client asked for it; headers: the client's, lower-case names
    dynamic: what the request gave for this guardrail (`extra_body`); settings: the request's `guardrail_config`
    metadata: the request's own; key_metadata, team_metadata, permissions (the key's): what admins wrote there
    tokens: what tokens stand for that were put into what was said before, in the same conversation
    """

    name: str
    hook: Hook
    model: str = ""
    call_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    key_alias: str = ""
    key_hash: str = ""
    user_id: str = ""
    user_email: str = ""
    team_id: str = ""
    team_alias: str = ""
    organization_id: str = ""
    end_user: str = ""
    ip: str = ""
    path: str = ""
    headers: Mapping[str, str] = {}
    dynamic: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}
    key_metadata: Mapping[str, Any] = {}
    team_metadata: Mapping[str, Any] = {}
    permissions: Mapping[str, Any] = {}
    tokens: Mapping[str, str] = {}


Asking = Generator[Sequence[Call | Question], list[Reply], Verdict]
"""Yields what is asked side by side; is sent their replies in the same order; returns the verdict."""
Check = Callable[[Content, Occasion], Asking]
Look = Callable[[Content, Occasion], Verdict]


P = TypeVar("P", bound=Params)


Send = Callable[[Call], Awaitable[Reply]]
"""Makes a call to a public address, and raises Unavailable where there is no answer."""


class Service(Protocol):
    """What judges somewhere else without being a vendor. Nothing of it runs before the first content comes.

    It is code of whoever wrote the configuration, so an entry of the database or of a request never makes one.
    A call that is cancelled, since its time is over or its client gone, leaves nothing running.
    """

    async def __call__(self, content: Content, occasion: Occasion, send: "Send", /) -> Verdict:
        """Judge a content. `send`: makes the calls that its code wants made. Raises Unavailable."""

    def close(self) -> None:
        """End everything that it has started; it is not called any more."""


class Surroundings(Struct, frozen=True):
    """Where a guardrail is built: the folder of the configuration, in which its own files are, and the environment."""

    folder: Path
    environ: Mapping[str, str] = {}


def asking(ask: Callable[[P, Content, Occasion], Asking]) -> Callable[[P, Surroundings], Check]:
    """Return the check of a type that needs nothing but its parameters to ask."""
    return lambda params, _surroundings: partial(ask, params)


class Type(Struct, Generic[P], frozen=True, kw_only=True):
    """One type of guardrail; the row that a vendor's module exports as TYPE.

    names: what `guardrail` may say, the first one in lists and logs
    params: the struct of its own parameters
    check: makes of them what asks the vendor; look: makes of them what judges here, without waiting; service: makes of
        them what judges in a process of its own. Each raises ConfigurationError for parameters that only this type can
        find wrong. A look may have a check beside it, which is asked about what the look lets pass; either maker
        returns None then where the parameters leave it nothing to do.
    hooks: the modes it takes; legacy: those it has where its entry names none (the older form)
    masks: whether it rewrites requests, and answers; rewrites of others count as a block
    last_turn: it judges no more than the last turn unless its entry says `scan_scope: all`
    longest: characters of one call at most; longer texts are judged in overlapping parts
    timeout: seconds of one check in all; attempts: how often a call is sent at most
    transient: statuses after which a call is sent again
    fails_open: whether requests pass while it is away, unless its entry says otherwise
    monitors: whether what it refuses is only noted, unless its entry says otherwise
    sees: what of attachments that are no texts it looks at
    reach: code points that one finding can span at most, what it stands beside included; None: no part of an answer is
        released before all was judged. `reach_of` asks a look first, since it may depend on the parameters. A type that
        has one says its masks as `Rewrite.spans`.
    """

    names: tuple[str, ...]
    params: type[P]
    check: Callable[[P, Surroundings], Check | None] | None = None
    look: Callable[[P, Surroundings], Look | None] | None = None
    service: Callable[[P, Surroundings], Service] | None = None
    hooks: frozenset[Hook] = AROUND
    legacy: frozenset[Hook] = PRE_AND_POST
    masks: frozenset[Hook] = frozenset()
    last_turn: bool = False
    longest: int | None = None
    timeout: float = 10.0
    attempts: int = 2
    transient: frozenset[int] = frozenset({429, 502, 503, 504})
    fails_open: bool = False
    monitors: bool = False
    sees: Sight = Sight.TEXT
    reach: int | None = None


def reach_of(kind: Type[Any], look: Look) -> int | None:
    """Return the reach of a look: its own attribute `reach` where it has one, else that of its type."""
    reach: int | None = getattr(look, "reach", kind.reach)
    return reach


class Preset(Struct, frozen=True):
    """A type that is another one with other values: `defaults` fill what its entry and the environment lack."""

    name: str
    base: str
    defaults: Mapping[str, Any] = {}
    environment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def under(base: str, path: str) -> str:
    """Return the URL of a path under a base, which may end in a slash or lack it."""
    return base.rstrip("/") + path


def post(url: str, document: Any, headers: Mapping[str, str] = {}, *, auth: Auth | None = None) -> Call:
    """Return the call that posts a document as JSON."""
    return Call(url, msgspec.json.encode(document), {"content-type": "application/json", **headers}, auth=auth)


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key (RFC 6750)."""
    return {"authorization": f"Bearer {key}"}
