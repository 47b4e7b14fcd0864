"""The error for a request that no deployment of a group may serve, from why each was dropped."""

import math
from collections.abc import Sequence
from typing import Final

from tianji.errors import InvalidRequest, NoDeployment, TianjiError, UnknownModel

Verdict = tuple[str, float]
_PASSING: Final = frozenset({"cooldown", "requests", "tokens", "parallel"})
COOLED: Final = "all_deployments_in_cooldown"
# What decides when deployments were dropped for several reasons: the first of these that any was dropped for.
_DECIDES: Final = (
    "cooldown", "requests", "tokens", "parallel", "budget", "tried", "order", "sick", "context", "ability", "tags",
    "region", "blocked", "operation", "access",
)  # fmt: skip


_IMPOSSIBLE: Final = {  # what is wrong with the request, and the code of the error
    "context": (
        "the prompt is longer than the context window of every deployment of model {} that could take it",
        "context_length_exceeded",
    ),
    "ability": (
        "no deployment of model {} can do what this request needs (tools, schema, images, audio, ...)",
        "unsupported_by_model",
    ),
    "operation": ("model {} does not offer this operation", None),
}
_FORBIDDEN: Final = {
    "tags": ("no deployment of model {} has the tags that this request needs", "tag_not_allowed"),
    "region": ("no deployment of model {} is in an allowed region", "region_not_allowed"),
    "blocked": ("model {} is blocked", "model_blocked"),
}


def refusal(group: str, verdicts: Sequence[Verdict], minute_left: float) -> TianjiError:
    """Return the error. `verdicts` are those of the choice that failed, `minute_left` the seconds until limits end."""
    dropped = {reason for reason, _ in verdicts}
    reason = next((reason for reason in _DECIDES if reason in dropped), "access")
    if reason in _PASSING:
        return _later(group, reason, verdicts, minute_left)
    if reason == "budget":
        seconds = max(1, math.ceil(min(figure for why, figure in verdicts if why == "budget")))
        return NoDeployment(
            f"No deployments available - crossed budget for model {group}: it begins anew in {seconds} s.",
            reason=reason,
            wire_type="budget_exceeded",
            retry_after=seconds,
        )
    if reason in _IMPOSSIBLE:
        message, code = _IMPOSSIBLE[reason]
        return InvalidRequest(message.format(group), param="model", code=code)
    if reason in _FORBIDDEN:
        message, code = _FORBIDDEN[reason]
        return NoDeployment(
            message.format(group), reason=reason, status=403, wire_type="permission_error", code=code, retry_after=None
        )
    if reason == "access":
        return UnknownModel(f"no deployment of model {group} is there for this caller")
    return NoDeployment(f"no deployment of model {group} is left for this request", reason=reason, retry_after=None)


def paused(deployment: str) -> NoDeployment:
    """Return the error for a request that names a deployment which is blocked."""
    return NoDeployment(
        f"deployment {deployment} is paused: name its model instead, or wait until it is unblocked",
        reason="blocked",
        status=503,
        wire_type="internal_server_error",
        code="deployment_paused",
        retry_after=None,
    )


def _later(group: str, reason: str, verdicts: Sequence[Verdict], minute_left: float) -> NoDeployment:
    waits = {"parallel": 1.0, "requests": minute_left, "tokens": minute_left}
    passing = [(why, waits.get(why, figure)) for why, figure in verdicts if why in _PASSING]
    seconds = max(1, math.ceil(min(seconds for _, seconds in passing)))
    rests = all(why == "cooldown" for why, _ in passing)
    cause = "rest after failures" if rests else "are at their limits or rest"
    return NoDeployment(
        f"No deployments available for model {group}: all of them {cause}. Try again in {seconds} s.",
        reason=reason,
        wire_type=COOLED if rests else "throttling_error",
        retry_after=seconds,
    )
