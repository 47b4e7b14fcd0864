"""Evaluations ask models of their upstream, to answer and to grade, and are paid for when a run of them is over.

https://platform.openai.com/docs/api-reference/evals: a run says in `per_model_usage` what each model has used.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from tianji._core.streams.usage import TIERS_BY_NUMBER
from tianji.auth.identity import Identity
from tianji.errors import UnknownModel
from tianji.objects.billing import Bill, rates_of, usage_of
from tianji.objects.places import Place, Places

CALL_TYPE: Final = "acreate_run"
_STANDARD: Final = TIERS_BY_NUMBER.index("standard")
_MODEL: Final = "model"
_OF_DATA: Final = frozenset({"item", "sample", "item_schema", "schema", "metadata"})  # members that hold anything
Json = dict[str, Any]


def asked_of(place: Place, places: Places, caller: Identity, members: Json) -> Json:
    """Return the members of a request with the names that a place has for the models that they name, at any depth.

    The `model` of the request itself says where it goes. Raises ModelRefused for one that the caller may not use.
    """

    def name(model: str) -> str:
        routed = caller.target(model)
        if caller.rules:
            caller.require(routed)
        return _own_name(place, places, routed) or model

    return {member: value if member == _MODEL else _renamed(value, name) for member, value in members.items()}


def run_bill(place: Place, run: Mapping[str, Any]) -> Bill:
    """Return what a run that is over comes to. `run`: as its upstream says it."""
    bill, now = Bill(_STANDARD, CALL_TYPE), int(time.time())
    used = run.get("per_model_usage")
    for one in used if isinstance(used, list) else ():
        usage, model = usage_of(_as_usage(one)) if isinstance(one, dict) else (None, None)
        if usage is not None:
            bill.add(usage, rates_of(place, model), now, model)
    return bill


def _as_usage(one: Json) -> Json:
    """Return what a model has used as an answer of it would say that."""
    counts = {member: one.get(member) for member in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return {
        _MODEL: one.get("model_name"),
        "usage": {**counts, "prompt_tokens_details": {"cached_tokens": one.get("cached_tokens")}},
    }


def _own_name(place: Place, places: Places, routed: str) -> str | None:
    """Return what a place calls a model group that lies there too; None for a name of the place's own."""
    try:
        group, resolution = places.snapshot.find(routed)
    except UnknownModel:
        return None
    for deployment in group.deployments:
        other = places.of_deployment(deployment.id)
        if other is not None and other.account == place.account:
            return deployment.model if resolution is None else resolution.upstream_model(deployment.model)
    return None


def _renamed(value: Any, name: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {member: item if member in _OF_DATA else _member(member, item, name) for member, item in value.items()}
    return [_renamed(item, name) for item in value] if isinstance(value, list) else value


def _member(member: str, item: Any, name: Callable[[str], str]) -> Any:
    return name(item) if member == _MODEL and isinstance(item, str) else _renamed(item, name)
