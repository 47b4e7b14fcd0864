"""The tables. Columns are called what the management API calls them, so that a row is nearly its own answer.

Amounts (`NANOS`) are integers of 10^-9 US dollars. Rows name each other by id without foreign keys where an
administrator may name what does not exist yet; memberships do not outlive what they join.
"""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from tianji.storage.columns import Moment, document, nanos

METADATA: Final = sa.MetaData()
NANOS: Final = frozenset({"spend", "total_spend", "max_budget", "soft_budget", "temp_budget_increase"})

_Columns = Iterator["sa.Column[Any]"]


def _text(*names: str) -> _Columns:
    return (sa.Column(name, sa.Text) for name in names)


def _documents(*names: str) -> _Columns:
    return (sa.Column(name, document()) for name in names)


def _flags(*names: str) -> _Columns:
    return (sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()) for name in names)


def _moments(*names: str) -> _Columns:
    return (sa.Column(name, Moment) for name in names)


def _spent(*names: str) -> _Columns:
    yield from (sa.Column(name, nanos(), nullable=False, server_default="0") for name in names)
    yield from _moments("spend_since")  # what began before is not in `spend`, for it was spent in an earlier period


def _limits() -> _Columns:
    yield from (sa.Column(name, nanos()) for name in ("max_budget", "soft_budget"))
    yield from _text("budget_duration")
    yield sa.Column("budget_reset_at", Moment, index=True)
    yield from (
        sa.Column(name, sa.BigInteger) for name in ("tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests")
    )
    yield from _documents("budget_limits", "model_max_budget")


def _history() -> _Columns:
    yield from (sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at"))
    yield from _text("created_by", "updated_by")


BUDGETS: Final = sa.Table(
    "budgets",
    METADATA,
    sa.Column("budget_id", sa.Text, primary_key=True),
    *_limits(),
    *_documents("allowed_models"),
    sa.Column("temp_budget_increase", nanos()),
    *_moments("temp_budget_expiry"),
    sa.Column("batch_enqueued_token_limit", sa.BigInteger),
    *_history(),
)

ORGANIZATIONS: Final = sa.Table(
    "organizations",
    METADATA,
    sa.Column("organization_id", sa.Text, primary_key=True),
    *_text("organization_alias", "budget_id"),
    *_documents("models", "metadata", "object_permission", "model_spend"),
    *_spent("spend"),
    *_history(),
)

USERS: Final = sa.Table(
    "users",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("user_email", sa.Text, index=True),
    sa.Column("sso_user_id", sa.Text, unique=True),
    *_text("user_alias", "user_role", "password"),
    *_flags("password_reset_required"),
    *_documents("models", "metadata", "object_permission", "model_spend", "allowed_cache_controls", "policies"),
    *_spent("spend"),
    *_limits(),
    *_history(),
)

ORGANIZATION_MEMBERS: Final = sa.Table(
    "organization_members",
    METADATA,
    sa.Column(
        "organization_id", sa.Text, sa.ForeignKey("organizations.organization_id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True, index=True),
    *_text("user_role", "budget_id"),
    *_spent("spend"),
    *_history(),
)

TEAMS: Final = sa.Table(
    "teams",
    METADATA,
    sa.Column("team_id", sa.Text, primary_key=True),
    sa.Column("organization_id", sa.Text, index=True),
    *_text("team_alias"),
    *_flags("blocked"),
    *_documents("models", "model_aliases", "metadata", "object_permission", "model_spend", "router_settings"),
    *_documents("team_member_permissions", "default_team_member_models", "access_group_ids", "policies"),
    *_spent("spend"),
    *_limits(),
    *_history(),
)

TEAM_MEMBERS: Final = sa.Table(
    "team_members",
    METADATA,
    sa.Column("team_id", sa.Text, sa.ForeignKey("teams.team_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("role", sa.Text, nullable=False),
    *_text("budget_id"),
    *_documents("allowed_models"),
    *_spent("spend", "total_spend"),
    *_history(),
)

PROJECTS: Final = sa.Table(
    "projects",
    METADATA,
    sa.Column("project_id", sa.Text, primary_key=True),
    sa.Column("team_id", sa.Text, index=True),
    *_text("project_alias", "description", "budget_id"),
    *_flags("blocked"),
    *_documents("models", "metadata", "object_permission", "model_spend"),
    *_spent("spend"),
    *_history(),
)

KEYS: Final = sa.Table(
    "keys",
    METADATA,
    sa.Column("token", sa.Text, primary_key=True),  # SHA-256 of the key in hex
    sa.Column("key_alias", sa.Text, unique=True),
    sa.Column("user_id", sa.Text, index=True),
    sa.Column("team_id", sa.Text, index=True),
    sa.Column("organization_id", sa.Text, index=True),
    sa.Column("project_id", sa.Text, index=True),
    *_text("key_name", "key_type", "agent_id", "budget_id", "rotation_interval"),
    *_flags("blocked", "auto_rotate"),
    *_documents("models", "aliases", "metadata", "permissions", "allowed_routes", "allowed_cache_controls"),
    *_documents("config", "router_settings", "object_permission", "policies", "access_group_ids"),
    *_documents("model_spend", "budget_fallbacks"),
    *_spent("spend", "total_spend"),
    *_limits(),
    sa.Column("rotation_count", sa.Integer, nullable=False, server_default="0"),
    *_moments("expires", "last_rotation_at", "settings_updated_at", "last_active"),
    sa.Column("key_rotation_at", Moment, index=True),
    *_history(),
    sa.Index("ix_keys_created_at", "created_at"),
)

DELETED_KEYS: Final = sa.Table(
    "deleted_keys",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("token", sa.Text, nullable=False, index=True),
    *_text("key_alias", "user_id", "team_id", "deleted_by"),
    sa.Column("row", document(), nullable=False),
    sa.Column("deleted_at", Moment, nullable=False),
)

DEPRECATED_KEYS: Final = sa.Table(
    "deprecated_keys",
    METADATA,
    sa.Column("token", sa.Text, primary_key=True),  # of the old secret
    sa.Column(
        "active_token", sa.Text, sa.ForeignKey("keys.token", ondelete="CASCADE", onupdate="CASCADE"), nullable=False
    ),
    sa.Column("revoke_at", Moment, nullable=False),
    sa.Index("ix_deprecated_keys_active_token", "active_token"),
)

CUSTOMERS: Final = sa.Table(
    "customers",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    *_text("alias", "allowed_model_region", "default_model", "budget_id"),
    *_flags("blocked"),
    *_documents("models", "object_permission"),
    *_spent("spend"),
    *_history(),
)

TAGS: Final = sa.Table(
    "tags",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    *_text("description", "budget_id"),
    *_documents("models", "model_info"),
    *_spent("spend"),
    *_history(),
)

CREDENTIALS: Final = sa.Table(
    "credentials",
    METADATA,
    sa.Column("credential_name", sa.Text, primary_key=True),
    *_text("display_name"),
    *_documents("credential_info", "credential_values"),  # each of the values is encrypted
    *_history(),
)

MODELS: Final = sa.Table(
    "models",
    METADATA,
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("model_name", sa.Text, nullable=False),
    *_documents("litellm_params", "model_info"),  # texts and structures in the former are encrypted
    *_flags("blocked"),
    *_history(),
)

FALLBACKS: Final = sa.Table(
    "fallbacks",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("fallback_type", sa.Text, primary_key=True),
    *_documents("fallback_models"),
    *_history(),
)

PASS_THROUGH: Final = sa.Table(
    "pass_through_endpoints",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),  # the whole of it as JSON, encrypted: headers hold secrets
    *_history(),
)

PROMPTS: Final = sa.Table(
    "prompts",
    METADATA,
    sa.Column("prompt_id", sa.Text, primary_key=True),  # without a version
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("prompt", sa.Text, nullable=False),  # params and info as JSON, encrypted: params hold keys of sources
    *_history(),
)
GUARDRAILS: Final = sa.Table(
    "guardrails",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("guardrail", sa.Text, nullable=False),  # the whole entry as JSON, encrypted: parameters hold secrets
    sa.Column("status", sa.Text, nullable=False),  # active, pending_review or rejected
    sa.Column("team_id", sa.Text),  # who submitted it
    sa.Column("submitted_at", Moment),
    sa.Column("reviewed_at", Moment),
    *_history(),
)

MCP_SERVERS: Final = sa.Table(
    "mcp_servers",
    METADATA,
    sa.Column("server_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("server", sa.Text, nullable=False),  # the whole entry as JSON, encrypted: credentials are part of it
    *_history(),
)

SETTINGS: Final = sa.Table(
    "settings",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),  # of what is set
    sa.Column("settings", sa.Text, nullable=False),  # the whole of it as JSON, encrypted: passwords are among it
    *_history(),
)

CHANGES: Final = sa.Table(
    "changes",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("tag", sa.BigInteger, nullable=False),  # what changed, see tianji.auth.tags
    sa.Column("made_at", Moment, nullable=False, index=True),
    sqlite_autoincrement=True,  # an id is never given twice, or a poller would miss the second
)


def _index_of_some(name: str, column: str, *others: str) -> sa.Index:
    """Return an index of the rows in which a column holds something."""
    some = sa.text(f"{column} IS NOT NULL")
    return sa.Index(name, column, *others, sqlite_where=some, postgresql_where=some)


ABOUT: Final = ("object_team_id", "former_team_id", "renamed_to")
AUDIT_LOG: Final = sa.Table(
    "audit_log",
    METADATA,
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    ),  # in the order of writing
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("updated_at", Moment, nullable=False),
    *_text("changed_by", "changed_by_api_key"),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("action", "table_name", "object_id")),
    *_documents("before_value", "updated_values"),  # without secrets, see tianji.management.audit.values
    # the team that the object is or belongs to, the one that it belonged to before, and another name that it has now
    *_text(*ABOUT),
    sa.Index("ix_audit_log_changed_by_action", "changed_by", "action", "table_name", "updated_at", "number"),
    *(_index_of_some(f"ix_audit_log_{name}", name, "updated_at", "number", "action", "table_name") for name in ABOUT),
    *(  # what lists are filtered and sorted by, each with what it is counted by: no row is read for that
        sa.Index(f"ix_audit_log_{names[0]}", *names)
        for names in (
            ("updated_at", "number", "action", "table_name"),
            ("changed_by", "updated_at", "number", "action", "table_name"),
            ("changed_by_api_key", "updated_at", "number", "action", "table_name"),
            ("action", "updated_at", "number", "table_name"),
            ("table_name", "updated_at", "number", "action"),
            ("object_id", "updated_at", "number"),
        )
    ),
    sqlite_autoincrement=True,  # a number is never given twice, or a destination would miss the second
)
"""What management changed, by whom, for as long as the configuration keeps it."""

AUDIT_DESTINATIONS: Final = sa.Table(
    "audit_destinations",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),  # the number of the last entry that it was told
    sa.Column("due_at", Moment, nullable=False),  # nobody tells it before
)


def _counts(*names: str) -> _Columns:
    return (sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names)


def _numbered() -> "sa.Column[Any]":
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


LEDGER_ACCOUNTS: Final = sa.Table(
    "ledger_accounts",
    METADATA,
    _numbered(),
    sa.Column("digest", sa.Text, nullable=False, unique=True),  # of all the others
    *_text("call_type", "model_group", "model", "provider", "deployment_id", "api_base"),
    *(sa.Column(name, sa.Text, index=True) for name in ("key", "user_id", "team_id", "project_id")),
    *_text("key_alias", "organization_id", "agent_id", "user_agent"),
    *_text("tags", "rates"),  # JSON; no query looks into them
)
"""What rows of the ledger have in common: whom they are for, what served them, and at what rates."""

LEDGER_ROWS: Final = sa.Table(
    "ledger_rows",
    METADATA,
    _numbered(),
    sa.Column("request_id", sa.Text, nullable=False, unique=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("account", sa.BigInteger, nullable=False),  # the id of a row of `ledger_accounts`
    sa.Column("started_at", sa.BigInteger, nullable=False),  # these are microseconds since 1970
    sa.Column("ended_at", sa.BigInteger, nullable=False),
    sa.Column("answered_at", sa.BigInteger),
    *_counts("attempt"),
    *_text("status", "end_user", "session_id", "ip"),
    *_counts("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens"),
    sa.Column("cost", nanos(), nullable=False),
    *_text("quantities"),  # JSON: of what the cost comes of, in the order of the account's rates
    *_counts("flags"),  # their sum: 1 stream, 2 cache hit, 4 estimated, 8 suspect
    *_text("error_code", "error_class", "error_message", "guardrails", "spend_logs_metadata"),  # the last two as JSON
    sa.Index(  # whatever lists are ordered by, and filtered by where nothing below helps: no row is read for it
        "ix_ledger_rows_listed",
        *("started_at", "id", "account", "cost", "ended_at", "prompt_tokens", "completion_tokens", "flags"),
    ),
    sa.Index("ix_ledger_rows_account", "account", "started_at", "id"),
    *(  # most rows are in none of these
        sa.Index(f"ix_ledger_rows_{name}", *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
        for name, columns, where in (
            ("end_user", ("end_user", "started_at", "id"), "end_user IS NOT NULL"),
            ("session_id", ("session_id", "started_at", "id"), "session_id IS NOT NULL"),
            ("failed", ("started_at", "id"), "status = 'failure'"),
            ("hit", ("started_at", "id"), "flags & 2 = 2"),
        )
    ),
)

LEDGER: Final = sa.Table(
    "ledger",
    sa.MetaData(),
    *(sa.Column(column.name, column.type) for column in LEDGER_ROWS.c),
    *_flags("stream", "cache_hit", "estimated", "suspect"),
    *(sa.Column(column.name, column.type) for column in LEDGER_ACCOUNTS.c if column.name not in ("id", "digest")),
)
"""A view: rows with what they have in common. To be read only."""

PAYLOADS: Final = sa.Table(
    "payloads",
    METADATA,
    sa.Column("request_id", sa.Text, primary_key=True),
    *_text("messages", "response", "request"),  # JSON
)

DAILY: Final = sa.Table(
    "daily_spend",
    METADATA,
    # whose part it is: all, key, user, ...; one request is in one row of each kind that it has a name in
    *(
        sa.Column(name, sa.Text, primary_key=True)
        for name in ("kind", "day", "entity", "key", "model", "model_group", "provider", "call_type")
    ),
    sa.Column("logged", sa.Boolean, primary_key=True),  # whether these requests have rows in the ledger
    sa.Column("spend", nanos(), nullable=False, server_default="0"),
    *_counts("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens"),
    *_counts("requests", "successes", "failures", "cache_hits", "milliseconds"),
    *_counts("spared_tokens"),  # of completions that the cache gave
    sa.Index("ix_daily_spend_entity", "kind", "entity", "day"),
)

JOURNALS: Final = sa.Table(
    "journals",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),  # bytes of the file that are in the ledger
    sa.Column("moved_at", Moment, nullable=False),
)

LEDGER_STATE: Final = sa.Table(
    "ledger_state",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

RESPONSES: Final = sa.Table(
    "responses",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    *_text("key", "user_id", "team_id"),  # whose it is
    *_text("previous_id"),  # of the response that it follows
    *_text("deployment_id"),  # who made it
    *_text("input", "response"),  # JSON: the items that were sent, the whole object that was answered
    *_flags("running"),  # it is being made in the background
    *_moments("seen_at"),  # when whoever makes it said so last
    sa.Index("ix_responses_created_at", "created_at"),
)

OBJECTS: Final = sa.Table(
    "objects",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # as its owner sees it
    *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "owner")),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON: the object as its owner saw it last
    *_text("payer"),  # JSON: who pays for it when it is over; null where nobody does, or has
    sa.Index("ix_objects_owner", "owner", "kind", "created_at", "id"),
)

REMOVALS: Final = sa.Table(
    "removals",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("deployment_id", sa.Text, nullable=False),  # at whose upstream something lies
    sa.Column("call", sa.Text, nullable=False),  # JSON: the request that removes it
    sa.Column("holder", sa.Text, nullable=False),  # the process that is to remove it
    sa.Column("noted_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),  # from then on anybody removes it
    sa.Index("ix_removals_due_at", "due_at"),
    sa.Index("ix_removals_holder", "holder"),
)

ALLOTMENTS: Final = sa.Table(
    "allotments",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),  # of what was allotted: the id of a batch, once it has one
    sa.Column("holder", sa.Text, primary_key=True),  # whose limit it is, and which one
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("taken_at", Moment, nullable=False),
    sa.Column("in_use", sa.Boolean, nullable=False),
    sa.Index("ix_allotments_holder", "holder", "taken_at"),
)
