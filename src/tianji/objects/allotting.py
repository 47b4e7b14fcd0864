"""Which limits hold for longer than a minute: tokens of batches a day or under way, and uploads a day."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from tianji.auth.identity import Identity, Scope
from tianji.errors import RateLimited
from tianji.limiting.refusal import moment
from tianji.limiting.rows import Holder, row_name
from tianji.storage.allowances import KEPT, Allowance, Lack

DAY: Final = timedelta(days=1)
ENQUEUED: Final = "batch_enqueued_token_limit"
UPLOADS: Final = "max_batch_file_uploads_per_day"

One = TypeVar("One", Scope, Holder)


def of_batch(caller: Identity, others: tuple[Holder, ...] = ()) -> tuple[Identity, tuple[Holder, ...], list[Allowance]]:
    """Return who a batch is held against without the rates a minute that allowances stand for, and those allowances.

    Where a key or a team, or a customer and the like, `others`, has `batch_enqueued_token_limit`, its batches under way
    have no more tokens than that; where it has `tpd_limit` and not the other, those of a day. Its requests and tokens a
    minute do not hold for batches then.
    """
    metadata = {"key": caller.metadata, "team": caller.team_metadata}
    above = [_of_one(scope, metadata.get(scope.kind, {})) for scope in caller.scopes]
    beside = [_of_one(other, {}) for other in others]
    allowances = [allowance for _, allowance in (*above, *beside) if allowance is not None]
    if not allowances:
        return caller, others, allowances
    slowed = msgspec.structs.replace(caller, scopes=tuple(scope for scope, _ in above))
    return slowed, tuple(other for other, _ in beside), allowances


def of_uploads(caller: Identity, most: int | None) -> list[Allowance]:
    """Return what an upload of a batch's file is held against.

    most: of each key; its metadata may name fewer, and that of its team how many all keys of the team have
    """
    limits = [limit for limit in (_whole(caller.metadata.get(UPLOADS)), most) if limit is not None]
    found = [Allowance(f"{row_name('key', caller.key)} uploads", min(limits), DAY)] if limits else []
    of_team = _whole(caller.team_metadata.get(UPLOADS))
    if of_team is not None and caller.team_id is not None:
        found.append(Allowance(f"{row_name('team', caller.team_id)} uploads", of_team, DAY))
    return found


def refusal(lack: Lack, amount: int, now: datetime, of: str) -> RateLimited:
    """Return the error for a caller who lacks `amount` of an allowance. `of`: what it is an amount of."""
    allowance = lack.allowance
    holder, _, kind = allowance.holder.rpartition(" ")
    words = "at a time" if allowance.while_in_use else "a day"
    seconds, until, rest = None, None, "Try again when a batch is over"
    if amount > allowance.limit:
        rest = "Waiting does not help: it is more than the limit"
    elif not allowance.while_in_use and lack.oldest is not None:
        seconds = max(1, math.ceil((lack.oldest + allowance.window - now).total_seconds()))
        until = moment(now.timestamp() + seconds)
        rest = f"Some of it is there again at {until}"
    return RateLimited(
        f"only {lack.left} of {allowance.limit} {of} {words} are left of {holder}. {rest}.",
        limit_type="requests" if kind == "uploads" else "tokens",
        retry_after=seconds,
        reset_at=until,
    )


def _of_one(one: One, metadata: Mapping[str, Any]) -> tuple[One, Allowance | None]:
    """Return one of those whom a batch is held against as it is held against him, and his allowance."""
    enqueued = _whole(metadata.get(ENQUEUED)) or one.limits.batch_enqueued_token_limit
    if enqueued is not None:
        allowance = Allowance(f"{row_name(one.kind, one.id)} enqueued", enqueued, KEPT, while_in_use=True)
    elif one.limits.tpd_limit is not None:
        allowance = Allowance(f"{row_name(one.kind, one.id)} day", one.limits.tpd_limit, DAY)
    else:
        return one, None
    limits = msgspec.structs.replace(one.limits, rpm_limit=None, tpm_limit=None)
    return msgspec.structs.replace(one, limits=limits), allowance


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
