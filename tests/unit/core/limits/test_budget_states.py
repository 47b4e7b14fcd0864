"""A budget against a model of it, on simulated time: what is reserved, spent, refused, and begun anew."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.depth import examples

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitSet, LimitTable

EPOCH = 1_700_000_000.0
PERIOD = 100.0
BUDGET = 1000


class Budget(RuleBasedStateMachine):
    """One budget, of which a request may cost more than its estimate, or less."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 5.0
        self.spent = 0
        self.ends = EPOCH + PERIOD
        self.renewals = 0
        self.ended = self.ends
        self.written = 0
        self.all_spent = 0
        self.began = EPOCH
        self.open: list[tuple[Admission, int, float]] = []

    @initialize(spent=st.integers(0, BUDGET + 5), whole=st.booleans())
    def load(self, spent: int, whole: bool) -> None:
        self.whole, self.spent = whole, spent
        self.table = LimitTable(16, shift=EPOCH)
        self.limit = Limit(self.table, "key:a", budget=BUDGET, whole=whole, renew=self.renew)
        assert self.limit.restore(spent, self.ends, self.now)

    def renew(self, ended: float, since_1970: float) -> tuple[float, float]:
        assert ended == self.ended
        self.renewals += 1
        begins = since_1970 - (since_1970 - EPOCH) % PERIOD
        return begins, begins + PERIOD

    @property
    def reserved(self) -> int:
        return sum(reserved for _, reserved, _ in self.open)

    @rule(seconds=st.sampled_from([0.0, 0.25, 30.0, 94.75, 100.0, 350.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(estimate=st.integers(0, BUDGET + 200))
    def begin(self, estimate: int) -> None:
        before = self.renewals
        due = self.now + EPOCH >= self.ends
        self.ended = self.ends
        if due:
            self.spent = 0
            self.began = self.now + EPOCH - self.now % PERIOD
            self.ends = self.began + PERIOD
        room = BUDGET - self.spent - self.reserved
        fits = room > 0 and (estimate <= room or not self.whole)
        admission = Admission(LimitSet((self.limit,)), nano=estimate)
        assert admission.admit(self.now) == fits
        assert self.renewals - before == due
        if fits:
            self.open.append((admission, min(estimate, room), self.now + EPOCH))
        else:
            assert KIND_NAMES[admission.refused_kind] == "budget"
            assert admission.retry_after == self.ends - EPOCH - self.now

    @rule(data=st.data(), cost=st.integers(0, 400))
    def settle(self, data: st.DataObject, cost: int) -> None:
        if self.open:
            admission, _, admitted = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            admission.settle(self.now, 0, 0, cost)
            if admitted >= self.began:
                self.spent += cost
                self.all_spent += cost

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.open:
            admission, _, _ = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            admission.release(self.now)

    @rule()
    def write_down(self) -> None:
        self.written += sum(nano for _, nano in self.table.take_unsaved())

    @rule()
    def sweep(self) -> None:
        assert self.table.sweep() == 0

    @invariant()
    def knows_what_was_spent_and_is_reserved(self) -> None:
        assert self.limit.money(self.now) == (self.spent, self.reserved, self.ends)

    def teardown(self) -> None:
        assert self.written + sum(nano for _, nano in self.table.take_unsaved()) == self.all_spent


Budget.TestCase.settings = settings(max_examples=examples(200), stateful_step_count=40, deadline=None)
TestBudget = Budget.TestCase
