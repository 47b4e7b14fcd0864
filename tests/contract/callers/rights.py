"""What each role may do: one row a management route, and what is sent there."""

from collections.abc import Callable
from typing import Any

from tests.contract.callers.roles import (
    ADMIN,
    BILLS,
    ENDPOINTS,
    EVERYBODY,
    FOREIGN,
    HEAD,
    LEADER,
    NOBODY,
    USER,
    VIEWER,
    World,
    billed,
    callback,
    entry,
    guardrail,
    kept_tool_server,
    model,
    numbers,
    prompt,
    setting,
    tool_server,
)

Ask = Callable[[World, str, str], dict[str, Any]]  # what to send: (world, role, side) -> fields; `path:` in the path
CUSTOMER: dict[str, tuple[Ask, set[str]]] = {
    "new": (lambda w, r, s: {"user_id": f"{s}-{next(numbers)}"}, {ADMIN}),
    "update": (lambda w, r, s: {"user_id": w.named("/customer/new", s, user_id=None), "alias": "x"}, {ADMIN}),
    "delete": (lambda w, r, s: {"user_ids": [w.named("/customer/new", s, user_id=None)]}, {ADMIN}),
    "block": (lambda w, r, s: {"user_ids": [w.named("/customer/new", s, user_id=None)]}, {ADMIN}),
    "unblock": (lambda w, r, s: {"user_ids": [w.named("/customer/new", s, user_id=None)]}, {ADMIN}),
    "info": (lambda w, r, s: {"end_user_id": w.named("/customer/new", s, user_id=None)}, {ADMIN, VIEWER}),
    "list": (lambda w, r, s: {}, {ADMIN, VIEWER}),
}
DAYS = {"start_date": "2026-01-01 00:00:00", "end_date": "2026-01-02 00:00:00"}
PAST = {"start_time_utc": "2026-01-01T00:00:00Z", "end_time_utc": "2026-01-02T00:00:00Z"}  # nothing was spent
SPAN = {"start_date": "2026-01-01", "end_date": "2026-01-02"}
ACTIVITY: dict[str, tuple[Ask, set[str]]] = {
    "user": (
        lambda w, r, s: {
            **SPAN,
            **({} if (r, s) == (NOBODY, "own") else {"user_id": f"user-{r if s == 'own' else s}"}),
        },
        EVERYBODY,
    ),
    "team": (lambda w, r, s: {**SPAN, "team_ids": f"team-{s}"}, EVERYBODY - {NOBODY}),
    "organization": (lambda w, r, s: {**SPAN, "organization_ids": f"org-{s}"}, {ADMIN, VIEWER, HEAD}),
    "tag": (lambda w, r, s: {**SPAN, "tags": "t"}, EVERYBODY - {NOBODY}),
    **{name: (lambda w, r, s: SPAN, {ADMIN, VIEWER}) for name in ("project", "customer", "end_user", "agent")},
}
GLOBAL = (
    "spend", "spend/logs", "spend/keys", "spend/teams", "spend/models", "spend/provider", "spend/tags",
    "spend/all_tag_names", "spend/report", "activity", "activity/model",
    "activity/cache_hits", "activity/exceptions", "activity/exceptions/deployment",
)  # fmt: skip
# path: what to send, which roles may do it to what is theirs
CALLBACK = "/team/{team_id}/callback"
CASES: dict[tuple[str, str], tuple[Ask, set[str]]] = {
    ("POST", "/key/generate"): (
        lambda w, r, s: {"team_id": "team-foreign"} if s == FOREIGN else {},
        {ADMIN, HEAD, LEADER, USER},
    ),
    ("POST", "/key/service-account/generate"): (lambda w, r, s: {"team_id": f"team-{s}"}, {ADMIN, HEAD, LEADER}),
    ("POST", "/key/update"): (
        lambda w, r, s: {"key": w.key(r, s), "key_alias": f"x{next(numbers)}"},
        {ADMIN, HEAD, LEADER, USER},
    ),
    ("POST", "/key/bulk_update"): (
        lambda w, r, s: {"keys": [{"key": w.key(r, s), "aliases": {}}]},
        {ADMIN, HEAD, LEADER, USER},
    ),
    ("POST", "/team/key/bulk_update"): (
        lambda w, r, s: {"team_id": f"team-{s}", "all_keys_in_team": True, "update_fields": {"tags": []}},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", "/key/delete"): (lambda w, r, s: {"keys": [w.key(r, s)]}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/block"): (lambda w, r, s: {"key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/unblock"): (lambda w, r, s: {"key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/regenerate"): (lambda w, r, s: {"key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/{key}/regenerate"): (lambda w, r, s: {"path:key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/{key}/reset_spend"): (lambda w, r, s: {"path:key": w.key(r, s), "reset_to": 0}, {ADMIN}),
    ("GET", "/key/info"): (lambda w, r, s: {"key": w.keys[r] if s == "own" else w.key(r, s)}, EVERYBODY),
    ("POST", "/v2/key/info"): (lambda w, r, s: {"keys": [w.keys[r] if s == "own" else w.key(r, s)]}, EVERYBODY),
    ("GET", "/key/list"): (
        lambda w, r, s: {"return_full_object": True, "include_team_keys": True, "team_id": f"team-{s}"},
        EVERYBODY,
    ),
    ("GET", "/key/aliases"): (lambda w, r, s: {}, EVERYBODY),
    ("POST", "/user/new"): (lambda w, r, s: {"organizations": [f"org-{s}"]}, {ADMIN, HEAD}),
    ("POST", "/user/update"): (lambda w, r, s: {"user_id": w.user(s), "user_alias": "x"}, {ADMIN, HEAD}),
    ("POST", "/user/bulk_update"): (
        lambda w, r, s: {"users": [{"user_id": w.user(s), "user_alias": "x"}]},
        {ADMIN, HEAD},
    ),
    ("POST", "/user/delete"): (lambda w, r, s: {"user_ids": [w.user(s)]}, {ADMIN, HEAD}),
    ("GET", "/user/info"): (
        lambda w, r, s: {"user_id": f"user-{r}" if s == "own" else w.user(s)},
        EVERYBODY - {NOBODY},
    ),
    ("GET", "/v2/user/info"): (
        lambda w, r, s: {"user_id": f"user-{r}" if s == "own" else w.user(s)},
        EVERYBODY - {NOBODY},
    ),
    ("GET", "/user/list"): (lambda w, r, s: {}, {ADMIN, VIEWER, HEAD, LEADER}),
    ("POST", "/team/new"): (lambda w, r, s: {"organization_id": f"org-{s}"}, {ADMIN, HEAD}),
    ("POST", "/team/update"): (lambda w, r, s: {"team_id": f"team-{s}", "team_alias": "x"}, {ADMIN, HEAD, LEADER}),
    ("PATCH", "/team/{team_id}"): (lambda w, r, s: {"path:team_id": f"team-{s}", "team_alias": "x"}, {ADMIN, HEAD}),
    ("POST", "/team/delete"): (lambda w, r, s: {"team_ids": [w.team(s)]}, {ADMIN, HEAD}),
    ("POST", "/team/block"): (lambda w, r, s: {"team_id": w.team(s)}, {ADMIN, HEAD}),
    ("POST", "/team/unblock"): (lambda w, r, s: {"team_id": w.team(s)}, {ADMIN, HEAD}),
    ("POST", "/team/model/add"): (lambda w, r, s: {"team_id": w.team(s), "models": ["m"]}, {ADMIN}),
    ("POST", "/team/model/delete"): (lambda w, r, s: {"team_id": w.team(s), "models": ["m"]}, {ADMIN}),
    ("GET", "/team/info"): (lambda w, r, s: {"team_id": f"team-{s}"}, EVERYBODY - {NOBODY}),
    ("GET", "/team/list"): (lambda w, r, s: {"organization_id": f"org-{s}"}, EVERYBODY),
    ("GET", "/v2/team/list"): (lambda w, r, s: {"organization_id": f"org-{s}"}, EVERYBODY),
    ("GET", "/team/available"): (lambda w, r, s: {}, EVERYBODY),
    ("POST", "/team/member_add"): (
        lambda w, r, s: {"team_id": f"team-{s}", "member": {"user_id": f"member-{s}-{next(numbers)}"}},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", "/team/bulk_member_add"): (
        lambda w, r, s: {"team_id": f"team-{s}", "members": [{"user_id": f"member-{s}-{next(numbers)}"}]},
        {ADMIN, HEAD},
    ),
    ("POST", "/team/member_update"): (
        lambda w, r, s: {"team_id": f"team-{s}", "user_id": w.member(s), "role": "user"},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", "/team/member_delete"): (
        lambda w, r, s: {"team_id": f"team-{s}", "user_id": w.member(s)},
        {ADMIN, HEAD, LEADER},
    ),
    ("GET", "/team/permissions_list"): (lambda w, r, s: {"team_id": f"team-{s}"}, EVERYBODY - {NOBODY}),
    ("POST", "/team/permissions_update"): (
        lambda w, r, s: {"team_id": f"team-{s}", "team_member_permissions": []},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", CALLBACK): (lambda w, r, s: {"path:team_id": w.team(s), "callback_name": "langfuse"}, {ADMIN, HEAD}),
    ("GET", CALLBACK): (lambda w, r, s: {"path:team_id": f"team-{s}"}, {ADMIN, VIEWER, HEAD, LEADER}),
    ("DELETE", CALLBACK + "/{callback_name}"): (
        lambda w, r, s: {"path:team_id": w.telling_team(s), "path:callback_name": "langfuse"},
        {ADMIN, HEAD},
    ),
    ("POST", "/team/{team_id}/disable_logging"): (
        lambda w, r, s: {"path:team_id": f"team-{s}"},
        {ADMIN, HEAD, LEADER},
    ),
    ("GET", "/audit"): (lambda w, r, s: {"object_id": f"team-{s}"}, {ADMIN, VIEWER}),
    ("GET", "/audit/{id}"): (lambda w, r, s: {"path:id": entry(w, s)}, {ADMIN, VIEWER}),
    **{
        ("GET", path): (lambda w, r, s: {}, {ADMIN, VIEWER})
        for path in ("/callbacks/list", "/active/callbacks", "/settings")
    },
    ("GET", "/callbacks/configs"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/get/config/callbacks"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("POST", "/config/update"): (lambda w, r, s: {"litellm_settings": {"langfuse_default_tags": [s]}}, {ADMIN}),
    ("POST", "/config/field/update"): (
        lambda w, r, s: {"field_name": "max_batch_file_records", "field_value": 5},
        {ADMIN},
    ),
    ("POST", "/config/field/delete"): (lambda w, r, s: {"field_name": setting(w)}, {ADMIN}),
    ("GET", "/config/field/info"): (lambda w, r, s: {"field_name": "store_model_in_db"}, {ADMIN, VIEWER}),
    ("GET", "/config/list"): (lambda w, r, s: {"config_type": "general_settings"}, {ADMIN, VIEWER}),
    ("POST", "/config/callback/delete"): (lambda w, r, s: {"callback_name": callback(w)}, {ADMIN}),
    ("POST", "/team/{team_id}/member/{user_id}/reset_spend"): (
        lambda w, r, s: {"path:team_id": f"team-{s}", "path:user_id": w.member(s), "reset_to": 0},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", "/organization/info"): (lambda w, r, s: {"organizations": [f"org-{s}"]}, {ADMIN, VIEWER, HEAD}),
    ("GET", "/team/metadata_schema"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/utils/model_info"): (lambda w, r, s: {"model": "gpt-4o"}, EVERYBODY),
    **{
        ("GET", path): (lambda w, r, s: {}, {ADMIN, VIEWER})
        for path in (
            "/model/cost_map/source",
            "/get/internal_user_settings",
            "/get/default_team_settings",
            "/config/cost_discount_config",
            "/config/cost_margin_config",
            "/config/block_requests_for_models_without_pricing",
        )
    },
    ("POST", "/model_group/make_public"): (lambda w, r, s: {"model_groups": []}, {ADMIN}),
    ("POST", "/model_hub/update_useful_links"): (lambda w, r, s: {"useful_links": {}}, {ADMIN}),
    ("PATCH", "/update/internal_user_settings"): (lambda w, r, s: {}, {ADMIN}),
    ("PATCH", "/update/default_team_settings"): (lambda w, r, s: {}, {ADMIN}),
    ("PATCH", "/config/cost_discount_config"): (lambda w, r, s: {"openai": 0.1}, {ADMIN}),
    ("PATCH", "/config/cost_margin_config"): (lambda w, r, s: {"openai": 0.1}, {ADMIN}),
    ("PATCH", "/config/block_requests_for_models_without_pricing"): (lambda w, r, s: {"enabled": False}, {ADMIN}),
    ("POST", "/key/health"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/health/services"): (lambda w, r, s: {"service": "tried"}, {ADMIN, VIEWER}),
    ("POST", "/team/permissions_bulk_update"): (
        lambda w, r, s: {"team_ids": [w.team(s)], "permissions": ["/key/info"]},
        {ADMIN, HEAD},
    ),
    ("POST", "/organization/new"): (lambda w, r, s: {"organization_alias": s}, {ADMIN}),
    ("PATCH", "/organization/update"): (lambda w, r, s: {"organization_id": f"org-{s}", "metadata": {}}, {ADMIN}),
    ("DELETE", "/organization/delete"): (lambda w, r, s: {"organization_ids": [w.organization(s)]}, {ADMIN}),
    ("GET", "/organization/list"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/organization/info"): (lambda w, r, s: {"organization_id": f"org-{s}"}, {ADMIN, VIEWER, HEAD}),
    ("POST", "/organization/member_add"): (
        lambda w, r, s: {"organization_id": f"org-{s}", "member": {"user_id": f"member-{s}-{next(numbers)}"}},
        {ADMIN, HEAD},
    ),
    ("PATCH", "/organization/member_update"): (
        lambda w, r, s: {"organization_id": f"org-{s}", "user_id": w.user(s), "role": "internal_user"},
        {ADMIN, HEAD},
    ),
    ("DELETE", "/organization/member_delete"): (
        lambda w, r, s: {"organization_id": f"org-{s}", "user_id": w.user(s)},
        {ADMIN, HEAD},
    ),
    **{
        ("GET" if action in ("info", "list") else "POST", f"/{name}/{action}"): case
        for name in ("customer", "end_user")
        for action, case in CUSTOMER.items()
    },
    ("POST", "/budget/new"): (lambda w, r, s: {"budget_id": f"{s}-{next(numbers)}"}, {ADMIN}),
    ("POST", "/budget/update"): (lambda w, r, s: {"budget_id": w.organization_budget[s], "rpm_limit": 1}, {ADMIN}),
    ("POST", "/budget/info"): (lambda w, r, s: {"budgets": [w.organization_budget[s]]}, {ADMIN}),
    ("POST", "/budget/delete"): (lambda w, r, s: {"id": w.named("/budget/new", s, budget_id=None)}, {ADMIN}),
    ("GET", "/budget/list"): (lambda w, r, s: {}, {ADMIN, VIEWER, HEAD}),
    ("GET", "/budget/settings"): (lambda w, r, s: {"budget_id": w.organization_budget[s]}, {ADMIN, VIEWER, HEAD}),
    ("POST", "/tag/new"): (lambda w, r, s: {"name": f"tag-{next(numbers)}"}, {ADMIN}),
    ("POST", "/tag/update"): (lambda w, r, s: {"name": w.named("/tag/new", "t", name=None)}, {ADMIN}),
    ("POST", "/tag/info"): (lambda w, r, s: {"names": [w.named("/tag/new", "t", name=None)]}, {ADMIN}),
    ("POST", "/tag/delete"): (lambda w, r, s: {"name": w.named("/tag/new", "t", name=None)}, {ADMIN}),
    ("GET", "/tag/list"): (lambda w, r, s: {}, EVERYBODY - {NOBODY}),
    ("GET", "/spend/logs"): (lambda w, r, s: {"user_id": f"user-{r}" if s == "own" else s}, EVERYBODY - {NOBODY}),
    **{
        ("GET", f"/spend/logs/{path}"): (lambda w, r, s: {**DAYS, "team_id": f"team-{s}"}, EVERYBODY - {NOBODY})
        for path in ("v2", "ui")
    },
    ("GET", "/spend/logs/ui/{request_id}"): (
        lambda w, r, s: {"path:request_id": w.request(r, s)},
        EVERYBODY - {NOBODY},
    ),
    **{("GET", f"/spend/{name}"): (lambda w, r, s: {}, EVERYBODY - {NOBODY}) for name in ("keys", "users", "tags")},
    **{("GET", f"/global/{path}"): (lambda w, r, s: {}, {ADMIN, VIEWER}) for path in GLOBAL},
    ("POST", "/global/spend/end_users"): (lambda w, r, s: {}, {ADMIN}),
    ("POST", "/project/new"): (lambda w, r, s: {"team_id": f"team-{s}"}, {ADMIN, HEAD, LEADER}),
    ("POST", "/project/update"): (
        lambda w, r, s: {"project_id": w.named("/project/new", s, team_id=f"team-{s}", project_id=None)},
        {ADMIN, HEAD, LEADER},
    ),
    ("DELETE", "/project/delete"): (
        lambda w, r, s: {"project_ids": [w.named("/project/new", s, team_id=f"team-{s}", project_id=None)]},
        {ADMIN},
    ),
    ("GET", "/project/info"): (
        lambda w, r, s: {"project_id": w.named("/project/new", s, team_id=f"team-{s}", project_id=None)},
        EVERYBODY - {NOBODY},
    ),
    ("GET", "/project/list"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/provider/budgets"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/spend/capture_rate"): (lambda w, r, s: {name: DAYS[name][:10] for name in DAYS}, {ADMIN, VIEWER}),
    ("POST", "/model/new"): (lambda w, r, s: model(s), {ADMIN, HEAD, LEADER}),
    ("POST", "/model/update"): (lambda w, r, s: {"model_info": {"id": w.model(s)}}, {ADMIN, HEAD, LEADER}),
    ("PATCH", "/model/{model_id}/update"): (lambda w, r, s: {"path:model_id": w.model(s)}, {ADMIN, HEAD, LEADER}),
    ("POST", "/model/delete"): (lambda w, r, s: {"id": w.model(s)}, {ADMIN, HEAD, LEADER}),
    ("POST", "/model/block"): (lambda w, r, s: {"id": w.model(s)}, {ADMIN}),
    ("POST", "/model/unblock"): (lambda w, r, s: {"id": w.model(s)}, {ADMIN}),
    **{
        ("GET", path): (lambda w, r, s: {}, EVERYBODY)
        for path in ("/model/info", "/v1/model/info", "/v2/model/info", "/model_group/info")
    },
    ("GET", "/utils/supported_openai_params"): (lambda w, r, s: {"model": w.model(s)}, EVERYBODY - {NOBODY, HEAD}),
    ("POST", "/utils/transform_request"): (
        lambda w, r, s: {"call_type": "completion", "request_body": {"model": w.model(s), "messages": []}},
        {ADMIN},
    ),
    ("POST", "/access_group/new"): (
        lambda w, r, s: {"access_group": f"g{next(numbers)}", "model_ids": [w.model(s)]},
        {ADMIN},
    ),
    ("GET", "/adaptive_router/state"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/access_group/list"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/access_group/{access_group}/info"): (
        lambda w, r, s: {"path:access_group": w.group(s)},
        {ADMIN, VIEWER},
    ),
    ("PUT", "/access_group/{access_group}/update"): (
        lambda w, r, s: {"path:access_group": w.group(s), "model_ids": [w.model(s)]},
        {ADMIN},
    ),
    ("DELETE", "/access_group/{access_group}/delete"): (lambda w, r, s: {"path:access_group": w.group(s)}, {ADMIN}),
    ("GET", "/prompts/list"): (lambda w, r, s: w.nothing(w.prompt(r, FOREIGN)), EVERYBODY),
    **{("POST", path): (lambda w, r, s: prompt(s), {ADMIN}) for path in ("/prompts", "/prompt/new")},
    **{
        ("GET", f"/prompts/{{prompt_id}}{end}"): (lambda w, r, s: {"path:prompt_id": w.prompt(r, s)}, roles)
        for end, roles in (("", EVERYBODY), ("/info", EVERYBODY), ("/versions", {ADMIN, VIEWER}))
    },
    **{
        (method, "/prompts/{prompt_id}"): (lambda w, r, s: {"path:prompt_id": w.prompt(r, s), **prompt(s)}, {ADMIN})
        for method in ("PUT", "PATCH", "DELETE")
    },
    **{
        ("GET", f"/v1/mcp/{end}"): (lambda w, r, s: w.nothing(kept_tool_server(w, FOREIGN)), EVERYBODY)
        for end in ("server", "access_groups")
    },
    ("POST", "/v1/mcp/server"): (lambda w, r, s: tool_server(s), {ADMIN}),
    ("PUT", "/v1/mcp/server"): (lambda w, r, s: {"server_id": kept_tool_server(w, s), "description": "x"}, {ADMIN}),
    ("GET", "/v1/mcp/server/{server_id}"): (lambda w, r, s: {"path:server_id": kept_tool_server(w, s)}, EVERYBODY),
    ("DELETE", "/v1/mcp/server/{server_id}"): (lambda w, r, s: {"path:server_id": kept_tool_server(w, s)}, {ADMIN}),
    ("GET", "/coordination_redis/settings"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    **{
        ("POST", f"/coordination_redis/settings{end}"): (lambda w, r, s: {"settings": {}}, {ADMIN})
        for end in ("", "/test")
    },
    **{
        (method, f"/{name}/{end}"): (lambda w, r, s, name=name, said=said: billed(w, name) or said, roles)
        for name in BILLS
        for method, end, said, roles in (
            ("GET", "settings", {}, {ADMIN, VIEWER}),
            ("PUT", "settings", {"api_key": "another"}, {ADMIN}),
            ("POST", "dry-run", {}, {ADMIN}),
            ("POST", "export", PAST, {ADMIN}),
            ("DELETE", "delete", {}, {ADMIN}),
        )
    },
    **{("POST", f"/{name}/init"): (lambda w, r, s, said=said: said, {ADMIN}) for name, said in BILLS.items()},
    ("GET", "/cache/settings"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    **{("POST", f"/cache/settings{end}"): (lambda w, r, s: {"cache_settings": {}}, {ADMIN}) for end in ("", "/test")},
    ("POST", "/fallback"): (lambda w, r, s: {"model": w.model(s), "fallback_models": ["m"]}, {ADMIN}),
    ("GET", "/fallback/{model}"): (lambda w, r, s: {"path:model": w.fallback(s)}, {ADMIN, VIEWER}),
    ("DELETE", "/fallback/{model}"): (lambda w, r, s: {"path:model": w.fallback(s)}, {ADMIN}),
    ("GET", ENDPOINTS): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", f"{ENDPOINTS}/team/{{team_id}}"): (lambda w, r, s: {"path:team_id": f"team-{s}"}, {ADMIN, VIEWER}),
    ("POST", ENDPOINTS): (
        lambda w, r, s: {"path": f"/{s}-{next(numbers)}", "target": "https://example.com"},
        {ADMIN},
    ),
    ("POST", f"{ENDPOINTS}/{{endpoint_id}}"): (
        lambda w, r, s: {"path:endpoint_id": w.endpoint(s), "timeout": 1},
        {ADMIN},
    ),
    ("DELETE", ENDPOINTS): (lambda w, r, s: {"endpoint_id": w.endpoint(s)}, {ADMIN}),
    **{
        ("GET", f"/{name}/daily/activity{end}"): (ask, roles)
        for end in ("", "/aggregated")
        for name, (ask, roles) in ACTIVITY.items()
    },
    ("GET", "/guardrails/list"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/v2/guardrails/list"): (lambda w, r, s: w.nothing(w.approved(FOREIGN)), EVERYBODY - {NOBODY}),
    ("POST", "/guardrails"): (lambda w, r, s: guardrail("g"), {ADMIN}),
    ("GET", "/guardrails"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("POST", "/guardrails/register"): (lambda w, r, s: guardrail(s), {ADMIN}),
    ("GET", "/guardrails/submissions"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    **{
        (method, f"/guardrails/submissions/{{guardrail_id}}{end}"): (
            lambda w, r, s: {"path:guardrail_id": w.submission(s)},
            roles,
        )
        for method, end, roles in (
            ("GET", "", {ADMIN, VIEWER}),
            ("POST", "/approve", {ADMIN}),
            ("POST", "/reject", {ADMIN}),
        )
    },
    **{
        ("GET", f"/guardrails/{{guardrail_id}}{end}"): (
            lambda w, r, s: {"path:guardrail_id": w.guardrail()},
            {ADMIN, VIEWER},
        )
        for end in ("", "/info")
    },
    **{
        (method, "/guardrails/{guardrail_id}"): (
            lambda w, r, s: {"path:guardrail_id": w.guardrail(), **guardrail("g")},
            {ADMIN},
        )
        for method in ("PUT", "PATCH", "DELETE")
    },
    ("POST", "/credentials"): (lambda w, r, s: {"credential_name": f"c-{next(numbers)}"}, {ADMIN}),
    ("GET", "/credentials"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/credentials/by_name/{credential_name}"): (
        lambda w, r, s: {"path:credential_name": w.named("/credentials", s, credential_name=None)},
        {ADMIN, VIEWER},
    ),
    ("GET", "/credentials/by_model/{model_id}"): (lambda w, r, s: {"path:model_id": w.model(s)}, {ADMIN, VIEWER}),
    ("PATCH", "/credentials/{credential_name}"): (
        lambda w, r, s: {"path:credential_name": w.named("/credentials", s, credential_name=None)},
        {ADMIN},
    ),
    ("DELETE", "/credentials/{credential_name}"): (
        lambda w, r, s: {"path:credential_name": w.named("/credentials", s, credential_name=None)},
        {ADMIN},
    ),
}
# what names no object: everybody who may ask gets his part, and none of what is foreign
LISTS = {
    "/guardrails/list", "/v2/guardrails/list", "/prompts/list", "/v1/mcp/server", "/v1/mcp/access_groups",
    "/v2/key/info", "/key/list", "/key/aliases", "/user/list", "/team/list", "/v2/team/list", "/team/available",
    "/organization/list", "/project/list", "/budget/list", "/tag/list", "/spend/logs", "/spend/logs/v2",
    "/spend/logs/ui", "/spend/keys", "/spend/users", "/spend/tags", "/model/info", "/v1/model/info", "/v2/model/info",
    "/model_group/info", "/tag/daily/activity", "/tag/daily/activity/aggregated", "/key/health",
    "/team/metadata_schema", "/utils/model_info",
}  # fmt: skip
EACH_FOR_ITSELF = {"/key/bulk_update", "/user/bulk_update"}  # 200, and what failed is told
# 400: whether there is one is nobody else's business
HIDDEN = {"/prompts/{prompt_id}", "/prompts/{prompt_id}/info", "/utils/supported_openai_params"}
