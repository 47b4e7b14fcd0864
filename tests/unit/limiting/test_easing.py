"""Rates that hold at some times only, and what is left of them when a budget is used up."""

from tests.unit.limiting.test_limiter import Desk, caller

from tianji._core.routing.health import HealthTable
from tianji.auth.limits import Limits
from tianji.clock import ManualClock
from tianji.limiting.easing import Troubles, throttled


def test_a_dynamic_rate_counts_always_and_holds_in_trouble() -> None:
    desk, own = Desk(), caller(key=Limits(rpm_limit=2, rpm_limit_type="dynamic"))
    for _ in range(3):
        desk.serve(own, "m")
    desk.troubled.add("m")
    desk.serve(own, "m")  # what was found out holds for a second
    desk.clock.advance(1)
    assert desk.refusal(own, "m").limit_type == "requests"
    desk.serve(own, "other")
    desk.troubled.clear()
    desk.clock.advance(1)
    desk.serve(own, "m")


def test_a_dynamic_rate_of_a_model_and_of_tokens() -> None:
    desk = Desk()
    desk.troubled.add("m")
    own = caller(key=Limits(model_rpm_limit={"m": 1, "n": 1}, tpm_limit=9, rpm_limit_type="dynamic"))
    desk.serve(own, "m", input_tokens=1)
    assert desk.refusal(own, "m", input_tokens=1).limit_type == "requests"
    desk.serve(own, "n", input_tokens=1)
    desk.serve(own, "n", input_tokens=1)
    assert desk.refusal(own, "n", input_tokens=8).limit_type == "tokens", "that of tokens is none of this kind"


def test_zero_denies_at_all_times() -> None:
    desk = Desk()
    desk.refusal(caller(key=Limits(rpm_limit=0, rpm_limit_type="dynamic")))


def test_a_share_of_the_rates_is_left() -> None:
    slow = throttled(Limits(max_budget=5, rpm_limit=10, tpm_limit=3, spend=9, rpm_limit_type="dynamic"), 0.25)
    assert slow is not None
    assert (slow.rpm_limit, slow.tpm_limit, slow.rpm_limit_type, slow.spend) == (2, 1, None, 9)
    desk = Desk(spent={"key:key-1": 9})
    desk.serve(caller(key=slow), nano=5)
    desk.serve(caller(key=slow), nano=5)
    assert desk.refusal(caller(key=slow), nano=5).limit_type == "requests"
    assert throttled(Limits(max_budget=5, max_parallel_requests=1), 0.5) is None
    denied = throttled(Limits(max_budget=5, rpm_limit=0), 0.5)
    assert denied is not None
    assert denied.rpm_limit == 0


def test_a_group_is_in_trouble_after_so_many_failures_of_a_minute() -> None:
    table, clock = HealthTable(16), ManualClock()
    pair = [table.health("a"), table.health("b")]
    troubled = Troubles({"m": pair}, 1, clock.monotonic)
    assert not troubled("m")
    pair[0].note(clock.monotonic(), failed=True)
    assert not troubled("m")
    pair[1].note(clock.monotonic(), failed=True)
    assert troubled("m")
    assert not troubled("another")
    clock.advance(61)
    assert not troubled("m")
