"""The window of a limit against a list of all that was ever taken from it."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.depth import examples

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import Limit, LimitSet, LimitTable

TOKENS, PARALLEL = 1, 4


class Windows(RuleBasedStateMachine):
    """What is let through, refused, and when it may be tried again."""

    LIMIT = 10

    def __init__(self) -> None:
        super().__init__()
        self.now = 7.25
        self.limit = Limit(LimitTable(16), "key:a", tokens=self.LIMIT)
        self.taken: list[list[float]] = []  # when, how many
        self.open: list[tuple[Admission, list[float]]] = []

    def counted(self, now: float) -> float:
        return sum(n for at, n in self.taken if now // 2 - at // 2 <= 30)

    @rule(
        seconds=st.one_of(
            st.floats(0, 3), st.floats(0, 70), st.sampled_from([0.5, 2.0, 58.0, 60.0, 62.0, 64.0, 4000.0])
        )
    )
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(n=st.integers(0, LIMIT + 1))
    def begin(self, n: int) -> None:
        admission = Admission(LimitSet((self.limit,)), n // 2, n - n // 2)
        fits = self.counted(self.now) + n <= self.LIMIT
        assert admission.admit(self.now) == fits
        if fits:
            self.taken.append([self.now, n])
            self.open.append((admission, self.taken[-1]))
        elif n > self.LIMIT:
            assert admission.retry_after < 0
        else:
            moment = self.now + admission.retry_after
            assert self.counted(moment) + n <= self.LIMIT < self.counted(moment - 0.01) + n

    @rule(data=st.data(), spent=st.integers(0, LIMIT + 3))
    def settle(self, data: st.DataObject, spent: int) -> None:
        if self.open:
            admission, record = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            admission.settle(self.now, 0, spent, 0)
            if spent > record[1]:
                self.taken.append([self.now, spent - record[1]])
            else:
                record[1] = spent

    @rule(data=st.data(), drop=st.booleans())
    def release(self, data: st.DataObject, drop: bool) -> None:
        if self.open:
            admission, record = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            if drop:
                del admission
            else:
                admission.release(self.now)
            record[1] = 0

    @invariant()
    def counts_what_was_taken(self) -> None:
        assert self.limit.used(TOKENS, self.now) == self.counted(self.now)
        assert self.limit.used(PARALLEL, self.now) == len(self.open)


Windows.TestCase.settings = settings(max_examples=examples(300), stateful_step_count=40, deadline=None)
TestWindows = Windows.TestCase
