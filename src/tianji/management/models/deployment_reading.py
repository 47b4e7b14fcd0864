"""Deployments and models described: those that the caller may use, with prices and abilities, without secrets."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from tianji._core.routing.router import Deployment
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import listed_facts
from tianji.config.schema import ModelEntry
from tianji.errors import SchemaViolation, Unacceptable
from tianji.gateway.translation.rehearsal import parameters_of
from tianji.management.desk import Call, Row
from tianji.management.models.deployments import GRANTED
from tianji.management.office import Office
from tianji.management.paging import LARGEST

# of the parameters: what is a secret, or may hold one
_HIDDEN: Final = frozenset({"headers", "extra_headers", "default_headers", "extra_body", "extra_query"})
_SECRET: Final = re.compile(r"key|secret|password|credential|authorization|cookie|token(?!s|izer|_cost)", re.IGNORECASE)
_OF_ADMINS: Final = frozenset({"api_base", "base_url", "litellm_credential_name"})
_LIMITS: Final = ("max_tokens", "max_input_tokens", "max_output_tokens")
# abilities that every model has or lacks; what else the catalogue says is told as well
_ABILITIES: Final = (
    "supports_parallel_function_calling", "supports_vision", "supports_web_search", "supports_url_context",
    "supports_reasoning", "supports_function_calling", "supports_fast_mode",
)  # fmt: skip
_SUMS: Final = ("tpm", "rpm", "itpm", "otpm")
_ORDERS: Final = ("model_name", "created_at", "updated_at", "model_id")
PATH: Final = "/model/info"
Pair = tuple[ModelEntry, Deployment]


class Wanted(Struct, kw_only=True):
    """Which deployments are meant."""

    litellm_model_id: str | None = None
    teamId: str | None = None  # noqa: N815 - clients spell it so, here and below


class Page(Struct, kw_only=True):
    """Which page of which deployments is meant."""

    page: int = 1
    size: int = 50
    search: str | None = None
    model: str | None = None
    modelId: str | None = None  # noqa: N815
    teamId: str | None = None  # noqa: N815
    sortBy: str = "model_name"  # noqa: N815
    sortOrder: str = "asc"  # noqa: N815


class Named(Struct, kw_only=True):
    """Which model is meant."""

    model_group: str | None = None


async def info(call: Call) -> Row:
    """Describe deployments."""
    wanted = call.questions(Wanted)
    pairs = [pair for pair in await _shown(call, wanted.teamId) if wanted.litellm_model_id in (None, pair[0].id)]
    if wanted.litellm_model_id is not None and not pairs:
        raise Unacceptable("there is no model of this litellm_model_id that you may see", param="litellm_model_id")
    return {"data": await asyncio.to_thread(_described, call, pairs)}


async def pages(call: Call) -> Row:
    """Describe deployments, a page at a time."""
    wanted = call.questions(Page)
    for name, value, most in (("page", wanted.page, 2**31), ("size", wanted.size, LARGEST)):
        if not 1 <= value <= most:
            raise SchemaViolation(f"Input should be from 1 to {most}", ("query", name))
    if wanted.sortBy not in _ORDERS:
        raise SchemaViolation(f"Input should be one of {', '.join(_ORDERS)}", ("query", "sortBy"))
    pairs = [
        pair
        for pair in await _shown(call, wanted.teamId)
        if wanted.modelId in (None, pair[0].id)
        and wanted.model in (None, public(pair[0]))
        and (wanted.search or "").lower() in public(pair[0]).lower()
    ]
    pairs.sort(key=lambda pair: (_order(pair[0], wanted.sortBy), pair[0].id), reverse=wanted.sortOrder == "desc")
    first = (wanted.page - 1) * wanted.size
    return {
        "data": await asyncio.to_thread(_described, call, pairs[first : first + wanted.size]),
        "total_count": len(pairs),
        "current_page": wanted.page,
        "total_pages": -(-len(pairs) // wanted.size),
        "size": wanted.size,
    }


def _order(entry: ModelEntry, name: str) -> str:
    return {"model_name": public(entry), "model_id": entry.id}.get(name) or str(entry.info.written.get(name) or "")


async def groups(call: Call) -> Row:
    """Describe models by their names, each with all its deployments."""
    wanted = call.questions(Named).model_group
    found: dict[str, list[Pair]] = {}
    for pair in await _shown(call, None):
        if wanted in (None, public(pair[0])):
            found.setdefault(public(pair[0]), []).append(pair)
    return {
        "data": await asyncio.to_thread(lambda: [_group(call.office, name, pairs) for name, pairs in found.items()])
    }


def public_groups(office: Office) -> list[Row]:
    """Describe the models of `public_model_groups`, for everybody. Takes as long as reading the catalogue does."""
    snapshot = office.fleet.snapshot()
    found: dict[str, list[Pair]] = {name: [] for name in office.config().litellm_settings.public_model_groups}
    for pairs in snapshot.members.values():
        for entry, deployment in pairs:
            if entry.info.team_id is None and entry.model_name in found:
                found[entry.model_name].append((entry, deployment))
    return [_group(office, name, pairs) for name, pairs in found.items() if pairs]


async def _shown(call: Call, team_id: str | None) -> list[Pair]:
    """Return those that the caller may use and that nobody hides from lists."""
    found, narrow = visible(call, team_id), call.office.fleet.narrow()
    if narrow is None:
        return found
    names = list(dict.fromkeys(public(entry) for entry, _ in found))
    kept = await narrow(call.caller, PATH, names)
    return [pair for pair in found if public(pair[0]) in kept]


def visible(call: Call, team_id: str | None) -> list[Pair]:
    """Return the deployments that the caller may use, or all for who sees all; `team_id`: those of this team alone."""
    caller = call.caller
    return [
        pair
        for name, pairs in call.office.fleet.snapshot().members.items()
        for pair in pairs
        if team_id in (None, pair[0].info.team_id)
        and (
            call.sees_all
            or (
                caller.admits(name) is None
                if pair[0].info.team_id is None
                else pair[0].info.team_id in (*caller.teams, caller.team_id)
            )
        )
    ]


def public(entry: ModelEntry) -> str:
    """Return the name that requests call a deployment by."""
    return (entry.info.team_public_model_name if entry.info.team_id else None) or entry.model_name


def _described(call: Call, pairs: Iterable[Pair]) -> list[Row]:
    return [
        {
            "model_name": entry.model_name,
            "litellm_params": _parameters(call, entry, deployment),
            "model_info": _information(call.office, entry, deployment),
        }
        for entry, deployment in pairs
    ]


def _parameters(call: Call, entry: ModelEntry, deployment: Deployment) -> Row:
    hidden = _HIDDEN if call.sees_all else _HIDDEN | _OF_ADMINS
    return {
        name: value
        for name, value in entry.params.written.items()
        if name not in hidden
        and name not in entry.params.provider
        and (name in _OF_ADMINS or _SECRET.search(name) is None)
        and not any(secret in str(value) for secret in deployment.secrets)
    }


def _information(office: Office, entry: ModelEntry, deployment: Deployment) -> Row:
    facts = _facts(office, entry, deployment)
    own = {name: value for name, value in entry.info.written.items() if name != GRANTED}
    return {
        **dict.fromkeys((*_LIMITS, "mode")),
        "supported_openai_params": parameters_of(office.fleet.snapshot().table, deployment),
        **facts,
        **own,
        "id": entry.id,
        "db_model": entry.info.db_model,
        "key": f"{deployment.provider}/{deployment.model}",
        "litellm_provider": deployment.provider,
        "pricing_overrides": entry.info.prices,
        "direct_access": True,
    }


def _facts(office: Office, entry: ModelEntry, deployment: Deployment) -> Row:
    """Return what the catalogue knows, and the prices that the deployment has of its own."""
    listed: Mapping[str, Any] = listed_facts(
        entry, deployment.provider, deployment.model, Catalogue.current(office.environ())
    )
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in listed.items()}


def _group(office: Office, name: str, pairs: list[Pair]) -> Row:
    facts = [_information(office, entry, deployment) for entry, deployment in pairs]
    params = [entry.params.written for entry, _ in pairs]

    def most(field: str) -> Any:
        return max((fact[field] for fact in facts if isinstance(fact.get(field), int | float)), default=None)

    abilities = sorted({*_ABILITIES, *(field for fact in facts for field in fact if field.startswith("supports_"))})
    return {
        "model_group": name,
        "providers": list(dict.fromkeys(deployment.provider for _, deployment in pairs)),
        **{field: most(field) for field in (*_LIMITS[1:], "input_cost_per_token", "output_cost_per_token")},
        "input_cost_per_pixel": most("input_cost_per_pixel"),
        "mode": next((fact["mode"] for fact in facts if fact.get("mode")), "chat"),
        **{field: sum(one.get(field) or 0 for one in params) or None for field in _SUMS},
        **{field: any(fact.get(field) is True for fact in facts) for field in abilities},
        "supported_reasoning_efforts": next(
            (found for fact in facts if (found := fact.get("supported_reasoning_efforts"))), None
        ),
        "description": next((found for fact in facts if (found := fact.get("description"))), None),
        "supported_openai_params": next((found for fact in facts if (found := fact["supported_openai_params"])), []),
        "configurable_clientside_auth_params": next(
            (
                one["configurable_clientside_auth_params"]
                for one in params
                if "configurable_clientside_auth_params" in one
            ),
            None,
        ),
        "is_public_model_group": name in office.config().litellm_settings.public_model_groups,
        "health_status": None,
        "health_response_time": None,
        "health_checked_at": None,
    }
