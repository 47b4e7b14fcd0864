"""Holding a request against its limits: `pytest bench/micro/test_limiter.py`.

The promise: at most 1.5 µs for a key with user and team, all limits on, from admission to settlement.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitSet, LimitTable
from tianji.auth.identity import Identity, Scope
from tianji.auth.limits import Limits
from tianji.limiting.limiter import Limiter
from tianji.limiting.rules import Rules

NOW = 1000.0
MUCH = 10**12


def asked(count: int, *, most: int = MUCH) -> LimitSet:
    table = LimitTable()
    limits = tuple(
        Limit(
            table,
            f"key:{number}",
            requests=most,
            tokens=MUCH,
            input_tokens=MUCH,
            output_tokens=MUCH,
            parallel=1000,
            budget=10**18,
        )
        for number in range(count)
    )
    for limit in limits:
        limit.restore(0, None, NOW)
    return LimitSet(limits)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_admit_and_settle(benchmark: BenchmarkFixture, count: int) -> None:
    limits = asked(count)

    def serve() -> None:
        admission = Admission(limits, 1000, 500, 20_000)
        admission.admit(NOW)
        admission.settle(NOW, 900, 100, 5_000)

    benchmark(serve)


def test_refuse(benchmark: BenchmarkFixture) -> None:
    limits = asked(3, most=1)
    Admission(limits).admit(NOW)
    held = Admission(limits)
    held.admit(NOW)
    benchmark(lambda: Admission(limits, 1000, 500, 20_000).admit(NOW))


def test_limits_of_a_caller_who_is_known(benchmark: BenchmarkFixture) -> None:
    one = Limits(rpm_limit=10**9, tpm_limit=MUCH, max_parallel_requests=1000, max_budget=10**18)
    scopes = tuple(Scope(kind, "x", one) for kind in ("key", "user", "team"))  # type: ignore[arg-type]
    identity, limiter = (
        Identity(role=None, user_id=None, key="k", scopes=scopes),
        Limiter(LimitTable(), Rules(), set().__contains__),
    )

    def serve() -> None:
        admission = Admission(limiter.limits(identity, "gpt-4o", "gpt-4o").asked, 1000, 500, 20_000)
        admission.admit(NOW)
        admission.settle(NOW, 900, 100, 5_000)

    benchmark(serve)


def test_headers(benchmark: BenchmarkFixture) -> None:
    one = Limits(rpm_limit=10**9, tpm_limit=MUCH)
    scopes = tuple(Scope(kind, "x", one) for kind in ("key", "user", "team"))  # type: ignore[arg-type]
    limiter = Limiter(LimitTable(), Rules(), set().__contains__)
    limits = limiter.limits(Identity(role=None, user_id=None, key="k", scopes=scopes), "m", "m").asked
    admission = Admission(limits, 5)
    admission.admit(NOW)
    admission.settle(NOW, 5, 5, 0)
    benchmark(limits.quota, KIND_NAMES.index("tokens"), NOW)
