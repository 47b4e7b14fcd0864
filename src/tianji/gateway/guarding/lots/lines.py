"""Requests that come many at a time, in a file or in one body: each is judged as if it had come by itself."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji.errors import MalformedJSON
from tianji.gateway.admission.parties import Parties
from tianji.gateway.guarding.request import Request, about
from tianji.guardrails.selection import Asking, Plan, Wishes
from tianji.guardrails.slots.forms import form_of


class Words(Struct, frozen=True):
    """What a request says beside its own matter, as `gateway.steering` has it of those that come alone."""

    fields: Mapping[bytes, bytes]
    members: Mapping[str, object]


class Line(Struct, frozen=True):
    """One of them. exchange: which brought them all; operation: what it asks for, "" where nobody knows.

    model: as its client calls it; group: which serves that, "" for none of ours
    """

    exchange: Exchange
    spans: ObjectSpans
    steer: Words
    operation: str
    model: str
    group: str

    @property
    def streams(self) -> bool:
        """Whether it asks for a stream."""
        return self.spans.get(b"stream") == b"true"

    def request(self, asking: Asking, plan: Plan, wanted: Wishes, parties: Parties) -> Request:
        """Return it as those who judge know it: it can be led nowhere else, and nobody waits for its answer."""
        return Request(
            asking=asking,
            plan=plan,
            turn=random.getrandbits(16),
            form=form_of(self.operation),
            errors=None,
            spoken=self.operation,
            bound=True,
            shape="whole",
            model=self.model,
            call_id=(self.exchange.call_id or "").encode(),
            wishes=wanted,
            about=about(self, wanted, parties),
        )


def line_of(exchange: Exchange, body: bytes, operation: str, model: str, group: str) -> Line:
    """Return a request whose body this is; see Line. Raises MalformedJSON."""
    try:
        members = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedJSON(f"the body of the request is not a JSON object: {error}") from None
    return Line(exchange, scan(body), Words(dict(exchange.headers), members), operation, model, group)
