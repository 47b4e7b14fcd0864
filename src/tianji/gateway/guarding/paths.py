"""The paths that lead through, as guardrails see them.

Those of the configuration are guarded where their entries ask for it (`pass_through_endpoints[].guardrails`), the APIs
of providers always.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.requests.carry import Carry
from tianji._core.sockets.tunnel import Tunnel
from tianji.config.schema.general import PassThroughEndpoint
from tianji.errors import MalformedJSON
from tianji.guardrails.selection import texts
from tianji.guardrails.slots.answers import Shape
from tianji.guardrails.slots.forms import Form, form_at, form_led
from tianji.guardrails.slots.texts import Changes, rewritten

OWN_MEMBERS: Final = ("guardrails", "guardrail_config")
"""What a request says to the gateway, and not to whom it leads to."""
_STREAMING: Final = b":stream"  # in Google's names of methods


class Path(Struct, frozen=True):
    """One of them. `names`: the guardrails that it asks for; form: what of its bodies they see.

    operation: of ours, whose bodies are of the same form; "" for none
    """

    names: tuple[str, ...]
    form: Form
    operation: str = ""


Paths = Mapping[str, Path]
"""Those of a configuration that ask for guardrails, as their entries spell them."""
NO_PATHS: Final[Paths] = {}


def paths_of(endpoints: Iterable[PassThroughEndpoint]) -> Paths:
    """Return those that ask for guardrails. Raises ConfigurationError for fields that are no paths into a body."""
    found = {}
    for endpoint in endpoints:
        names, fields = asked_for(endpoint.guardrails)
        if names:
            form = form_at(fields.get("request_fields"), fields.get("response_fields"))
            found[endpoint.path] = Path(names, form)
    return found


def path_of(carry: Carry | Tunnel, paths: Paths) -> Path | None:
    """Return how a request that leads through is guarded; None where it is not."""
    entry = carry.way.entry
    if entry is not None:
        return paths.get(entry.path)
    known = carry.lane.form
    operation = "" if known is None else known.operation
    return Path((), form_led(operation), operation)


def shape_of(carry: Carry) -> Shape:
    """Return the shape of the answer that a request asks for which leads through."""
    if _STREAMING in carry.lane.target:
        return "events" if b"alt=sse" in carry.exchange.query else "array"
    return "events" if carry.stream else "whole"


def as_theirs(body: ObjectSpans) -> bytes:
    """Return a body without what it says to the gateway of guardrails."""
    changes: Changes = {name: None for name in OWN_MEMBERS if body.get(name.encode()) is not None}
    try:
        metadata = body.nested(b"metadata")
    except MalformedJSON:  # a name stands twice, and nobody reads it
        metadata = None
    if metadata is not None and metadata.get(b"guardrails") is not None:
        changes["metadata"] = {"guardrails": None}
    return rewritten(body.source, changes)


def asked_for(written: object) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """(names, fields) that an entry asks for: a list, or a mapping of names to their fields.

    Fields of several guardrails are all looked at by all.
    """
    if not isinstance(written, Mapping):
        return texts(written), {}
    fields: dict[str, tuple[str, ...]] = {}
    for about in written.values():
        known: Mapping[str, Any] = about if isinstance(about, Mapping) else {}
        for key in ("request_fields", "response_fields"):
            if key in known:
                fields[key] = (*fields.get(key, ()), *texts(known[key]))
    return tuple(str(name) for name in written), fields
