"""Budgets that the configuration gives to tags, beside what is stored of them."""

from tianji.auth.limits import Limits
from tianji.config.schema import Config
from tianji.config.schema.router import PeriodBudget
from tianji.config.schema.settings import Settings
from tianji.limiting.named import Named
from tianji.limiting.rows import Holder
from tianji.limiting.tag_budgets import tag_budgets, with_budgets

BUDGETS = tag_budgets(
    Config(
        litellm_settings=Settings(
            tag_budget_config={
                "a": PeriodBudget(budget_limit=2.0, time_period="7d"),
                "b": PeriodBudget(max_budget=1.0),
                "none": PeriodBudget(rpm_limit=3),
            }
        )
    )
)


def named(name: str, *, blocked: bool = False, **figures: int) -> Named:
    return Named(holder=Holder("tag", name, Limits(**figures)), blocked=blocked)


def test_both_spellings_are_read_and_an_entry_without_a_budget_is_none() -> None:
    assert {
        "a": Limits(max_budget=2_000_000_000, budget_duration="7d"),
        "b": Limits(max_budget=1_000_000_000, budget_duration="1d"),
    } == BUDGETS


def test_a_tag_that_is_not_stored_has_the_budget_alone() -> None:
    customer = Named(holder=Holder("customer", "a", Limits(rpm_limit=1)))
    assert with_budgets((customer,), ("a", "other"), BUDGETS) == (
        customer,
        Named(holder=Holder("tag", "a", BUDGETS["a"])),
    )


def test_a_stored_tag_keeps_its_budget_and_whatever_else_holds_for_it() -> None:
    own = named("a", max_budget=5)
    assert with_budgets((own,), ("a",), BUDGETS) == (own,)
    (both,) = with_budgets((named("a", blocked=True, rpm_limit=3),), ("a",), BUDGETS)
    assert both.blocked
    assert (both.holder.limits.rpm_limit, both.holder.limits.max_budget) == (3, 2_000_000_000)


def test_without_budgets_nothing_is_made() -> None:
    found = (named("a"),)
    assert with_budgets(found, ("a",), {}) is found
