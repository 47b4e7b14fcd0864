"""A row of the ledger as programs know it from LiteLLM's table SpendLogs.

| theirs | ours |
|---|---|
| api_key, user | key, user_id |
| spend | cost, in dollars |
| startTime, endTime, completionStartTime | started_at, ended_at, answered_at |
| request_duration_ms | from started_at to ended_at |
| model_id, custom_llm_provider | deployment_id, provider |
| cache_hit | cache_hit, as the text True or False |
| request_tags | tags |
| requester_ip_address | ip |
| litellm_call_id | call_id |
| metadata | everything else: alias, attempt, parts of the tokens, facts of the cost, flags, the error, guardrails |

Everything else has the same name. What was said (`messages`, `response`, `proxy_server_request`) stands in another
table, and only what shows one request reads it.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tianji.ledger.terms import facts
from tianji.money import to_dollars

_SAME: Final = (
    "request_id", "call_type", "prompt_tokens", "completion_tokens", "model", "model_group", "api_base", "team_id",
    "organization_id", "end_user", "session_id", "status", "agent_id",
)  # fmt: skip
_OF_TOOLS: Final = "call_mcp_tool"  # whose entries name the server and its tool as their model group
COLUMNS: Final = (
    "request_id", "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens", "startTime",
    "endTime", "completionStartTime", "request_duration_ms", "model", "model_id", "model_group", "custom_llm_provider",
    "api_base", "user", "metadata", "cache_hit", "cache_key", "request_tags", "team_id", "organization_id", "end_user",
    "requester_ip_address", "messages", "response", "proxy_server_request", "session_id", "status", "agent_id",
    "litellm_call_id", "mcp_namespaced_tool_name",
)  # fmt: skip


def wire(row: Mapping[str, Any], said: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a row of the ledger in that form; `said` is its row of the payloads, where it is asked for."""
    said = said or {}
    made = {
        **{column: row[column] for column in _SAME},
        "api_key": row["key"],
        "spend": to_dollars(row["cost"]),
        "total_tokens": row["prompt_tokens"] + row["completion_tokens"],
        "startTime": moment(row["started_at"]),
        "endTime": moment(row["ended_at"]),
        "completionStartTime": moment(row["answered_at"]),
        "request_duration_ms": (row["ended_at"] - row["started_at"]) // 1000,
        "model_id": row["deployment_id"],
        "custom_llm_provider": row["provider"],
        "user": row["user_id"] or "",
        "metadata": _metadata(row),
        "cache_hit": str(bool(row["cache_hit"])),
        "cache_key": "",
        "request_tags": json.loads(row["tags"]),
        "requester_ip_address": row["ip"],
        "litellm_call_id": row["call_id"],
        "mcp_namespaced_tool_name": row["model_group"] if row["call_type"] == _OF_TOOLS else None,
        "messages": _document(said.get("messages")),
        "response": _document(said.get("response")),
        "proxy_server_request": _document(said.get("request")),
    }
    return {column: made[column] for column in COLUMNS}


def moment(microseconds: int | None) -> str | None:
    """Return a time in ISO 8601, in UTC."""
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "user_api_key": row["key"],
        "user_api_key_alias": row["key_alias"],
        "user_api_key_user_id": row["user_id"],
        "user_api_key_team_id": row["team_id"],
        "user_api_key_org_id": row["organization_id"],
        "user_api_key_project_id": row["project_id"],
        "user_agent": row["user_agent"],
        "requester_ip_address": row["ip"],
        "spend_logs_metadata": _object(row["spend_logs_metadata"]),
        "status": row["status"],
        "attempt": row["attempt"],
        "stream": bool(row["stream"]),
        "estimated": bool(row["estimated"]),
        "suspect": bool(row["suspect"]),
        "usage_object": {
            "cached_tokens": row["cached_tokens"],
            "written_tokens": row["written_tokens"],
            "reasoning_tokens": row["reasoning_tokens"],
        },
        "cost_breakdown": facts(row),
    }
    if row["guardrails"] is not None:
        made["guardrail_information"] = json.loads(row["guardrails"])
    if row["error_class"] is not None or row["error_code"] is not None:
        made["error_information"] = {
            "error_code": row["error_code"],
            "error_class": row["error_class"],
            "error_message": row["error_message"],
            "llm_provider": row["provider"],
        }
    return made


def _object(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _document(text: str | None) -> Any:
    """Return what was said; an empty object where that was not kept."""
    return {} if text is None else json.loads(text)
