"""What a batch is held against for longer than a minute."""

from tianji.auth.identity import Identity, Scope
from tianji.auth.limits import Limits
from tianji.limiting.rows import Holder
from tianji.objects.allotting import DAY, of_batch
from tianji.storage.allowances import KEPT, Allowance

MINUTE = Limits(rpm_limit=1, tpm_limit=2, max_budget=3)
SLOW = Limits(rpm_limit=1, tpm_limit=2, max_budget=3, tpd_limit=50)


def caller(limits: Limits, **more: object) -> Identity:
    return Identity(role=None, user_id=None, key="k", scopes=(Scope("key", "k", limits),), **more)  # type: ignore[arg-type]


def test_nothing_changes_without_an_allowance() -> None:
    one, others = caller(MINUTE), (Holder("customer", "c", MINUTE),)
    told, beside, allowances = of_batch(one, others)
    assert told is one
    assert beside is others
    assert allowances == []


def test_tokens_a_day_stand_for_the_rates_of_whoever_has_them() -> None:
    others = (Holder("customer", "a/b", SLOW), Holder("tag", "t", MINUTE))
    told, beside, allowances = of_batch(caller(MINUTE), others)
    assert told.scopes[0].limits == MINUTE
    assert beside == (Holder("customer", "a/b", Limits(max_budget=3, tpd_limit=50)), others[1])
    assert allowances == [Allowance("customer:a%2Fb day", 50, DAY)]


def test_tokens_under_way_go_before_those_of_a_day() -> None:
    one = caller(SLOW, metadata={"batch_enqueued_token_limit": 7}, team_metadata={"batch_enqueued_token_limit": 8})
    none = Limits(batch_enqueued_token_limit=0, tpd_limit=5)
    told, _, allowances = of_batch(one, (Holder("customer", "c", SLOW), Holder("tag", "t", none)))
    assert told.scopes[0].limits.rpm_limit is None
    assert allowances == [
        Allowance("key:k enqueued", 7, KEPT, while_in_use=True),
        Allowance("customer:c day", 50, DAY),
        Allowance("tag:t enqueued", 0, KEPT, while_in_use=True),
    ]
