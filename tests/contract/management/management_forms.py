"""What programs written for LiteLLM's management API send, and which members they find in what comes back.

A row is a request of the API's core, or a common one, in an order in which each finds what it needs. `at` leads to the
object whose members are named: names of members, and `0` for the first item of a list.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class Form(NamedTuple):
    """One request, and the members of its answer."""

    method: str
    path: str
    said: Mapping[str, Any] = MappingProxyType({})
    at: str = ""
    members: str = ""


KEY: Final = """
key_name key_alias soft_budget_cooldown spend total_spend expires models aliases config router_settings user_id team_id
agent_id project_id permissions max_parallel_requests metadata blocked tpm_limit rpm_limit tpd_limit max_budget
budget_duration budget_reset_at allowed_cache_controls allowed_routes key_type policies access_group_ids model_spend
model_max_budget budget_fallbacks budget_id organization_id object_permission_id created_at created_by updated_at
updated_by settings_updated_at last_active rotation_count auto_rotate rotation_interval last_rotation_at key_rotation_at
budget_limits litellm_budget_table litellm_organization_table litellm_project_table object_permission jwt_key_mappings
"""
ASKED_OF_KEY: Final = """
key_alias duration models aliases user_id team_id organization_id project_id agent_id max_budget budget_duration
soft_budget budget_id budget_limits model_max_budget budget_fallbacks end_user_budget_id throttle_on_budget_exceeded
tpm_limit rpm_limit tpd_limit max_parallel_requests model_rpm_limit model_tpm_limit mcp_rpm_limit tag_rpm_limit
rpm_limit_type tpm_limit_type default_estimated_output_tokens default_estimated_output_tokens_per_model metadata
permissions allowed_routes key_type allowed_cache_controls config router_settings guardrails policies prompts tags
disable_global_guardrails allowed_passthrough_routes denied_passthrough_routes enforced_params object_permission
access_group_ids allowed_vector_store_indexes auto_rotate rotation_interval enable_prompt_caching blocked spend
"""
MADE_OF_KEY: Final = (
    "key key_name expires token token_id litellm_budget_table created_by updated_by created_at updated_at"
)
GENERATED: Final = f"{ASKED_OF_KEY} {MADE_OF_KEY}"
USER: Final = """
user_id user_alias team_id sso_user_id organization_id object_permission_id password_reset_required
last_breach_check_at teams user_role max_budget spend user_email models metadata max_parallel_requests tpm_limit
rpm_limit budget_duration budget_reset_at allowed_cache_controls policies model_spend model_max_budget created_at
updated_at organization_memberships object_permission
"""
FLAT_USER: Final = """
user_id user_email user_alias user_role spend max_budget tpm_limit rpm_limit models budget_duration budget_reset_at
metadata created_at updated_at sso_user_id teams object_permission model_max_budget model_max_budget_usage
"""
TEAM: Final = """
team_alias team_id organization_id admins members members_with_roles team_member_permissions metadata tpm_limit
rpm_limit tpd_limit max_budget soft_budget budget_duration budget_limits models blocked router_settings
access_group_ids default_team_member_models spend max_parallel_requests budget_reset_at model_id model_spend
model_max_budget policies allow_team_guardrail_config litellm_model_table object_permission object_permission_id
updated_at created_at
"""
ORGANIZATION: Final = """
organization_id organization_alias budget_id spend metadata models model_spend created_by updated_by
litellm_budget_table object_permission created_at updated_at
"""
PROJECT: Final = """
project_id project_alias description team_id budget_id metadata models spend model_spend model_rpm_limit model_tpm_limit
blocked object_permission_id object_permission created_at created_by updated_at updated_by litellm_budget_table
"""
CUSTOMER: Final = """
user_id blocked alias spend allowed_model_region default_model models budget_id litellm_budget_table
object_permission_id object_permission
"""
BUDGET: Final = """
budget_id max_budget soft_budget max_parallel_requests tpm_limit rpm_limit tpd_limit budget_duration model_max_budget
budget_reset_at allowed_models temp_budget_increase temp_budget_expiry created_at created_by updated_at updated_by
"""
TAG: Final = "name description models model_info created_at updated_at created_by"
MODEL: Final = "model_id model_name litellm_params model_info blocked created_at created_by updated_at updated_by"
DEPLOYMENT: Final = "model_name litellm_params model_info"
GROUP: Final = """
model_group providers max_input_tokens max_output_tokens input_cost_per_token output_cost_per_token
input_cost_per_pixel mode tpm rpm itpm otpm supports_parallel_function_calling supports_vision supports_web_search
supports_url_context supports_reasoning supports_function_calling supports_fast_mode supported_reasoning_efforts
supported_openai_params configurable_clientside_auth_params description is_public_model_group health_status
health_response_time health_checked_at
"""
CREDENTIAL: Final = "credential_name display_name credential_info credential_values source"
LOG: Final = """
request_id call_type api_key spend total_tokens prompt_tokens completion_tokens startTime endTime completionStartTime
request_duration_ms model model_id model_group custom_llm_provider api_base user metadata cache_hit cache_key
request_tags team_id organization_id end_user requester_ip_address messages response session_id status
proxy_server_request litellm_call_id agent_id
"""
METRICS: Final = """
spend flat_cost ptu_hours prompt_tokens completion_tokens cache_read_input_tokens cache_creation_input_tokens
total_tokens successful_requests failed_requests api_requests total_response_time_ms timed_requests
"""
BREAKDOWN: Final = "models model_groups providers endpoints mcp_servers api_keys entities"
PAGE: Final = "keys total_count current_page total_pages"
COST: Final = """
model input_tokens output_tokens num_requests_per_day num_requests_per_month cost_per_request input_cost_per_request
output_cost_per_request margin_cost_per_request daily_cost monthly_cost input_cost_per_token output_cost_per_token
provider
"""
DAYS: Final = {"start_date": "2020-01-01", "end_date": "2099-12-31"}
SECRET: Final = "sk-0123456789-of-a-program"

FORMS: Final = (
    # organizations, teams, users
    Form("POST", "/organization/new", {"organization_id": "o", "organization_alias": "O", "max_budget": 9}, "",
         ORGANIZATION),
    Form("PATCH", "/organization/update", {"organization_id": "o", "models": ["m"]}, "", ORGANIZATION),
    Form("GET", "/organization/info", {"organization_id": "o"}, "", f"{ORGANIZATION} members teams"),
    Form("GET", "/organization/list", {}, "0", f"{ORGANIZATION} members teams"),
    Form("POST", "/user/new", {"user_id": "u", "user_email": "u@example.com", "max_budget": 5}, "",
         f"{GENERATED} user_email user_role teams user_alias"),
    Form("POST", "/user/update", {"user_id": "u", "user_alias": "U"}, "", "user_id data"),
    Form("POST", "/user/update", {"user_id": "u", "user_alias": "U"}, "data", USER),
    Form("GET", "/user/info", {"user_id": "u"}, "", "user_id user_info keys teams"),
    Form("GET", "/user/info", {"user_id": "u"}, "user_info", f"{USER} model_max_budget_usage"),
    Form("GET", "/user/info", {"user_id": "u"}, "keys 0", f"{KEY} team_alias"),
    Form("GET", "/v2/user/info", {"user_id": "u"}, "", FLAT_USER),
    Form("GET", "/user/list", {"user_ids": "u"}, "", "users total page page_size total_pages"),
    Form("GET", "/user/list", {"user_ids": "u"}, "users 0", f"{USER} key_count"),
    Form("POST", "/organization/member_add", {"organization_id": "o", "member": {"user_id": "u", "role": "org_admin"}},
         "", "organization_id updated_users updated_organization_memberships"),
    Form("PATCH", "/organization/member_update", {"organization_id": "o", "user_id": "u", "role": "internal_user"},
         "", "user_id organization_id user_role spend budget_id created_at updated_at"),
    Form("POST", "/team/new", {"team_id": "t", "team_alias": "T", "team_member_budget": 2}, "", TEAM),
    Form("POST", "/team/update", {"team_id": "t", "rpm_limit": 900}, "", "team_id data"),
    Form("POST", "/team/update", {"team_id": "t", "rpm_limit": 900}, "data", TEAM),
    Form("PATCH", "/team/t", {"tpm_limit": 90_000}, "", TEAM),
    Form("POST", "/team/member_add", {"team_id": "t", "member": {"user_id": "u", "role": "user"}}, "",
         f"{TEAM} updated_users updated_team_memberships"),
    Form("POST", "/team/bulk_member_add", {"team_id": "t", "members": [{"user_id": "v", "role": "user"}]}, "",
         "team_id results total_requested successful_additions failed_additions updated_team"),
    Form("POST", "/team/member_update", {"team_id": "t", "user_id": "u", "max_budget_in_team": 3}, "",
         "team_id user_id user_email max_budget_in_team tpm_limit rpm_limit"),
    Form("GET", "/team/info", {"team_id": "t"}, "", "team_id team_info keys team_memberships"),
    Form("GET", "/team/info", {"team_id": "t"}, "team_info",
         f"{TEAM} team_member_budget_table organization_models model_max_budget_usage caller_edit_access"),
    Form("GET", "/team/info", {"team_id": "t"}, "team_memberships 0",
         "user_id team_id budget_id spend total_spend litellm_budget_table budget_source"),
    Form("GET", "/team/list", {}, "0", f"{TEAM} team_memberships keys"),
    Form("GET", "/v2/team/list", {}, "", "teams total page page_size total_pages"),
    Form("GET", "/v2/team/list", {}, "teams 0", f"{TEAM} members_count keys_count"),
    Form("GET", "/team/permissions_list", {"team_id": "t"}, "",
         "team_id team_member_permissions all_available_permissions"),
    Form("POST", "/team/permissions_update", {"team_id": "t", "team_member_permissions": ["/key/generate"]}),
    Form("POST", "/team/permissions_bulk_update", {"team_ids": ["t"], "permissions": ["/key/list"]}),
    Form("POST", "/team/block", {"team_id": "t"}, "", TEAM),
    Form("POST", "/team/unblock", {"team_id": "t"}, "", TEAM),
    Form("POST", "/team/model/add", {"team_id": "t", "models": ["m"]}, "", TEAM),
    Form("POST", "/team/model/delete", {"team_id": "t", "models": ["m"]}, "", TEAM),
    Form("GET", "/team/available"),
    Form("POST", "/project/new", {"project_id": "p", "team_id": "t", "max_budget": 4, "model_rpm_limit": {"m": 9}}, "",
         PROJECT),
    Form("POST", "/project/update", {"project_id": "p", "description": "D"}, "", PROJECT),
    Form("GET", "/project/info", {"project_id": "p"}, "", PROJECT),
    Form("GET", "/project/list", {}, "0", PROJECT),
    Form("DELETE", "/project/delete", {"project_ids": ["p"]}, "0", PROJECT),
    # keys
    Form("POST", "/key/generate", {"key": SECRET, "key_alias": "k", "team_id": "t", "user_id": "u", "soft_budget": 1},
         "", GENERATED),
    Form("POST", "/key/service-account/generate", {"team_id": "t", "key_alias": "s"}, "", GENERATED),
    Form("POST", "/key/update", {"key": SECRET, "max_budget": 7}, "", f"{KEY} key"),
    Form("POST", "/key/bulk_update", {"keys": [{"key": SECRET, "max_budget": 6}]}, "",
         "total_requested successful_updates failed_updates"),
    Form("POST", "/key/bulk_update", {"keys": [{"key": SECRET, "max_budget": 6}]}, "successful_updates 0",
         "key key_info"),
    Form("POST", "/team/key/bulk_update",
         {"team_id": "t", "all_keys_in_team": True, "update_fields": {"max_budget": 5}}, "",
         "total_requested successful_updates failed_updates"),
    Form("GET", "/key/info", {"key": SECRET}, "info", f"{KEY} status"),
    Form("POST", "/v2/key/info", {"keys": [SECRET]}, "info 0", KEY),
    Form("GET", "/key/list", {}, "", PAGE),
    Form("GET", "/key/list", {"return_full_object": "true"}, "keys 0", f"{KEY} token"),
    Form("GET", "/key/aliases", {}, "", "aliases total_count current_page total_pages size"),
    Form("POST", "/key/block", {"key": SECRET}, "", KEY),
    Form("POST", "/key/unblock", {"key": SECRET}, "", KEY),
    Form("POST", f"/key/{SECRET}/reset_spend", {"reset_to": 0}, "",
         "key_hash spend previous_spend max_budget budget_reset_at"),
    # customers, budgets, tags
    *(
        form
        for name in ("customer", "end_user")
        for form in (
            Form("POST", f"/{name}/new", {"user_id": name, "max_budget": 1}, "", CUSTOMER),
            Form("POST", f"/{name}/update", {"user_id": name, "alias": "A"}, "", CUSTOMER),
            Form("GET", f"/{name}/info", {"end_user_id": name}, "", CUSTOMER),
            Form("GET", f"/{name}/list", {}, "0", CUSTOMER),
            Form("POST", f"/{name}/block", {"user_ids": [name]}, "", "blocked_users"),
            Form("POST", f"/{name}/unblock", {"user_ids": [name]}, "", "blocked_users"),
            Form("POST", f"/{name}/delete", {"user_ids": [name]}, "", "deleted_customers message"),
        )
    ),
    Form("POST", "/budget/new", {"budget_id": "b", "max_budget": 1}, "", BUDGET),
    Form("POST", "/budget/update", {"budget_id": "b", "rpm_limit": 5}, "", BUDGET),
    Form("POST", "/budget/info", {"budgets": ["b"]}, "0", BUDGET),
    Form("GET", "/budget/list", {}, "0", BUDGET),
    Form("GET", "/budget/settings", {"budget_id": "b"}, "0",
         "field_name field_type field_description field_value stored_in_db"),
    Form("POST", "/budget/delete", {"id": "b"}, "", BUDGET),
    Form("POST", "/tag/new", {"name": "g", "max_budget": 1}, "tag", TAG),
    Form("POST", "/tag/update", {"name": "g", "description": "D"}, "tag", TAG),
    Form("POST", "/tag/info", {"names": ["g"]}, "g", f"{TAG} litellm_budget_table"),
    Form("GET", "/tag/list", {}, "0", TAG),
    Form("POST", "/tag/delete", {"name": "g"}, "", "message"),
    # models and credentials
    Form("POST", "/credentials", {"credential_name": "c", "credential_info": {}, "credential_values": {"api_key": "k"}},
         "", "success message"),
    Form("GET", "/credentials", {}, "credentials 0", CREDENTIAL),
    Form("GET", "/credentials/by_name/c", {}, "", CREDENTIAL),
    Form("PATCH", "/credentials/c", {"credential_info": {"a": 1}}, "", "success message"),
    Form("POST", "/model/new", {
        "model_name": "stored",
        "litellm_params": {"model": "openai/x", "api_key": "k", "litellm_credential_name": "c"},
        "model_info": {"id": "stored-id"},
    }, "", MODEL),
    Form("GET", "/credentials/by_model/stored-id", {}, "", CREDENTIAL),
    Form("POST", "/model/update", {
        "model_name": "stored", "litellm_params": {"model": "openai/x", "api_key": "k"},
        "model_info": {"id": "stored-id"},
    }, "", MODEL),
    Form("PATCH", "/model/stored-id/update", {"litellm_params": {"rpm": 5}}, "", MODEL),
    Form("POST", "/model/block", {"id": "stored-id"}),
    Form("POST", "/model/unblock", {"id": "stored-id"}),
    *(Form("GET", path, {}, "data 0", DEPLOYMENT) for path in ("/model/info", "/v1/model/info", "/v2/model/info")),
    Form("GET", "/model/info", {}, "data 0 model_info",
         "id db_model direct_access pricing_overrides key mode max_tokens max_input_tokens max_output_tokens "
         "litellm_provider input_cost_per_token output_cost_per_token"),
    Form("GET", "/v2/model/info", {}, "", "data total_count current_page total_pages size"),
    Form("GET", "/model_group/info", {"model_group": "m"}, "data 0", GROUP),
    Form("POST", "/access_group/new", {"access_group": "a", "model_names": ["stored"]}),
    Form("GET", "/access_group/list"),
    Form("GET", "/access_group/a/info"),
    Form("POST", "/fallback", {"model": "m", "fallback_models": ["stored"]}),
    Form("GET", "/fallback/m"),
    Form("DELETE", "/fallback/m"),
    Form("POST", "/model/delete", {"id": "stored-id"}, "", "message"),
    Form("DELETE", "/credentials/c", {}, "", "success message"),
    # what was spent
    Form("GET", "/spend/logs", {}, "0", LOG),
    Form("GET", "/spend/logs", DAYS | {"start_date": "2026-01-01", "end_date": "2026-01-02"}, "0",
         "startTime spend users models"),
    *(
        Form("GET", path, {"start_date": "2020-01-01 00:00:00", "end_date": "2099-12-31 00:00:00"}, at, members)
        for path in ("/spend/logs/v2", "/spend/logs/ui")
        for at, members in (("", "data total page page_size total_pages total_is_capped"), ("data 0", LOG))
    ),
    Form("GET", "/spend/keys"),
    Form("GET", "/spend/users"),
    Form("GET", "/spend/tags", {}, "0", "individual_request_tag log_count total_spend"),
    Form("POST", "/spend/calculate", {"model": "m", "messages": [{"role": "user", "content": "hi"}]}, "", "cost"),
    Form("POST", "/cost/estimate", {"model": "m", "input_tokens": 9, "output_tokens": 5, "num_requests_per_day": 2},
         "", COST),
    Form("GET", "/global/spend", {}, "", "spend max_budget"),
    Form("GET", "/global/spend/logs", {}, "0", "date spend"),
    Form("GET", "/global/spend/keys", {}, "0", "api_key key_alias key_name total_spend"),
    Form("GET", "/global/spend/teams", {}, "", "daily_spend teams total_spend_per_team"),
    Form("GET", "/global/spend/models", {}, "0", "model total_spend"),
    Form("GET", "/global/spend/provider", {}, "0", "provider spend"),
    Form("GET", "/global/spend/tags", {}, "spend_per_tag 0", "name spend log_count"),
    Form("GET", "/global/spend/all_tag_names", {}, "", "tag_names"),
    Form("GET", "/global/spend/report", DAYS, "0", "group_by_day teams"),
    Form("POST", "/global/spend/end_users", {}, "0", "end_user total_count total_spend"),
    Form("GET", "/global/activity", {}, "", "daily_data sum_api_requests sum_total_tokens"),
    Form("GET", "/global/activity", {}, "daily_data 0", "date api_requests total_tokens"),
    Form("GET", "/global/activity/model", {}, "0", "model daily_data sum_api_requests sum_total_tokens"),
    Form("GET", "/global/activity/exceptions", {"model_group": "m"}, "", "daily_data sum_num_rate_limit_exceptions"),
    Form("GET", "/global/activity/exceptions/deployment", {"model_group": "m"}, "0",
         "api_base daily_data sum_num_rate_limit_exceptions"),
    Form("GET", "/global/activity/cache_hits"),
    *(
        Form("GET", f"/{kind}/daily/activity{end}", DAYS, at, members)
        for kind in ("user", "team", "tag", "organization", "project", "customer", "end_user", "agent")
        for end in ("", "/aggregated")
        for at, members in (("", "results metadata"), ("metadata", "total_spend page total_pages has_more"))
    ),
    Form("GET", "/user/daily/activity", DAYS, "results 0", "date metrics breakdown"),
    Form("GET", "/user/daily/activity", DAYS, "results 0 metrics", METRICS),
    Form("GET", "/user/daily/activity", DAYS, "results 0 breakdown", BREAKDOWN),
    Form("GET", "/provider/budgets", {}, "providers openai", "budget_limit time_period spend budget_reset_at"),
    Form("POST", "/utils/token_counter", {"model": "m", "prompt": "hi"}, "",
         "total_tokens request_model model_used tokenizer_type count_source original_response error error_message "
         "status_code"),
    Form("GET", "/active/callbacks", {}, "",
         "alerting litellm.callbacks litellm.input_callback litellm.failure_callback litellm.success_callback "
         "litellm._async_success_callback litellm._async_failure_callback litellm._async_input_callback "
         "all_litellm_callbacks num_callbacks num_alerting litellm.request_timeout"),
    Form("GET", "/utils/supported_openai_params", {"model": "m"}, "", "supported_openai_params"),
    Form("POST", "/utils/transform_request",
         {"call_type": "completion", "request_body": {"model": "m", "messages": []}}, "",
         "raw_request_api_base raw_request_body raw_request_headers error"),
    # what goes
    Form("POST", "/key/regenerate", {"key": SECRET, "new_key": f"{SECRET}-2"}, "", GENERATED),
    Form("POST", f"/key/{SECRET}-2/regenerate", {}, "", GENERATED),
    Form("POST", "/key/delete", {"key_aliases": ["k"]}, "", "deleted_keys"),
    Form("POST", "/team/member_delete", {"team_id": "t", "user_id": "u"}, "", TEAM),
    Form("POST", "/team/delete", {"team_ids": ["t"]}, "", "deleted_teams"),
    Form("DELETE", "/organization/member_delete", {"organization_id": "o", "user_id": "u"}),
    Form("DELETE", "/organization/delete", {"organization_ids": ["o"]}),
    Form("POST", "/user/bulk_update", {"users": [{"user_id": "u", "max_budget": 1}]}),
    Form("POST", "/user/delete", {"user_ids": ["u"]}),
)  # fmt: skip
