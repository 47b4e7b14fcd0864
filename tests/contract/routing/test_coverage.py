"""Every row of the conformance table is run here or beside, or held in simulated time, or waits for something named."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
LAST = {"A": 30, "B": 29, "C": 36, "D": 35, "E": 27, "F": 10, "G": 54, "H": 18, "I": 20, "J": 20, "K": 12}
EVERY = {f"{table}{number}" for table, last in LAST.items() for number in range(1, last + 1)} | {"G16b"}

EXTRAS = "contract/routing/test_routing_extras.py"
COSTS = "contract/accounting/test_costs.py"
CHECKS = "contract/routing/test_health_checks.py"
KEYS = "contract/callers/test_keys_on_the_way.py"
LIMITS = "contract/accounting/test_limits.py"
WAITING = "contract/routing/test_waiting.py"
AUTO = "contract/routing/test_auto_router.py"

# what takes a minute, or the sixteen seconds that a budget's period has at the least
SIMULATED = {
    "B19": "unit/core/routing/test_selection.py::test_limits_are_exact_and_end_with_the_minute",
    "I20": "unit/gateway/upkeep/test_budgets.py::test_all_that_spend_from_it_are_out_until_the_period_ends",
}

# what goes through the running gateway in tests of their own
BESIDE = {
    "A30": f"{EXTRAS}::test_the_fastest_of_several_answers_and_the_others_are_given_up",
    "I16": f"{COSTS}::test_what_was_spent_outlives_a_reload_and_a_restart",
    "I17": f"{COSTS}::test_all_budgets_used_up_is_told_with_the_time_to_wait",
    "I18": f"{COSTS}::test_a_provider_stops_and_a_fallback_goes_elsewhere",
    "I19": f"{COSTS}::test_a_budget_of_nothing_is_never_spent",
    "A24": f"{KEYS}::test_a_team_has_deployments_of_its_own",
    "A25": f"{KEYS}::test_what_a_team_has_is_all_that_it_gets",
    "A26": f"{KEYS}::test_a_team_has_deployments_of_its_own",
    "B7": f"{KEYS}::test_a_key_has_weights_of_its_own",
    "C17": f"{KEYS}::test_tags_of_a_key_and_its_team_choose",
    "G45": f"{KEYS}::test_a_fallback_is_admitted_like_a_first_choice",
    "J4": f"{KEYS}::test_sessions_of_two_keys_are_two_sessions",
    "I3": f"{WAITING}::test_all_that_fit_are_served_in_the_end",
    "I9": f"{WAITING}::test_the_more_urgent_goes_first_and_equals_in_their_order",
    "I11": f"{WAITING}::test_the_more_urgent_goes_first_and_equals_in_their_order",
    "I12": f"{WAITING}::test_a_wait_ends_in_a_timeout_and_a_full_line_in_a_refusal",
    "I13": f"{WAITING}::test_who_leaves_is_not_served",
    "I15": f"{WAITING}::test_a_priority_out_of_range_is_refused",
    "J8": f"{AUTO}::test_meaning_decides_with_the_embeddings_of_a_model_group",
    "J9": f"{AUTO}::test_complexity_decides",
    "J10": f"{AUTO}::test_the_chosen_group_falls_back_as_its_own_requests_do",
    "B11": "contract/cache/test_cache.py::test_a_hit_counts_at_no_deployment",
    "B29": f"{EXTRAS}::test_a_request_says_which_kind_of_deployment_it_needs",
    "C33": f"{EXTRAS}::test_what_the_operator_demands",
    "C34": f"{EXTRAS}::test_what_the_operator_demands",
    "D35": "integration/test_shared_usage.py::test_an_outage_stops_nobody",
    "F10": f"{EXTRAS}::test_a_service_tier_has_timeouts_of_its_own",
    "J11": f"{CHECKS}::test_who_fails_the_check_is_left_out_until_he_passes_it",
    "J12": f"{CHECKS}::test_who_fails_the_check_is_left_out_until_he_passes_it",
    "J13": f"{CHECKS}::test_an_old_verdict_is_not_heeded",
    "K9": f"{EXTRAS}::test_an_answer_says_what_is_left_of_its_group",
    "K10": f"{EXTRAS}::test_an_answer_says_what_is_left_of_its_group",
    "G46": f"{LIMITS}::test_a_fallback_has_to_be_within_the_budget",
    "G47": f"{LIMITS}::test_an_estimate_that_does_not_fit_takes_what_is_left",
    "G49": "contract/guardrails/test_guardrails.py::test_no_other_model_is_asked_where_an_answer_is_refused",
    "G48": f"{LIMITS}::test_a_limit_of_a_model_leads_to_the_fallbacks_of_the_model",
    "H16": "contract/translation/test_messages_through.py::test_another_is_asked_until_there_is_content",
    "H17": "contract/dialects/test_dialects.py::test_another_is_asked_until_there_is_output",
    "J5": "contract/dialects/test_stored_responses.py::test_what_goes_on_is_asked_where_it_began",
    "J18": "contract/routing/test_routing_extras.py::test_a_model_on_trial_gets_copies_that_nobody_notices",
}

NOT_BUILT: dict[str, str] = {}


def run_here() -> set[str]:
    """The rows that the tests beside this one name."""
    sources = [path.read_text() for path in HERE.glob("test_*.py") if path != Path(__file__)]
    return {row for source in sources for row in re.findall(r"\b([A-K]\d{1,2}b?)\b", source)} & EVERY


def test_every_row_is_accounted_for() -> None:
    elsewhere = [*SIMULATED, *BESIDE, *NOT_BUILT]
    assert len(elsewhere) == len(set(elsewhere)), "one row, one reason"
    assert run_here() | set(elsewhere) == EVERY
    assert run_here() & set(elsewhere) == set()


def test_the_tests_that_are_named_exist() -> None:
    for place in {*SIMULATED.values(), *BESIDE.values()}:
        file, _, name = place.partition("::")
        assert f"def {name}(" in (TESTS / file).read_text(), place
