"""What an attempt that has ended says by itself: it was slow, it failed, nobody knows what it cost."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tianji.alerts.alert import Alert
from tianji.ledger.entry import SUCCESS, Entry
from tianji.money import to_dollars

DAY: Final = 86_400.0
_SECOND: Final = 1_000_000
_OURS: Final = frozenset({"GivenUp", "ClientGone"})  # no fault of anybody's
_CLIENTS: Final = range(400, 500)
_UPSTREAMS: Final = frozenset(
    {401, 402, 403, 408, 429}
)  # of the client's statuses: what an upstream says of the gateway


class Wording(Struct, frozen=True):
    """How much of requests is told, each empty where nothing is.

    quote: what was asked; complain: why one failed; remark: what the client says for whoever is alerted
    """

    quote: Callable[[Entry], str]
    complain: Callable[[Entry], str]
    remark: Callable[[Entry], Mapping[str, object]]


def hear(entry: Entry, threshold: float, wording: Wording) -> Iterator[Alert]:
    """Yield what there is to tell. `threshold`: seconds from which an answer is slow."""
    if entry.status == SUCCESS:
        yield from _slow(entry, threshold, wording)
        yield from _unpriced(entry)
    elif is_fault(entry):
        yield Alert(
            kind="llm_exceptions",
            text=f"{who(entry)} failed: {entry.error_class} {entry.error_code}: {wording.complain(entry)}".rstrip(": "),
            alike=f"{entry.deployment_id}:{entry.error_class}",
            facts={**facts(entry), **wording.remark(entry)},
        )


def tracked(entry: Entry) -> Alert:
    """Return the event of what a customer's request has cost, for receivers of events alone."""
    spend = to_dollars(entry.cost)
    members = {
        "spend": spend,
        "event": "spend_tracked",
        "event_group": "end_user",
        "event_message": f"end user {entry.end_user}: a request has cost ${spend:.6f}",
        "customer_id": entry.end_user,
        "token": entry.key,
        "key_alias": entry.key_alias,
        "user_id": entry.user_id,
        "team_id": entry.team_id,
        "organization_id": entry.organization_id,
    }
    text = str(members["event_message"])
    return Alert(kind="budget_alerts", text=text, alike=entry.request_id, event=members, only="webhook")


def is_fault(entry: Entry) -> bool:
    """Whether a failure is an upstream's or the gateway's, and not the client's."""
    said = entry.error_code or ""
    code = int(said) if said.isdigit() else 500
    if entry.status == SUCCESS or entry.error_class in _OURS:
        return False
    return code not in _CLIENTS or (code in _UPSTREAMS and bool(entry.deployment_id))


def who(entry: Entry) -> str:
    """Return what an entry's deployment is called."""
    if not entry.deployment_id:
        return entry.model_group or "the gateway"
    return f"{entry.model_group or entry.model} ({entry.provider} {entry.model}, deployment {entry.deployment_id})"


def facts(entry: Entry) -> Mapping[str, object]:
    """Return whom an entry is for, as far as that may be shown."""
    found = {
        "api_base": entry.api_base,
        "key alias": entry.key_alias,
        "team": entry.team_id,
        "user": entry.user_id,
        "call": entry.call_id,
    }
    return {name: value for name, value in found.items() if value}


def _slow(entry: Entry, threshold: float, wording: Wording) -> Iterator[Alert]:
    seconds = (entry.ended_at - entry.started_at) / _SECOND
    if seconds > threshold and entry.deployment_id:
        words = wording.quote(entry)
        yield Alert(
            kind="llm_too_slow",
            text=f"{who(entry)} took {seconds:.1f} s; more than {threshold:g} s is slow",
            alike=entry.deployment_id,
            facts={**facts(entry), **({"messages": words} if words else {}), **wording.remark(entry)},
        )


def _unpriced(entry: Entry) -> Iterator[Alert]:
    if not entry.items and entry.total_tokens and not entry.cache_hit:
        yield Alert(
            kind="failed_tracking_spend",
            text=f"{who(entry)} used {entry.total_tokens} tokens, and no price is known: they are booked at $0",
            key=f"failed_tracking_spend:{entry.provider}/{entry.model}",
            ttl=DAY,
            facts=facts(entry),
        )
