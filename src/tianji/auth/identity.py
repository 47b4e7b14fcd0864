"""The caller, once he is known."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from tianji.auth.limits import Limits
from tianji.auth.models import ModelRule
from tianji.errors import ModelRefused


class Role(StrEnum):
    """What the owner of a key may do."""

    PROXY_ADMIN = "proxy_admin"
    PROXY_ADMIN_VIEWER = "proxy_admin_viewer"
    ORG_ADMIN = "org_admin"
    INTERNAL_USER = "internal_user"
    INTERNAL_USER_VIEWER = "internal_user_viewer"


class Scope(msgspec.Struct, frozen=True):
    """One of those whose limits a request is held against."""

    kind: Literal["key", "team", "team_member", "user", "organization", "project", "customer"]
    id: str  # of a team member: `user:team`
    limits: Limits


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. It cannot be empty: a caller has a key that limits, logs and the ledger can name.

    Raises ValueError for an empty name.
    """

    role: Role | None  # None for a key without an owner: model routes only
    user_id: str | None  # its owner; None, which is nobody's id, for a key without one
    key: str  # SHA-256 of the key in hex, or the alias that stands for it; never the key itself
    master: bool = False
    key_alias: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    agent_id: str | None = None
    expires: float | None = None  # seconds since the epoch
    allowed_routes: tuple[str, ...] = ()  # empty: no restriction
    aliases: Mapping[str, str] = {}  # a model that the client may ask for: the one that is meant
    rules: tuple[ModelRule, ...] = ()  # which models those above allow, in the order in which they are asked
    scopes: tuple[Scope, ...] = ()  # limits, the key's first
    metadata: Mapping[str, Any] = {}
    team_metadata: Mapping[str, Any] = {}
    router_settings: Mapping[str, Any] = {}
    permissions: Mapping[str, Any] = {}
    object_permission: Mapping[str, Any] = {}  # what its key may use beside models, by kind: lists of names
    team_object_permission: Mapping[str, Any] = {}  # likewise
    budget_fallbacks: Mapping[str, Any] = {}
    allowed_cache_controls: tuple[str, ...] = ()
    teams: Mapping[str, str] = {}  # teams of the user: his role there, admin or user
    organizations: Mapping[str, str] = {}  # organizations of the user: his role there
    end_user: str | None = None  # the customer for whom all his requests are, where that is not his to say
    stands_for: Mapping[str, Any] = {}  # of a caller without a key: the row that a key of his would have
    tags: frozenset[int] = frozenset()  # of everything that this was made of, see tianji.auth.tags
    labels: tuple[str, ...] = ()  # tags of the key and of its team, which all its requests have
    owner: Literal["", "key", "team"] = ""  # whose own callbacks are told of its requests
    demands: tuple[str, ...] = ()  # members that its requests have to have, as the key says
    account: bool = False  # its key is of a service, and no person's
    noted: bool = False  # its entries in the ledger say more than a key's usually do
    plain: bool = False  # nothing above has a word on models, members or routing: the request path looks no further
    limited: bool = False  # somebody of `scopes` has a limit
    terms: dict[Any, Any] = msgspec.field(default_factory=dict)  # on which he is let in, by Group and operation

    def __post_init__(self) -> None:
        if self.user_id == "" or not self.key:
            raise ValueError("an identity needs the name of its key, and an owner needs an id")
        steers = bool(self.aliases or self.rules or self.router_settings)
        narrows = any("allowed_model_region" in metadata for metadata in (self.metadata, self.team_metadata))
        labels = tuple(tag for metadata in (self.metadata, self.team_metadata) for tag in _texts(metadata.get("tags")))
        msgspec.structs.force_setattr(self, "labels", labels)
        msgspec.structs.force_setattr(self, "owner", _owner(self.metadata, self.team_metadata))
        demands = tuple(_texts(self.metadata.get("enforced_params")))
        account = "service_account_id" in self.metadata
        msgspec.structs.force_setattr(self, "demands", demands)
        msgspec.structs.force_setattr(self, "account", account)
        spend = any(metadata.get("spend_logs_metadata") for metadata in (self.metadata, self.team_metadata))
        msgspec.structs.force_setattr(self, "noted", bool(labels or self.owner or spend))
        msgspec.structs.force_setattr(self, "plain", not (steers or narrows or demands or account))
        msgspec.structs.force_setattr(self, "limited", any(scope.limits.limits for scope in self.scopes))

    def target(self, model: str) -> str:
        """Return the model that is meant by the name that the client sent."""
        return self.aliases.get(model, model)

    def admits(self, model: str) -> str | None:
        """Return None when `model`, a target, may be used, else the error type of whoever refuses it."""
        for rule in self.rules:
            if not rule.allows(model):
                return rule.denial
        return None

    def require(self, model: str) -> None:
        """Raise ModelRefused (403) for a model that may not be used."""
        denial = self.admits(model)
        if denial is not None:
            raise ModelRefused(
                f"this key may not use the model {model[:128]!r}; GET /v1/models lists those that it may", denial
            )


def _owner(metadata: Mapping[str, Any], team_metadata: Mapping[str, Any]) -> Literal["", "key", "team"]:
    """Return whose callbacks are told: the key's own, else its team's. They are never added up."""
    if metadata.get("logging"):
        return "key"
    older = team_metadata.get("callback_settings")
    named = isinstance(older, dict) and (older.get("success_callback") or older.get("failure_callback"))
    return "team" if team_metadata.get("logging") or named else ""


def _texts(written: object) -> Iterator[str]:
    return (text for text in written if isinstance(text, str)) if isinstance(written, list) else iter(())


OF_MASTER: Final = "litellm_proxy_master_key"  # stands in logs and limits where the digest of a key would
MASTER: Final = Identity(role=Role.PROXY_ADMIN, user_id="default_user_id", key=OF_MASTER, master=True)
ANYONE: Final = Identity(role=Role.INTERNAL_USER, user_id="default_user_id", key="no_master_key")
