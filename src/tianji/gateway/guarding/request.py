"""What guardrails have to know of one request beside its body, read while the request is there."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import ANYONE, Identity
from tianji.errors import TianjiError
from tianji.gateway.admission.parties import Parties, Source
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.selection import Asking, Plan, Wishes
from tianji.guardrails.slots.answers import Shape
from tianji.guardrails.slots.forms import Form
from tianji.guardrails.vendor import Hook, Occasion

_METADATA: Final = ("metadata", "litellm_metadata", "tianji_metadata")
_SECRET: Final = frozenset(
    {
        "authorization",
        "api-key",
        "x-api-key",
        "x-goog-api-key",
        "ocp-apim-subscription-key",
        "proxy-authorization",
        "x-litellm-api-key",
        "x-tianji-api-key",
        "cookie",
    }
)
"""Headers of clients that no vendor hears of."""


class Known(Source, Protocol):
    """A request, as far as a guardrail has to know it: one that came, or one of many that a file holds."""

    @property
    def spans(self) -> ObjectSpans | None:
        """Where the members of its body are."""

    @property
    def model(self) -> str:
        """The model that it names."""


class Errors(Protocol):
    """How a dialect says an error; see Operation.errors."""

    def body(self, error: TianjiError, request_id: str | None = None) -> bytes:
        """Return what an answer holds."""

    def event(self, error: TianjiError) -> bytes:
        """Return what ends a stream."""


class Instead(Struct, frozen=True):
    """An answer in the model's place. `error`: what the ledger has of the request."""

    error: TianjiError
    content_type: bytes
    body: bytes


class Request(Struct, frozen=True):
    """One request.

    asking: what its plan was made of; turn: whose turn it is among guardrails of one name; form: how bodies are read
    errors: how its dialect says them, None for OpenAI's way
    spoken: the operation in whose form it is answered, "" for none of ours; bound: no other model can be asked
    about: the members of an Occasion that are the same for all runs
    shows: its answer says what guardrails did (`include_guardrail_response`)
    """

    asking: Asking
    plan: Plan
    turn: int
    form: Form
    errors: Errors | None
    spoken: str
    bound: bool
    shape: Shape
    model: str
    call_id: bytes
    wishes: Wishes
    about: Mapping[str, Any]
    shows: bool = False

    @property
    def session(self) -> str:
        """The session that it belongs to; "" for none."""
        session: str = self.about["session_id"]
        return session

    def occasion(self, guardrail: Guardrail, hook: Hook, tokens: Mapping[str, str]) -> Occasion:
        """Return what surrounds one run. `tokens`: see Occasion."""
        dynamic = self.wishes.dynamic.get(guardrail.name, {})
        return Occasion(name=guardrail.name, hook=hook, dynamic=dynamic, tokens=tokens, **self.about)


def about(asked: Known, wishes: Wishes, parties: Parties) -> dict[str, Any]:
    """Read what surrounds a request."""
    exchange, body = asked.exchange, asked.spans
    identity = exchange.identity
    caller = identity if isinstance(identity, Identity) else ANYONE
    session = None if body is None else parties.session(asked, body)
    customer = None if body is None else parties.customer(asked, body)
    return {
        "model": asked.model,
        "call_id": exchange.call_id or "",
        "session_id": session or "",
        "trace_id": session or exchange.call_id or "",
        "key_alias": caller.key_alias or "",
        "key_hash": caller.key,
        "user_id": caller.user_id or "",
        "user_email": caller.user_email or "",
        "team_id": caller.team_id or "",
        "team_alias": caller.team_alias or "",
        "organization_id": caller.organization_id or "",
        "end_user": customer or "",
        "ip": "" if exchange.peer is None else str(exchange.peer[0]),
        "path": exchange.path,
        "headers": shown(exchange),
        "settings": wishes.settings,
        "metadata": metadata(asked),
        "key_metadata": caller.metadata,
        "team_metadata": caller.team_metadata,
        "permissions": caller.permissions,
    }


def shown(exchange: Exchange) -> dict[str, str]:
    """Return the headers that a vendor may hear of."""
    fields = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in exchange.headers)
    return {name: value for name, value in fields if name not in _SECRET}


def metadata(asked: Known) -> Mapping[str, Any]:
    """Return the request's own metadata."""
    members: Mapping[str, object] = {} if asked.steer is None else getattr(asked.steer, "members", {})
    return next((one for name in _METADATA if isinstance(one := members.get(name), dict)), {})
