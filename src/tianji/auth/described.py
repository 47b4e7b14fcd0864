"""A caller as others describe him: code of the operator's own, an identity provider, a proxy in front.

The names are those of LiteLLM's `UserAPIKeyAuth`. He is held to what is said of him as if a key of his said it, and,
where that is wanted, to what the database knows of his user, his team and those above them.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from tianji.auth.compiled import Record, Refusal, Row, compile_record
from tianji.auth.identity import Identity, Role, Scope
from tianji.auth.limits import BOUNDED, Limits
from tianji.auth.models import Groups
from tianji.lazy import load
from tianji.money import to_nanos
from tianji.providers.names import infer
from tianji.storage.store import Store

MANY: Final = 4096  # descriptions that are remembered; beyond, all are read again
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_REGION: Final = "allowed_model_region"
_RATES: Final = ("max_budget", "tpm_limit", "rpm_limit")

Count = Annotated[int, Meta(ge=0)]
Dollars = Annotated[float, Meta(ge=0)]
Table = dict[str, Any]


class Described(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of a caller; None where nothing is. What has `team_` before it is said of his team, and so on."""

    api_key: str | None = None
    token: str | None = None  # the SHA-256 of his key, where that is said instead
    key_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    user_role: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    org_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    agent_id: str | None = None
    end_user_id: str | None = None
    expires: datetime | None = None  # UTC, where it does not say
    blocked: bool | None = None
    models: tuple[str, ...] | None = None
    aliases: Table | None = None
    metadata: Table | None = None
    permissions: Table | None = None
    object_permission: Table | None = None
    router_settings: Table | None = None
    budget_fallbacks: Table | None = None
    allowed_routes: tuple[str, ...] | None = None
    allowed_cache_controls: tuple[str, ...] | None = None
    allowed_model_region: str | None = None
    spend: Dollars | None = None
    max_budget: Dollars | None = None
    soft_budget: Dollars | None = None
    budget_duration: str | None = None
    budget_limits: tuple[Table, ...] | None = None
    model_max_budget: Table | None = None
    max_parallel_requests: Count | None = None
    tpm_limit: Count | None = None
    rpm_limit: Count | None = None
    tpm_limit_per_model: dict[str, Count] | None = None
    rpm_limit_per_model: dict[str, Count] | None = None
    user_spend: Dollars | None = None
    user_max_budget: Dollars | None = None
    user_tpm_limit: Count | None = None
    user_rpm_limit: Count | None = None
    team_spend: Dollars | None = None
    team_max_budget: Dollars | None = None
    team_tpm_limit: Count | None = None
    team_rpm_limit: Count | None = None
    team_models: tuple[str, ...] | None = None
    team_model_aliases: dict[str, str] | None = None
    team_metadata: Table | None = None
    team_blocked: bool | None = None
    team_member_tpm_limit: Count | None = None
    team_member_rpm_limit: Count | None = None
    organization_max_budget: Dollars | None = None
    organization_tpm_limit: Count | None = None
    organization_rpm_limit: Count | None = None
    end_user_max_budget: Dollars | None = None
    end_user_tpm_limit: Count | None = None
    end_user_rpm_limit: Count | None = None

    def name(self, credential: bytes | None) -> str:
        """Return what limits and the ledger call him: by his key, else by who he is, else by what he sent."""
        known = self.token or self.api_key
        if known is not None and _DIGEST.fullmatch(known):
            return known
        whose = "\0".join(part or "" for part in (self.user_id, self.team_id, self.organization))
        return _digest((known or (whose.strip("\0") and f"described\0{whose}") or "").encode() or credential or b"")

    @property
    def organization(self) -> str | None:
        """The id of his organization."""
        return self.organization_id or self.org_id


class _Values(dict[str, Any]):
    """A row of which most is not said."""

    def __missing__(self, name: str) -> None:
        return None


class Descriptions:
    """Makes callers of what is said of them. What was said before, word for word, is remembered until anything changes.

    `groups`: the access groups of the configuration.
    """

    def __init__(self, store: Store, groups: Callable[[], Groups]) -> None:
        self._store = store
        self._groups = groups
        self._known: dict[tuple[bytes, str, bool], Identity | Refusal] = {}
        self._read = store.revisions.head

    async def identity(self, said: Described, credential: bytes | None, *, stored: bool) -> Identity:
        """Return the caller. `stored`: hold him to what the database knows of those above him, too.

        Raises AuthenticationFailed for one who is blocked, or whose team is; StoreUnavailable; and ValueError for an
        amount or a role that is none.
        """
        head = self._store.revisions.head
        if head != self._read:
            self._known.clear()
            self._read = head
        name = (_encode(said), said.name(credential), stored)
        found = self._known.get(name)
        if found is None:
            found = await self._compiled(said, name[1], stored=stored)
            if self._store.revisions.head == head:
                if len(self._known) >= MANY:
                    self._known.clear()
                self._known[name] = found
        if isinstance(found, Refusal):
            raise found.error()
        return found

    async def _compiled(self, said: Described, key: str, *, stored: bool) -> Identity | Refusal:
        record = record_of(said, key)
        if stored and not self._store.empty:
            database = await self._store.open()
            async with database.reading() as connection:
                record = beside(await load("tianji.auth.lookup").record(connection, record.key), record)
        found = compile_record(record, self._groups(), infer)
        if isinstance(found, Refusal):
            return found
        customer = said.end_user_id or None
        figures: dict[str, Any] = _figures(said, "end_user_", _RATES)
        scopes = (Scope("customer", customer, Limits(**figures)),) if customer and figures else ()
        return msgspec.structs.replace(
            found,
            role=found.role if said.user_role is None and stored else _role(said.user_role),
            user_email=found.user_email or said.user_email,
            end_user=customer,
            scopes=(*found.scopes, *scopes),
            stands_for={**record.key, "expires": None},
        )


def record_of(said: Described, key: str) -> Record:
    """Return what is said as rows of the database would say it. `key`: what stands for the SHA-256 of a key."""
    organization = _figures(said, "organization_", _RATES)
    member = _figures(said, "team_member_", _RATES[1:])
    return Record(
        key=_key(said, key),
        user=_user(said),
        team=_team(said),
        member=_row(member, user_id=said.user_id, team_id=said.team_id) if member and said.user_id else None,
        organization=_row(organization, organization_id=said.organization) if organization else None,
    )


def beside(stored: Record, said: Record) -> Record:
    """Return what is stored; what is said beside it can only be narrower, and stands where nothing is stored."""
    return msgspec.structs.replace(
        stored,
        user=_narrower(stored.user, said.user),
        team=_narrower(stored.team, said.team),
        member=stored.member or said.member,
        organization=stored.organization or said.organization,
    )


def _narrower(stored: Row | None, said: Row | None) -> Row | None:
    if stored is None or said is None:
        return stored or said
    limits = {name: [row[name] for row in (stored, said) if row.get(name) is not None] for name in BOUNDED}
    narrowed = {name: min(found) for name, found in limits.items() if found}
    return {**stored, **narrowed, "blocked": stored.get("blocked") or said["blocked"], "told_spend": said["told_spend"]}


def _key(said: Described, key: str) -> Row:
    expires = said.expires
    metadata = dict(said.metadata or {})
    if said.allowed_model_region is not None:
        metadata.setdefault(_REGION, said.allowed_model_region)
    for name, rates in (("model_rpm_limit", said.rpm_limit_per_model), ("model_tpm_limit", said.tpm_limit_per_model)):
        if rates is not None:
            metadata.setdefault(name, rates)
    plain = (
        "key_alias", "user_id", "team_id", "project_id", "agent_id", "models", "aliases", "permissions",
        "object_permission", "router_settings", "budget_fallbacks", "allowed_routes", "allowed_cache_controls",
        "budget_duration", "budget_limits", "model_max_budget", "max_parallel_requests",
    )  # fmt: skip
    return _row(
        {name: getattr(said, name) for name in plain} | _figures(said, "", (*_RATES, "soft_budget")),
        token=key,
        blocked=said.blocked is True,
        organization_id=said.organization,
        expires=expires.replace(tzinfo=UTC) if expires is not None and expires.tzinfo is None else expires,
        metadata=metadata,
        told_spend=_nanos(said.spend),
    )


def _user(said: Described) -> Row | None:
    figures = _figures(said, "user_", _RATES)
    if not said.user_id or not (figures or said.user_role):
        return None
    return _row(
        figures,
        user_id=said.user_id,
        user_email=said.user_email,
        user_role=said.user_role,
        told_spend=_nanos(said.user_spend),
    )


def _team(said: Described) -> Row | None:
    if not said.team_id:
        return None
    return _row(
        _figures(said, "team_", _RATES),
        team_id=said.team_id,
        team_alias=said.team_alias,
        models=said.team_models,
        model_aliases=said.team_model_aliases,
        metadata=said.team_metadata,
        blocked=said.team_blocked is True,
        told_spend=_nanos(said.team_spend),
    )


def _row(values: Mapping[str, Any], **more: Any) -> Row:
    return _Values({"spend": 0, **values, **more})


def _figures(said: Described, prefix: str, names: "tuple[str, ...]") -> dict[str, int]:
    """Return those limits that are said, in units of the database: money in nano-dollars."""
    found = {name: getattr(said, prefix + name) for name in names}
    return {
        name: to_nanos(value) if name.endswith("_budget") else value
        for name, value in found.items()
        if value is not None
    }


def _nanos(dollars: float | None) -> int:
    return 0 if dollars is None else to_nanos(dollars)


def _role(name: str | None) -> Role | None:
    """Return a role; None for what gives no rights here, such as `team` and `customer`."""
    return Role(name) if name in frozenset(Role) else None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


_encode: Final = msgspec.json.Encoder(enc_hook=str, order="sorted").encode
