"""Whose limits have to be certain, and when they are not."""

import pytest

from tianji._core.limits.leases import Leases
from tianji._core.limits.limiter import Limit, LimitTable
from tianji.config.schema import GeneralSettings
from tianji.errors import StoreUnavailable
from tianji.gateway.admission.certainty import Certainty
from tianji.limiting.holding import Held

BUDGET, RATE, BOTH, PARALLEL = {"budget": 5}, {"requests": 5}, {"budget": 5, "tokens": 5}, {"parallel": 1}


def certainty(table, *, rates=False, budgets=False):
    settings = {"fail_closed_rate_limit_enforcement": rates, "fail_closed_budget_enforcement": budgets}
    return Certainty(GeneralSettings(**settings), table)


@pytest.mark.parametrize(
    ("closed", "figures", "certain"),
    [
        ({}, BOTH, True),
        ({"rates": True}, BUDGET, True),
        ({"rates": True}, RATE, False),
        ({"rates": True}, PARALLEL, False),
        ({"rates": True}, BOTH, False),
        ({"budgets": True}, RATE, True),
        ({"budgets": True}, BUDGET, False),
        ({"budgets": True}, BOTH, False),
    ],
)
def test_only_what_has_to_be_certain_is_refused_and_only_while_nobody_knows(closed, figures, certain):
    table = LimitTable(64)
    leases, asked = Leases(table), certainty(table, **closed)
    assert bool(asked) is bool(closed)
    held = [Held(Limit(table, "key:k", **figures), "key", "k")]
    asked.require(held)
    leases.begin()
    assert leases.mode == "alone"
    asked.require(())
    if certain:
        asked.require(held)
    else:
        with pytest.raises(StoreUnavailable) as caught:
            asked.require(held)
        assert caught.value.status == 503
    leases.meet(1.0, 1.0, 2, 7, True)
    asked.require(held)
    leases.go_alone()
    assert leases.mode == "alone"
    leases.end()
    asked.require(held)
