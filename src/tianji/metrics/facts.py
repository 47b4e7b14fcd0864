"""What an entry says of itself that series are told apart by, and the values of the labels that come of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from tianji._core.journal.sheet import Alike
from tianji.ledger.entry import SUCCESS
from tianji.ledger.limits import category, kind

if TYPE_CHECKING:
    from tianji.ledger.terms import Terms

NONE: Final = "None"  # stands for a value that there is not, as in LiteLLM
OTHER: Final = "other"  # stands for all that have no series of their own
ROUTES: Final = {  # call types of the ledger, and the paths that lead to them
    "acompletion": "/chat/completions",
    "atext_completion": "/completions",
    "aembedding": "/embeddings",
    "amoderation": "/moderations",
    "aimage_generation": "/images/generations",
    "aimage_edit": "/images/edits",
    "aspeech": "/audio/speech",
    "atranscription": "/audio/transcriptions",
    "arerank": "/rerank",
    "aocr": "/ocr",
    "messages": "/v1/messages",
    "responses": "/responses",
    "_arealtime": "/realtime",
}


class Facts(NamedTuple):
    """The part of an entry that makes it alike to others. `marks`: of labels that the configuration adds."""

    key: str
    key_alias: str | None
    user_id: str | None
    team_id: str | None
    organization_id: str | None
    end_user: str | None
    ip: str | None
    agent: str | None
    model_group: str
    model: str
    deployment_id: str
    api_base: str
    provider: str
    call_type: str
    status: str
    error_code: str | None
    error_class: str | None
    limited: str | None = None
    marks: tuple[str, ...] = ()


def facts_of(alike: Alike, marks: tuple[str, ...]) -> Facts:
    """Return the facts of entries that are alike."""
    terms: Terms = alike.account.shared.terms
    return Facts(
        key=terms.key,
        key_alias=terms.key_alias,
        user_id=terms.user_id,
        team_id=terms.team_id,
        organization_id=terms.organization_id,
        end_user=alike.end_user,
        ip=alike.ip,
        agent=terms.user_agent,
        model_group=terms.model_group,
        model=terms.model,
        deployment_id=terms.deployment_id,
        api_base=terms.api_base,
        provider=terms.provider,
        call_type=terms.call_type,
        status=alike.status,
        error_code=alike.error_code,
        error_class=alike.error_class,
        limited=alike.limited,
        marks=marks,
    )


def reduced(facts: Facts) -> Facts:
    """Return facts that any number of entries may share: nothing of them is anybody's or was chosen by a client."""
    return facts._replace(
        key=OTHER,
        key_alias=OTHER,
        user_id=OTHER,
        team_id=OTHER,
        organization_id=OTHER,
        end_user=OTHER,
        ip=OTHER,
        agent=OTHER,
        model_group=OTHER,
        model=OTHER,
        marks=(OTHER,) * len(facts.marks),
    )


class Names(Struct, frozen=True):
    """What the database calls those whose ids entries have. `keys`: their own `metadata`, by label."""

    teams: Mapping[str, str] = {}
    organizations: Mapping[str, str] = {}
    emails: Mapping[str, str] = {}
    keys: Mapping[str, Mapping[str, str]] = {}


def values(facts: Facts, names: Names, groups: Mapping[str, str], marks: tuple[str, ...]) -> dict[str, str]:
    """Return the values of all labels. `groups`: model groups by deployment; `marks`: the labels of `facts.marks`."""
    failed = facts.status != SUCCESS
    server, _, tool = facts.model_group.partition("/")  # as entries of tools have it
    found: dict[str, str | None] = {
        "hashed_api_key": facts.key,
        "api_key_alias": facts.key_alias,
        "user": facts.user_id,
        "user_email": names.emails.get(facts.user_id or ""),
        "team": facts.team_id,
        "team_alias": names.teams.get(facts.team_id or ""),
        "org_id": facts.organization_id,
        "org_alias": names.organizations.get(facts.organization_id or ""),
        "end_user": facts.end_user,
        "client_ip": facts.ip,
        "user_agent": facts.agent,
        "requested_model": facts.model_group or (OTHER if failed else None),
        "model": facts.model,
        "litellm_model_name": facts.model,
        "model_group": groups.get(facts.deployment_id, facts.model_group),
        "model_id": facts.deployment_id,
        "api_base": facts.api_base,
        "api_provider": facts.provider,
        "route": ROUTES.get(facts.call_type, facts.call_type),
        "status_code": (facts.error_code if failed else "200"),
        "exception_status": facts.error_code,
        "exception_class": facts.error_class,
        "rate_limit_category": category(facts.error_code, facts.error_class, facts.deployment_id),
        "rate_limit_type": kind(facts.error_class, facts.limited),
        "mcp_server_name": server,
        "mcp_tool_name": tool or server,
        "reason": "missing_pricing_key",
        **dict(zip(marks, facts.marks, strict=False)),
        **names.keys.get(facts.key, {}),
    }
    return {label: value or NONE for label, value in found.items()}
