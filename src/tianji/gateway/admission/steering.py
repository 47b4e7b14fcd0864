"""What a single request may ask of the gateway itself: timeouts, headers for the upstream, a key of its own.

Only requests that carry such a word come here; all others never leave the compiled path.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.routing.router import Deployment, Group, Plan, Table
from tianji._core.upstreams.http1 import Timeouts
from tianji.dialects.forbidden import NESTED_IN, check_body, check_test_faults
from tianji.errors import AuthenticationFailed, Header, InvalidRequest, MalformedJSON, TianjiError
from tianji.gateway.admission.demands import refuse_tags
from tianji.gateway.admission.faults import requested_fault
from tianji.gateway.admission.forwarding import Forwarding, Login, with_organization
from tianji.gateway.compiled.reshaping import reshaped
from tianji.providers.steps.parameters import CONTROL_FIELDS
from tianji.routing.asked import MEMBERS as ROUTING_MEMBERS
from tianji.routing.asked import read_request
from tianji.routing.lar1 import TypedDeployments

# body members that change how this request is handled; the plan takes them out of what goes upstream
STEERING_MEMBERS: Final = frozenset(
    {
        "timeout",
        "request_timeout",
        "stream_timeout",
        "extra_headers",
        "api_key",
        "drop_params",
        "additional_drop_params",
        "allowed_openai_params",
        "include_fallback_errors",
        "priority",
        *ROUTING_MEMBERS,
    }
)
TRAIL_HEADERS: Final = (b"x-tianji-trail", b"x-litellm-trail")
COST_HEADERS: Final = (b"x-tianji-include-cost-in-streaming-usage", b"x-litellm-include-cost-in-streaming-usage")
LONGEST_TIMEOUT: Final = 86_400.0
# written by the gateway itself or meaningful on one hop only, so nobody may set them (RFC 9110 section 7.6.1)
UNSETTABLE: Final = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
        b"expect",
        b"content-type",
        b"accept-encoding",
    }
)
BARE_KEYS: Final = frozenset({b"api-key", b"x-api-key", b"x-goog-api-key"})
TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")

_ADDRESSES: Final = ("api_base", "base_url")
_NEVER_EXTRA: Final = CONTROL_FIELDS | {"model", "extra_body"}  # of what a client has in its `extra_body`
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Steering(Struct, frozen=True, kw_only=True):
    """The wishes of one request, checked. Times are seconds.

    members: those of the body that are watched, decoded; fields: all headers. `explains` asks for the trail, and
    `shows_errors` for what failed before a fallback answered; `fault` is what the first group fails with, for tests.
    """

    members: Mapping[str, object]
    fields: Mapping[bytes, bytes]
    timeout: float | None
    stream_timeout: float | None
    headers: tuple[Header, ...]
    api_key: bytes | None
    logins: tuple[Login, ...]
    organization: bytes | None
    drop_params: bool | None
    additional: tuple[str, ...]
    allowed: tuple[str, ...]
    fault: Callable[[], TianjiError] | None
    typed: TypedDeployments | None

    @property
    def explains(self) -> bool:
        """Whether the answer is to say what was tried and why."""
        return any(name in self.fields for name in TRAIL_HEADERS)

    @property
    def tells_cost(self) -> bool:
        """Whether a stream is to say what it cost."""
        return any(self.fields.get(name, b"").strip().lower() == b"true" for name in COST_HEADERS)

    @property
    def shows_errors(self) -> bool:
        """Whether the answer is to tell the errors that were overcome."""
        return self.members.get("include_fallback_errors") is True

    def fail(self, course: "InFirstGroup | None") -> None:
        """Raise the fault that a test asks for, as long as no fallback was entered."""
        if self.fault is not None and (course is None or course.in_first_group):
            raise self.fault()

    def plan(self, planned: Plan) -> Plan:
        """Return the plan, with this request's own word on unsupported parameters."""
        if self.drop_params is None and not (self.additional or self.allowed):
            return planned
        return reshaped(planned, drop_params=self.drop_params, additional=self.additional, allowed=self.allowed)

    def weights(self, group: Group) -> bytes | None:
        """Return `Needs.weights` where the strategy reads the request's `metadata.lar1`; None: the configured ones."""
        metadata = self.members.get("metadata")
        return None if self.typed is None else self.typed.weights(metadata, group.selection)

    def timeouts(self, plan: Plan, streamed: bool) -> Timeouts:
        """Return the planned timeouts with this request's own in their place, seconds."""
        tier = self.members.get("service_tier")
        both = plan.tiers.get(tier) if isinstance(tier, str) else None
        planned = (both or (plan.timeouts, plan.stream_timeouts))[streamed]
        wish = self.stream_timeout if streamed and self.stream_timeout is not None else self.timeout
        if wish is None:
            return planned
        if streamed:
            return Timeouts(connect=planned.connect, first_byte=wish, between_chunks=wish, total=planned.total)
        return Timeouts(connect=planned.connect, first_byte=0, between_chunks=0, total=wish)

    def opens(self, deployment: Deployment) -> bool:
        """Whether the client brings a login that a deployment is called with."""
        return any(login.opens(deployment) for login in self.logins)

    def pays(self, deployment: Deployment) -> bool:
        """Whether a deployment is called with a credential of the client's."""
        return self.api_key is not None or self.opens(deployment)

    def head(self, planned: bytes, deployment: Deployment) -> bytes:
        """Return the planned request head with this request's key and headers; it still ends in `content-length: `.

        A header that the plan has stays as it is: one line beside another would leave the choice to the upstream, and
        what an operator sets (a tenant, a key) is not a client's to change.
        """
        if self.api_key is not None:
            planned = with_key(planned, self.api_key)
        elif self.logins:
            login = next((login for login in self.logins if login.opens(deployment)), None)
            planned = planned if login is None else login.head(planned)
        if self.organization is not None and deployment.provider == "openai":
            planned = with_organization(planned, self.organization)
        if self.headers:
            head, _, _ = planned.rpartition(b"content-length: ")
            taken = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")}
            lines = b"".join(b"%b: %b\r\n" % pair for pair in self.headers if pair[0] not in taken)
            planned = head + lines + b"content-length: "
        return planned


def with_key(head: bytes, key: bytes) -> bytes:
    """Return the same request head with another credential in the line that holds one."""
    lines = head.split(b"\r\n")
    for index, line in enumerate(lines):
        name = line.partition(b":")[0]
        if name == b"authorization":
            lines[index] = b"authorization: Bearer " + key
        elif name in BARE_KEYS:
            lines[index] = b"%b: %b" % (name, key)
    return b"\r\n".join(lines)


class InFirstGroup(Protocol):
    """The course of a request, as far as a fault has to know it."""

    @property
    def in_first_group(self) -> bool:
        """Whether no fallback was entered yet."""


def read_steering(exchange: Exchange, table: Table, model: str | None) -> Steering:
    """Read and check what `exchange` asks of the gateway.

    What `extra_body` holds stands beside the other members of the exchange's body afterwards, so that whoever judges
    the request judges what goes upstream.

    Raises AuthenticationFailed for members that only an operator may set, InvalidRequest for unusable values.
    """
    try:
        raw = _members.decode(exchange.body)
    except msgspec.DecodeError as error:
        raise MalformedJSON(str(error)) from None
    watched: Mapping[str, object] = {
        name: msgspec.json.decode(value)
        for name, value in raw.items()
        if name.encode() in table.watched or name in NESTED_IN or "cost" in name
    }
    check_body(watched, any_credentials=table.trusts_clients)
    _refuse_address(watched)
    if not table.router.switches.lets_tests:
        check_test_faults(watched)
    headers = dict(exchange.headers)
    if not table.router.switches.lets_tags and exchange.path:  # the gateway's own requests have none
        refuse_tags(watched, headers)
    timeout = _seconds("timeout", watched.get("timeout", watched.get("request_timeout")))
    stream_timeout = _seconds("stream_timeout", watched.get("stream_timeout"))
    forwarding: Forwarding = table.forwarding
    steering = Steering(
        members=watched,
        fields=headers,
        timeout=_header_seconds(headers, b"timeout", timeout),
        stream_timeout=_header_seconds(headers, b"stream-timeout", stream_timeout),
        headers=(*_extra_headers(watched.get("extra_headers")), *forwarding.headers(exchange, model or "")),
        logins=forwarding.logins(exchange),
        organization=forwarding.organization(exchange),
        api_key=_api_key(watched.get("api_key")),
        drop_params=_switch(watched.get("drop_params")),
        additional=_names("additional_drop_params", watched.get("additional_drop_params")),
        allowed=_names("allowed_openai_params", watched.get("allowed_openai_params")),
        fault=requested_fault(watched),
        typed=table.router.switches.typed,
    )
    # what is not usable is refused now, and not when something has failed
    table.router.switches.patience.priority(watched.get("priority"))
    read_request(model or "", watched, headers, any_credentials=table.trusts_clients)
    if isinstance(watched.get("extra_body"), dict):
        exchange.body, exchange.spool = _spread(raw), None
    return steering


def _spread(raw: Mapping[str, msgspec.Raw]) -> bytes:
    """Return a body with the members of its `extra_body` beside the others, but for those that steer the gateway.

    An `extra_body` within it is left out: upstream it would take the place of what was judged.
    """
    members = _members.decode(raw["extra_body"])
    extra = {name: value for name, value in members.items() if name not in _NEVER_EXTRA}
    return msgspec.json.encode({name: value for name, value in raw.items() if name != "extra_body"} | extra)


def _refuse_address(members: Mapping[str, object]) -> None:
    """Refuse an address of the client's, whoever allows it: none is served, and its key would go to another."""
    name = next((name for name in _ADDRESSES if members.get(name)), None)
    if name is not None:
        raise InvalidRequest(
            f"`{name}` is not served: requests go where the operator says. Leave it out, or ask for a model of that "
            "address; `api_key` is taken.",
            param=name,
        )


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise InvalidRequest(f"`{name}` must be a number of seconds between 0 and {LONGEST_TIMEOUT:.0f}", param=name)
    return seconds


def _switch(value: object) -> bool | None:
    """Read a boolean, or the word for one; anything else says nothing."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _names(member: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidRequest(f"`{member}` must be a list of names", param=member)
    return tuple(value)


def _header_seconds(headers: Mapping[bytes, bytes], name: bytes, otherwise: float | None) -> float | None:
    for prefix in (b"x-tianji-", b"x-litellm-"):
        value = headers.get(prefix + name)
        if value is not None:
            return _seconds((prefix + name).decode(), value.decode("latin-1"))
    return otherwise


def _extra_headers(value: object) -> Iterable[Header]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise InvalidRequest("`extra_headers` must be an object of strings", param="extra_headers")
    return tuple(_header(name, text) for name, text in value.items())


def _header(name: str, value: object) -> Header:
    field = name.lower().encode("latin-1", "replace")
    if not field or not TOKEN.issuperset(field):
        raise InvalidRequest(f"`extra_headers`: {name!r} is not a header name", param="extra_headers")
    if field in UNSETTABLE or field == b"authorization":
        raise InvalidRequest(f"`extra_headers`: {name} is set by the gateway itself", param="extra_headers")
    text = str(value).encode("latin-1", "replace")
    if any(byte in text for byte in b"\r\n\0"):
        raise InvalidRequest(f"`extra_headers`: the value of {name} has a line break or NUL", param="extra_headers")
    return field, text


def _api_key(value: object) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise AuthenticationFailed("`api_key` in the body is not usable as a key")
    return value.encode()
