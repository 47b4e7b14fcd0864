"""Every field of LiteLLM's standard logging payload: filled out of an entry that has everything, or why it is not."""

from typing import Any

import msgspec
import pytest
from tests.unit.ledger.conftest import entry

from tianji.callbacks.event import Called, LogEvent
from tianji.callbacks.making import event_of
from tianji.hooks.events import told
from tianji.ledger.entry import Payload

_ROUTER = "auto routers do not reckon what another choice would have cost"
_SUMS = "sums change with each request; /key/info and /team/info say them"
_NOBODY = "the ledger does not keep it"
NULL = {
    "autorouter_savings": _ROUTER,
    "autorouter_savings_estimate": _ROUTER,
    "autorouter_baseline_observation": _ROUTER,
    "response_cost_failure_debug_info": "a cost is reckoned in integers and cannot fail",
    "cache_key": "keys of the cache are digests of a process and are not shown",
    "request_model_access_groups": _NOBODY,
    "classifier_input": "the gateway's classifiers see texts, and make no calls that are logged",
    "originating_request_masked": "as above",
    "metadata.mcp_tool_call_metadata": "of calls of tools, see test_tools",
    "metadata.user_api_key_spend": _SUMS,
    "metadata.user_api_key_max_budget": _SUMS,
    "metadata.user_api_key_budget_reset_at": _SUMS,
    "metadata.user_api_key_user_spend": _SUMS,
    "metadata.user_api_key_user_max_budget": _SUMS,
    "metadata.user_api_key_team_spend": _SUMS,
    "metadata.user_api_key_team_max_budget": _SUMS,
    "metadata.user_api_key_request_route": "call_type says what was asked for; the end of a request says its path",
    "metadata.user_api_key_auth_metadata": "it may hold secrets; who asked is named by the other members",
    "metadata.requester_custom_headers": "headers are not written down: they may hold secrets",
    "metadata.vector_store_request_metadata": "searches of vector stores have entries of their own",
    "metadata.routing_decision": "the answer's headers say it",
    "metadata.cold_storage_object_key": "bodies are kept in the database of the ledger",
    "metadata.team_alias": "user_api_key_team_alias says it",
    "metadata.team_id": "user_api_key_team_id says it",
    "metadata.used_client_oauth_token": _NOBODY,
    "hidden_params.cache_key": "as above",
    "hidden_params.batch_models": "a batch has one model here",
    "hidden_params.batch_successful_requests": "the batch itself says it",
    "hidden_params.batch_failed_requests": "the batch itself says it",
    "error_information.traceback": "the log has it, and no destination does",
    "error_information.error_provider_request_id": _NOBODY,
    "error_information.error_budget_entity_type": "the message says it",
    "error_information.error_budget_entity_id": "the message says it",
    "error_information.error_budget_limit": "the message says it",
    "error_information.error_budget_spend": "the message says it",
    "error_information.normalized_error": "error_class is one of a closed list",
    "cost_breakdown.guardrail_cost": "what a guardrail costs has an entry of its own",
    "cost_breakdown.service_tier": "model_map_value has the prices of the tier that counted",
    "cost_breakdown.data_residency": "as above",
    "cost_breakdown.vertex_location": "as above",
}
WHOLE = (
    "id trace_id session_id litellm_call_id call_type stream response_cost cost_breakdown autorouter_savings "
    "autorouter_savings_estimate autorouter_baseline_observation response_cost_failure_debug_info "
    "zero_cost_diagnostic status status_fields custom_llm_provider total_tokens prompt_tokens completion_tokens "
    "startTime endTime completionStartTime response_time model_map_information model model_id model_group api_base "
    "metadata cache_hit cache_key saved_cache_cost request_tags request_model_access_groups end_user "
    "requester_ip_address user_agent messages response error_str error_information model_parameters hidden_params "
    "guardrail_information standard_built_in_tools_params classifier_input originating_request_masked"
)
PARTS = {
    "metadata": (
        "user_api_key_hash user_api_key_alias user_api_key_spend user_api_key_max_budget user_api_key_budget_reset_at "
        "user_api_key_user_spend user_api_key_user_max_budget user_api_key_team_spend user_api_key_team_max_budget "
        "user_api_key_org_id user_api_key_org_alias user_api_key_team_id user_api_key_team_alias "
        "user_api_key_project_id user_api_key_project_alias user_api_key_user_id user_api_key_user_email "
        "user_api_key_end_user_id user_api_key_request_route user_api_key_auth_metadata spend_logs_metadata "
        "requester_ip_address user_agent requester_metadata requester_custom_headers prompt_management_metadata "
        "mcp_tool_call_metadata vector_store_request_metadata routing_decision applied_guardrails usage_object "
        "cold_storage_object_key team_alias team_id used_client_oauth_token"
    ),
    "hidden_params": (
        "model_id cache_key api_base response_cost litellm_overhead_time_ms additional_headers batch_models "
        "batch_successful_requests batch_failed_requests litellm_model_name usage_object"
    ),
    "status_fields": "llm_api_status guardrail_status",
    "model_map_information": "model_map_key model_map_value",
    "error_information": (
        "error_code error_class llm_provider traceback error_message error_provider_request_id "
        "error_rate_limit_category error_rate_limit_type error_budget_entity_type error_budget_entity_id "
        "error_budget_limit error_budget_spend normalized_error"
    ),
    "cost_breakdown": (
        "input_cost cache_read_cost cache_creation_cost output_cost reasoning_cost total_cost tool_usage_cost "
        "guardrail_cost additional_costs original_cost discount_percent discount_amount margin_percent "
        "margin_fixed_amount margin_total_amount service_tier data_residency vertex_location"
    ),
    "zero_cost_diagnostic": "reason pricing_model missing_pricing_keys",
}
BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.5,
    "web_search_options": {"search_context_size": "low"},
    "metadata": {"a": "b"},
    "litellm_metadata": {"prompt_management_metadata": {"prompt_id": "p"}},
}
RUN = {"guardrail_name": "words", "guardrail_status": "success"}
CALLED = Called("the team", "the organization", "u@example.com", "the project")


def fully(**fields: Any) -> LogEvent:
    """An event of which all is known."""
    usual = {
        "session_id": "s", "project_id": "p", "key_alias": "alias", "ip": "10.0.0.1", "user_agent": "app/1",
        "spend_logs_metadata": '{"project":"x"}', "deployment_id": "d", "api_base": "https://a",
        "guardrails": msgspec.json.encode([RUN]), "remaining": (1, 2), "upstream": 1000,
        "payload": Payload(
            msgspec.json.encode(BODY["messages"]), b'{"choices": []}', msgspec.json.encode(BODY)),
    }  # fmt: skip
    found = event_of(entry(1, **{**usual, **fields}), called=CALLED)
    assert found is not None
    return found


ITEMS = (
    ("input", 10, 2 * 10**12), ("cache_read", 4, 10**12), ("cache_write_1h", 2, 10**12), ("output", 5, 10**13),
    ("reasoning", 3, 10**13), ("web_searches_low", 1, 10**16), ("pages", 2, 10**15),
)  # fmt: skip
FAILED = {
    "status": "failure",
    "error_code": "429",
    "error_class": "RateLimited",
    "error_message": "slow",
    "limited": "tokens",
}


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """All members of events of which each has what the others cannot."""
    free = fully(items=(), cost=0).members()
    discounted = fully(items=ITEMS, factors=((9, 10, 5), (1, 1, 0))).members()
    dearer = fully(items=ITEMS, factors=((3, 2, 5), (1, 1, 0))).members()
    return {
        **discounted,
        **{name: one for name, one in fully(**FAILED).members().items() if name.startswith("error")},
        "zero_cost_diagnostic": free["zero_cost_diagnostic"],
        "cost_breakdown": {**dearer["cost_breakdown"], **discounted["cost_breakdown"]},
    }


FIELDS = [("", name) for name in WHOLE.split()] + [(of, name) for of, names in PARTS.items() for name in names.split()]


@pytest.mark.parametrize(("of", "name"), FIELDS)
def test_a_field_is_filled_or_has_a_reason(known: dict[str, Any], of: str, name: str) -> None:
    said = known[of] if of else known
    reason = NULL.get(f"{of}.{name}" if of else name)
    assert (said.get(name) is None) == (reason is not None), (name, said.get(name))


def test_no_reason_is_left_over() -> None:
    assert NULL.keys() <= {f"{of}.{name}" if of else name for of, name in FIELDS}


def test_loggers_find_all_fields_and_none_that_is_lacking() -> None:
    payload = told(fully().members(), failed=False).kwargs["standard_logging_object"]
    assert set(WHOLE.split()) <= payload.keys()
    assert payload["cost_breakdown"].total_cost == payload["response_cost"]


# -- what they say -----------------------------------------------------------------------------------------------------


def test_the_parts_of_a_cost_add_up_and_the_rest_is_discount_and_margin() -> None:
    event = fully(items=ITEMS, factors=((9, 10, 5), (1, 1, 0)), cost=11_000)
    found = event.cost_breakdown
    assert found is not None
    parts = [
        found.input_cost, found.cache_read_cost, found.cache_creation_cost, found.output_cost, found.reasoning_cost,
        found.tool_usage_cost,
    ]  # fmt: skip
    assert parts == pytest.approx([2e-5, 4e-6, 2e-6, 5e-5, 3e-5, 0.01])
    assert found.additional_costs == pytest.approx({"pages": 2e-3})
    assert found.original_cost == pytest.approx(sum(parts) + 2e-3)
    assert (found.discount_percent, found.discount_amount) == pytest.approx((0.1, 0.1 * found.original_cost))
    assert (found.margin_percent, found.margin_fixed_amount, found.margin_total_amount) == (0.0, 5e-9, 5e-9)
    assert found.total_cost == event.response_cost
    dearer = fully(items=ITEMS, factors=((3, 2, 0), (1, 1, 0))).cost_breakdown
    assert dearer is not None
    assert (dearer.margin_percent, dearer.discount_percent) == pytest.approx((0.5, 0.0))


def test_a_cost_that_the_provider_said_has_no_discount() -> None:
    found = fully(factors=((9, 10, 0), (1, 1, 0)), reported=True).cost_breakdown
    assert found is not None
    assert (found.discount_percent, found.total_cost) == (0.0, 8e-9)


def test_the_prices_are_those_that_counted() -> None:
    found = fully(items=(("input", 10, 2 * 10**12), ("output", 5, 10**13))).model_map_information
    assert found.model_map_key == "openai/gpt-4o"
    assert found.model_map_value == {"input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5}
    assert fully(items=()).model_map_information.model_map_value is None


@pytest.mark.parametrize(
    "fields", [{}, {"items": (), "cache_hit": True}, {"items": (), **FAILED}, {"items": (), "prompt_tokens": 0,
                                                                               "completion_tokens": 0}]
)  # fmt: skip
def test_only_an_answer_that_used_something_without_a_price_is_diagnosed(fields: dict[str, Any]) -> None:
    assert fully(**fields).zero_cost_diagnostic is None


def test_the_worst_that_guardrails_did_counts() -> None:
    runs = [{"guardrail_status": end} for end in ("success", "guardrail_intervened", "guardrail_flagged")]
    assert fully(guardrails=msgspec.json.encode(runs)).status_fields.guardrail_status == "guardrail_intervened"
    assert fully(guardrails=b"").status_fields.guardrail_status == "not_run"


def test_a_client_that_left_has_the_name_that_it_is_known_by() -> None:
    about = fully(status="failure", error_code="499", error_class="ClientGone").error_information or {}
    assert (about["error_code"], about["error_class"], about["error_rate_limit_category"]) == (
        "499", "ClientDisconnected", None,
    )  # fmt: skip


def test_whose_limit_it_was() -> None:
    def category(**fields: Any) -> Any:
        return (fully(**FAILED, **fields).error_information or {})["error_rate_limit_category"]

    assert (category(), category(deployment_id="")) == ("vendor_rate_limit", "litellm_rate_limit")


def test_who_may_not_hear_what_was_said_hears_nothing_of_tools_either() -> None:
    event = fully()
    assert event.standard_built_in_tools_params is not None
    assert event.shown(bare=True).standard_built_in_tools_params is None
