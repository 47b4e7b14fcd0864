"""Any order of beginnings, ends, failures, waits, disconnects and reloads keeps what routing promises."""

import math
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.depth import examples

from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji.routing.attempts import Attempts, Send, Wait
from tianji.routing.router import Request

from .simulation import Answer, World, failed

GROUPS = "a:[a1,a2,a3] b:[b1,b2] c:[c1]"
PARALLEL = {"a1": 2, "b1": 1}
REQUESTS = {"a2": 3, "b2": 2}
PARAMS = {
    "a1": {"max_parallel_requests": 2, "order": 1},
    "a2": {"rpm": 3, "max_parallel_requests": 0, "order": 1},
    "a3": {"order": 2},
    "b1": {"max_parallel_requests": 1},
    "b2": {"rpm": 2, "max_parallel_requests": 0, "cooldown_time": 1},
}
RETRIES, FALLBACKS = 2, 2
FAILURES: list[Answer] = [400, 401, 403, 404, "ctx", "cp", (429, {"ra": 3}), 429, 500, 503, "X", "Z", "N"]


class Request_:  # noqa: N801 - the machine's side of one
    def __init__(self, world: World, attempts: Attempts, needs: Needs) -> None:
        self.world = world
        self.attempts = attempts
        self.needs = needs
        self.calls = 0
        self.deployment: str | None = None
        self.due = math.inf
        self.ended = False


class Routing(RuleBasedStateMachine):
    """Requests begin and end in any order, on a clock that only the machine moves."""

    @initialize(strategy=st.sampled_from(["usage-based", "lowest-cost", "lowest-latency"]))
    def begin_with(self, strategy: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.table = HealthTable(64)
        self.now = 1000.0
        self.requests: list[Request_] = []
        self.sent: Counter[tuple[str, int]] = Counter()
        self.worlds: list[World] = []
        self.compile(strategy)

    def compile(self, strategy: str) -> None:
        router = {
            "routing_strategy": strategy,
            "num_retries": RETRIES,
            "max_fallbacks": FALLBACKS,
            "fallbacks": [{"a": ["b", "c"]}, {"b": ["c"]}, {"c": ["a"]}],
            "context_window_fallbacks": [{"*": ["c"]}],
        }
        world = World(Path(self.folder.name), GROUPS, router=router, params=PARAMS, table=self.table, now=self.now)
        self.worlds.append(world)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        for request in self.running():
            request.needs.release(self.now)
            request.attempts.close()
        assert all(health.in_flight == 0 for health in self.healths()), "every slot comes back"
        assert all(world.router.budget(name).used == 0 for world in self.worlds for name in "abc")
        self.folder.cleanup()

    def healths(self):  # type: ignore[no-untyped-def]
        return [self.table.health(name) for name in ("a1", "a2", "a3", "b1", "b2", "c1")]

    def running(self) -> list[Request_]:
        return [request for request in self.requests if not request.ended]

    def go_on(self, request: Request_) -> None:
        """Do what the request says until it waits for an upstream, for time, or for nothing any more."""
        request.deployment, request.due = None, math.inf
        step = request.attempts.next(self.now)
        if isinstance(step, Send):
            self.check_choice(request, step)
        elif isinstance(step, Wait):
            assert 0 <= step.seconds <= 61
            request.due = self.now + step.seconds
        else:
            assert step.error.status >= 400
            request.ended = True
            assert request.needs.holding is None

    def check_choice(self, request: Request_, step: Send) -> None:
        health = step.group.selection.healths[step.position]
        assert health.cooled_for(self.now) == 0, "nobody in cooldown serves"
        assert request.needs.holding is health
        request.deployment = health.id
        request.calls += 1
        # a group has at most two tiers, and each of them the retries and the first attempt
        assert request.calls <= (1 + FALLBACKS) * 2 * (1 + RETRIES)
        assert request.attempts.fallbacks <= 2 * (1 + FALLBACKS) - 1
        self.sent[health.id, int(self.now // 60)] += 1

    @rule(model=st.sampled_from(["a", "b", "c"]), tokens=st.integers(0, 50), asked=st.sampled_from([None, 0, 1]))
    def begin(self, model: str, tokens: int, asked: int | None) -> None:
        world, needs = self.worlds[-1], Needs(tokens=tokens)
        attempts = Attempts(world.router, Request(model=model, num_retries=asked), needs, *world.resolve(model))
        request = Request_(world, attempts, needs)
        self.requests.append(request)
        self.go_on(request)

    @precondition(lambda self: any(request.deployment for request in self.running()))
    @rule(data=st.data(), seconds=st.floats(0, 30), tokens=st.integers(-1, 100))
    def succeed(self, data: st.DataObject, seconds: float, tokens: int) -> None:
        request = data.draw(st.sampled_from([one for one in self.running() if one.deployment]))
        request.needs.succeeded(self.now, seconds, tokens=tokens)
        request.attempts.close()
        request.deployment, request.ended = None, True

    @precondition(lambda self: any(request.deployment for request in self.running()))
    @rule(data=st.data(), answer=st.sampled_from(FAILURES), times=st.integers(1, 6))
    def fail(self, data: st.DataObject, answer: Answer, times: int) -> None:
        for _ in range(times):
            sending = [one for one in self.running() if one.deployment]
            if not sending:
                return
            request = data.draw(st.sampled_from(sending))
            what, options = answer if isinstance(answer, tuple) else (answer, {})
            request.attempts.failed(failed(what, options), self.now)
            self.go_on(request)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.running()))
        request.needs.release(self.now)
        request.attempts.close()
        request.deployment, request.ended = None, True

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for request in self.running():
            if request.due <= self.now:
                self.go_on(request)

    @rule(strategy=st.sampled_from(["usage-based", "lowest-cost", "lowest-latency"]))
    def reload(self, strategy: str) -> None:
        self.compile(strategy)

    @invariant()
    def counts_are_those_of_requests_under_way(self) -> None:
        if not hasattr(self, "folder"):
            return
        sending = Counter(request.deployment for request in self.running() if request.deployment)
        for health in self.healths():
            assert health.in_flight == sending[health.id]
            assert health.in_flight <= PARALLEL.get(health.id, 1000)

    @invariant()
    def no_minute_takes_more_than_its_limit(self) -> None:
        if hasattr(self, "folder"):
            assert all(count <= REQUESTS.get(name, 1000) for (name, _), count in self.sent.items())


TestRouting = Routing.TestCase
TestRouting.settings = settings(max_examples=examples(240), stateful_step_count=40, deadline=None)
