"""What a caller hears who has used up a limit, in the words that clients of this field look for."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from tianji._core.journal.meter import dollars
from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, LimitSet
from tianji.errors import BudgetExceeded, Header, RateLimited, TianjiError
from tianji.limiting.holding import Held
from tianji.limiting.rules import COUNTED, Rules

_BUDGET: Final = KIND_NAMES.index("budget")
_RATES: Final = ("requests", "tokens", "input_tokens", "output_tokens", "max_parallel_requests")
_TOKENS: Final = KIND_NAMES.index("tokens")
_WHOSE: Final[Mapping[str, str]] = {
    "key": "Key", "team": "Team", "team_member": "TeamMember", "user": "User", "organization": "Organization",
    "project": "Project", "customer": "End User", "tag": "Tag", "model": "Model access group", "proxy": "Proxy",
}  # fmt: skip


# The names that clients of LiteLLM's proxy know; those of a model's limits end in what they are of.
_PUBLIC: Final[Mapping[str, str]] = {"key": "api_key", "customer": "end_user"}


def public_name(held: Held) -> str:
    """Return what this kind of limit is called in messages."""
    if held.part == "model":
        return f"model_per_{held.kind}"
    return _PUBLIC.get(held.kind, held.kind)


def refusal(held: Held, admission: Admission, rules: Rules, now: float, since_1970: float) -> TianjiError:
    """Return the error for a request that `held` refused."""
    kind = admission.refused_kind
    if kind == _BUDGET:
        return BudgetExceeded(
            _over_budget(held, now),
            rules.over_budget,
            of_model=held.part == "model",
            of_key=held.kind == "key" and held.part == "",
        )
    seconds = None if admission.retry_after < 0 else max(1, math.ceil(admission.retry_after))
    limit = held.limit.ceiling(kind) or 0
    left = max(0, limit - held.limit.used(kind, now))
    until = None if seconds is None else moment(since_1970 + seconds)
    resets = "Waiting does not help: the request is more than the limit" if until is None else f"Try again at {until}"
    if held.kind == "model":
        return _over_capacity(held, kind, left, seconds, until, now)
    return RateLimited(
        f"Rate limit exceeded for {public_name(held)}: {held.id[:128]}. Limit type: {_RATES[kind]}. "
        f"Current limit: {limit}, Remaining: {left}. {resets}.",
        limit_type=_RATES[kind],
        retry_after=seconds,
        reset_at=until,
        quota=tuple(LimitSet((held.limit,)).quota(KIND_NAMES.index(COUNTED[rules.counted]), now)),
        of_model=held.part == "model",
    )


def _over_capacity(held: Held, kind: int, left: int, seconds: int | None, until: str | None, now: float) -> RateLimited:
    """Return the error for a request that the capacity of its model group refused, or its priority's share of it."""
    whole = held.above or held.limit
    extra: tuple[Header, ...] = ()
    figures = ", ".join(
        f"Model {word}: {most}" for word, place in (("TPM", _TOKENS), ("RPM", 0)) if (most := whole.ceiling(place))
    )
    rest = f"Priority: {held.of}, Rate limit type: {_RATES[kind]}, {figures}, Remaining: {left}"
    if held.part != "priority":
        said = f"Model capacity reached for {held.id[:128]}. {rest}"
    else:
        used = max(
            (whole.used(place, now) / most for place in (0, _TOKENS) if (most := whole.ceiling(place))), default=0
        )
        said = f"Priority-based rate limit exceeded. {rest}, Model saturation: {used:.1%}"
        extra = ((b"x-litellm-saturation", b"%.2f" % used),)
    shown = held.of.encode("ascii", "replace")
    return RateLimited(
        said,
        limit_type=_RATES[kind],
        retry_after=seconds,
        reset_at=until,
        quota=((b"x-litellm-priority", shown), *extra),
    )


def _over_budget(held: Held, now: float) -> str:
    known = held.limit.money(now)
    cost = dollars(known[0] + known[1] if known else held.spent).decode()
    amounts = f"Current cost: {cost}, Max budget: {dollars(held.limit.ceiling(_BUDGET) or 0).decode()}"
    whose = f"{_WHOSE[held.kind]}={held.id[:128]}"
    if held.part == "model":
        return f"Budget has been exceeded! {whose} over budget for model={held.of[:128]}. {amounts}"
    if held.part == "window":
        return f"ExceededBudget: {whose} over its {held.of} budget. {amounts}"
    if held.kind in ("user", "customer"):
        return f"ExceededBudget: {whose} over budget. {amounts}"
    if held.kind == "key":
        return f"Budget has been exceeded! {amounts}"
    return f"Budget has been exceeded! {whose} {amounts}"


def moment(since_1970: float) -> str:
    """Return a time, seconds since 1970, as refusals say it."""
    return datetime.fromtimestamp(since_1970, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
