"""The fields of a key: their types, where each is kept, and who may set it."""

import hashlib
import os
import secrets
import uuid
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tianji.errors import PermissionDenied, Unacceptable
from tianji.money import to_dollars
from tianji.storage.tables import NANOS

Text = str | UnsetType | None
Flag = bool | UnsetType | None
Names = list[str] | UnsetType | None
Table = dict[str, Any] | UnsetType | None
Number = float | UnsetType | None
RateType = Literal["guaranteed_throughput", "best_effort_throughput", "dynamic"] | UnsetType | None
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)] | UnsetType | None

PREFIX: Final = "sk-"
SHORTEST: Final = 16  # characters of a key that somebody chose himself


class Limited(msgspec.Struct, kw_only=True):
    """Fields that keys, users, teams and organizations share."""

    models: Names = UNSET
    metadata: Table = UNSET
    max_budget: Number = UNSET
    soft_budget: Number = UNSET
    budget_duration: Text = UNSET
    budget_limits: list[dict[str, Any]] | UnsetType | None = UNSET
    model_max_budget: Table = UNSET
    tpm_limit: Count = UNSET
    rpm_limit: Count = UNSET
    tpd_limit: Count = UNSET
    max_parallel_requests: Count = UNSET
    object_permission: Table = UNSET
    spend: Number = UNSET
    blocked: Flag = UNSET
    # kept inside `metadata`
    model_rpm_limit: dict[str, int] | UnsetType | None = UNSET
    model_tpm_limit: dict[str, int] | UnsetType | None = UNSET
    mcp_rpm_limit: dict[str, int] | UnsetType | None = UNSET
    tag_rpm_limit: dict[str, int] | UnsetType | None = UNSET
    rpm_limit_type: RateType = UNSET
    tpm_limit_type: RateType = UNSET
    guardrails: Names = UNSET
    prompts: Names = UNSET
    tags: Names = UNSET
    disable_global_guardrails: Flag = UNSET
    opted_out_global_guardrails: Names = UNSET
    allowed_passthrough_routes: Names = UNSET
    denied_passthrough_routes: Names = UNSET


class KeyFields(Limited, kw_only=True):
    """What may be said of a key when it is made or changed."""

    key: Text = UNSET
    key_alias: Text = UNSET
    duration: Text = UNSET
    aliases: Table = UNSET
    user_id: Text = UNSET
    team_id: Text = UNSET
    organization_id: Text = UNSET
    project_id: Text = UNSET
    agent_id: Text = UNSET
    budget_id: Text = UNSET
    budget_fallbacks: Table = UNSET
    permissions: Table = UNSET
    allowed_routes: Names = UNSET
    key_type: Literal["default", "llm_api", "management", "read_only"] | UnsetType | None = UNSET
    allowed_cache_controls: Names = UNSET
    config: Table = UNSET
    router_settings: Table = UNSET
    policies: Names = UNSET
    access_group_ids: Names = UNSET
    auto_rotate: Flag = UNSET
    rotation_interval: Text = UNSET
    send_invite_email: Flag = UNSET
    # kept inside `metadata`
    end_user_budget_id: Text = UNSET
    throttle_on_budget_exceeded: Flag = UNSET
    temp_budget_increase: Number = UNSET
    temp_budget_expiry: datetime | UnsetType | None = UNSET
    default_estimated_output_tokens: Count = UNSET
    default_estimated_output_tokens_per_model: Table = UNSET
    enforced_params: Names = UNSET
    enable_prompt_caching: Flag = UNSET
    allowed_vector_store_indexes: list[dict[str, Any]] | UnsetType | None = UNSET


PRIVILEGES: Final = frozenset({"priority", "batch_enqueued_token_limit", "logging", "team_member_budget_id"})
# what lets a caller go without guardrails that others meet, in every spelling that counts
UNGUARDED: Final = frozenset({"disable_global_guardrails", "disable_global_guardrail", "opted_out_global_guardrails"})
IN_METADATA: Final = frozenset(
    {
        *PRIVILEGES,
        "model_rpm_limit",
        "model_tpm_limit",
        "mcp_rpm_limit",
        "tag_rpm_limit",
        "rpm_limit_type",
        "tpm_limit_type",
        "guardrails",
        "prompts",
        "tags",
        *UNGUARDED,
        "allowed_passthrough_routes",
        "denied_passthrough_routes",
        "end_user_budget_id",
        "throttle_on_budget_exceeded",
        "temp_budget_increase",
        "temp_budget_expiry",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "enforced_params",
        "enable_prompt_caching",
        "allowed_vector_store_indexes",
    }
)
# what widens a key beyond what its owner has, or rewrites what it has spent
OF_ADMINS: Final = frozenset(
    {
        *PRIVILEGES,
        "spend",
        "throttle_on_budget_exceeded",
        "temp_budget_increase",
        "temp_budget_expiry",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "permissions",
        "allowed_passthrough_routes",
        *UNGUARDED,
        "budget_id",
        "config",
        "router_settings",
        "access_group_ids",
        "object_permission",
    }
)
_FIXED: Final = frozenset({"service_account_id"})  # members of `metadata` that no update changes
LOGIN_METHOD: Final = "login_method"  # of a session's key: how its owner came in
_OURS: Final = frozenset({LOGIN_METHOD, "sealed_key", "code_used"})  # that no request says; those of SCIM neither
_OF_SCIM: Final = "scim_"


def unfold(values: dict[str, Any]) -> None:
    """Take members of `metadata` that have a field of their own out of it, so that they are judged as that field."""
    metadata = values.get("metadata") or {}
    for name in IN_METADATA & metadata.keys():
        values.setdefault(name, metadata[name])
    if metadata:
        values["metadata"] = {name: value for name, value in metadata.items() if name not in IN_METADATA}


def require_allowed(values: dict[str, Any], of_admins: frozenset[str], *, admin: bool) -> None:
    """Refuse with 403 what only an administrator may set; nothing at all may be said of it, not even null."""
    refused = sorted(of_admins & values.keys())
    if refused and not admin:
        raise PermissionDenied(f"{', '.join(refused)} may be set by a proxy admin only; leave it out")


def into_metadata(values: dict[str, Any], stored: dict[str, Any] | None) -> None:
    """Move what is kept inside `metadata` there. `stored`: what is there already, None for something new.

    A new `metadata` replaces the old one; what has a field of its own survives that until its field says otherwise.
    """
    before = stored or {}
    moved = {name: values.pop(name) for name in IN_METADATA & values.keys()}
    if "metadata" in values:
        kept = {name: value for name, value in before.items() if name in IN_METADATA | _FIXED or _is_ours(name)}
        said = {name: value for name, value in (values["metadata"] or {}).items() if not _is_ours(name)}
        after = {**said, **kept}
    else:
        after = dict(before)
    for name, value in moved.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, datetime):
            after[name] = value.isoformat()
        else:
            after[name] = to_dollars(value) if name in NANOS else value
    if "metadata" in values or moved:
        values["metadata"] = after


def _is_ours(name: str) -> bool:
    """Whether a member of `metadata` is what the gateway notes: rights hang on it."""
    return name in _OURS or name.startswith(_OF_SCIM)


def make_secret() -> str:
    """Return a new key: `sk-` and 22 characters of chance, or as many as LENGTH_OF_LITELLM_GENERATED_KEY says."""
    wanted = os.environ.get("LENGTH_OF_LITELLM_GENERATED_KEY", "")
    return PREFIX + secrets.token_urlsafe(max(16, int(wanted)) if wanted.isascii() and wanted.isdigit() else 16)


def make_id() -> str:
    """Return an id for something that nobody named."""
    return str(uuid.uuid4())


def check_secret(secret: str) -> str:
    """Return a key that somebody chose. Raises Unacceptable (400) for one that could be guessed or not be sent."""
    if not secret.startswith(PREFIX) or len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable():
        raise Unacceptable(
            f"Invalid key format: a key starts with `{PREFIX}` and has at least {SHORTEST} characters", param="key"
        )
    if " " in secret or len(secret) > 512:
        raise Unacceptable("Invalid key format: a key has no blanks and at most 512 characters", param="key")
    return secret


def digest(secret_or_hash: str) -> str:
    """Return the hash that a key is stored under; management takes both."""
    if secret_or_hash.startswith(PREFIX):
        return hashlib.sha256(secret_or_hash.encode()).hexdigest()
    return secret_or_hash
