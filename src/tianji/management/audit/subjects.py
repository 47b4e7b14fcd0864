"""Which tables the log tells of, by which names, and which it does not.

A table that stands in neither list is told of by name alone: what its columns hold nobody has judged yet.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.storage import additions, tables
from tianji.storage.vault import Vault

Row = Mapping[str, Any]


class Subject(Struct, frozen=True):
    """One table: its name in the log, and the column that is kept encrypted.

    opened: returns that column as it was, by the salt and the row. Raises ValueError under another salt.
    """

    name: str
    closed: str = ""
    opened: Callable[[str, Row], Any] = lambda _salt, _row: None


def _credential(salt: str, row: Row) -> dict[str, str]:
    vault, name = Vault(salt, additions.CREDENTIAL_VALUES), row["credential_name"]
    values = (row["credential_values"] or {}).items()
    return {member: vault.open(closed, f"{name}/{member}") for member, closed in values}


def _parameters(salt: str, row: Row) -> dict[str, Any]:
    return additions.unsealed(salt, row["model_id"], row["litellm_params"] or {})


# named as programs written for LiteLLM's audit log filter by them, where it has such a table
SUBJECTS: Final[Mapping[sa.Table, Subject]] = {
    tables.BUDGETS: Subject("LiteLLM_BudgetTable"),
    tables.ORGANIZATIONS: Subject("LiteLLM_OrganizationTable"),
    tables.USERS: Subject("LiteLLM_UserTable"),
    tables.ORGANIZATION_MEMBERS: Subject("LiteLLM_OrganizationMembership"),
    tables.TEAMS: Subject("LiteLLM_TeamTable"),
    tables.TEAM_MEMBERS: Subject("LiteLLM_TeamMembership"),
    tables.PROJECTS: Subject("LiteLLM_ProjectTable"),
    tables.KEYS: Subject("LiteLLM_VerificationToken"),
    tables.CUSTOMERS: Subject("LiteLLM_EndUserTable"),
    tables.TAGS: Subject("LiteLLM_TagTable"),
    tables.CREDENTIALS: Subject("LiteLLM_CredentialsTable", "credential_values", _credential),
    tables.MODELS: Subject("LiteLLM_ProxyModelTable", "litellm_params", _parameters),
    tables.FALLBACKS: Subject("fallbacks"),
    tables.PASS_THROUGH: Subject("pass_through_endpoints", "endpoint", additions.endpoint_of),
    tables.PROMPTS: Subject("LiteLLM_PromptTable", "prompt", additions.prompt_of),
    tables.GUARDRAILS: Subject("LiteLLM_GuardrailsTable", "guardrail", additions.guardrail_of),
    tables.MCP_SERVERS: Subject("LiteLLM_MCPServerTable", "server", additions.tool_server_of),
    tables.SETTINGS: Subject("settings", "settings", additions.opened_settings),
}
UNTOLD: Final[Mapping[sa.Table, str]] = {
    tables.DELETED_KEYS: "what a key was is told where it is deleted or replaced",
    tables.DEPRECATED_KEYS: "that a key was replaced is told of the key",
    tables.CHANGES: "tells workers what to forget, and repeats what is told",
    tables.AUDIT_LOG: "is the log",
    tables.AUDIT_DESTINATIONS: "belongs to the log",
    **dict.fromkeys(
        (tables.LEDGER_ACCOUNTS, tables.LEDGER_ROWS, tables.PAYLOADS, tables.DAILY, tables.JOURNALS),
        "is what requests cost: nobody changes it by hand",
    ),
    tables.LEDGER_STATE: "the ledger's own notes",
    tables.RESPONSES: "objects of the callers' own, made by model calls",
    tables.OBJECTS: "objects of the callers' own, made by model calls",
    tables.REMOVALS: "what requests have left at upstreams, which goes by itself",
    tables.ALLOTMENTS: "what requests hold of limits while they are under way",
}
