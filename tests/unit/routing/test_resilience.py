"""Traffic over sick deployments, on simulated time: what clients see and what it costs."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest

from tianji._core.routing.needs import Needs
from tianji.routing.attempts import Attempts, Send, Wait
from tianji.routing.router import Request

from .simulation import Answer, Make, World, failed

Behaviour = Callable[[float], Answer]


class Traffic:
    """So many clients that each send one request after the other."""

    def __init__(self, gateway: World, clients: int, seed: int, **behaviours: Behaviour) -> None:
        self.gateway = gateway
        self.behaviours = behaviours
        self.random = random.Random(seed)
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.number = itertools.count()
        self.statuses: Counter[int] = Counter()
        self.calls: list[tuple[float, str]] = []
        for _ in range(clients):
            self.later(self.random.random() * 0.01, self.begin)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (self.gateway.now + seconds, next(self.number), what))

    def run(self, seconds: float) -> "Traffic":
        end = self.gateway.now + seconds
        while self.queue and self.queue[0][0] < end:
            self.gateway.now, _, what = heapq.heappop(self.queue)
            what()
        self.gateway.now = end
        return self

    def begin(self) -> None:
        needs = Needs()
        group, resolution = self.gateway.resolve("a")
        attempts = Attempts(self.gateway.router, Request(model="a"), needs, group, resolution)
        self.go_on(needs, attempts)

    def go_on(self, needs: Needs, attempts: Attempts) -> None:
        step = attempts.next(self.gateway.now)
        if isinstance(step, Wait):
            self.later(step.seconds, lambda: self.go_on(needs, attempts))
        elif isinstance(step, Send):
            name = step.group.selection.healths[step.position].id
            self.calls.append((self.gateway.now, name))
            answer = self.behaviours.get(name, lambda _: 200)(self.random.random())
            takes = self.random.expovariate(10) if answer == 200 else 0.02
            self.later(takes, lambda: self.answer(needs, attempts, answer))
        else:
            self.end(attempts, step.error.status)

    def answer(self, needs: Needs, attempts: Attempts, answer: Answer) -> None:
        if answer == 200:
            needs.succeeded(self.gateway.now)
            self.end(attempts, 200)
        else:
            attempts.failed(failed(answer, {}), self.gateway.now)
            self.go_on(needs, attempts)

    def end(self, attempts: Attempts, status: int) -> None:
        attempts.close()
        self.statuses[status] += 1
        self.begin()

    @property
    def success(self) -> float:
        return self.statuses[200] / self.statuses.total()

    def share(self, name: str, after: float) -> float:
        """Which part of the calls after a time went to a deployment."""
        names = [who for when, who in self.calls if when >= after]
        return names.count(name) / len(names)


def half_of_it(chance: float) -> Answer:
    return 500 if chance < 0.5 else 200


@pytest.mark.parametrize("clients", [4, 16, 64])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_one_of_two_fails_half_of_its_calls(world: Make, clients: int, seed: int) -> None:
    gateway = world("a:[a1,a2]", router={"num_retries": 2}, seed=seed)
    traffic = Traffic(gateway, clients, seed, a1=half_of_it).run(30)
    assert traffic.success >= 0.999
    assert len(traffic.calls) / traffic.statuses.total() <= 1.2


@pytest.mark.parametrize("answer", [500, "N", "X"])
@pytest.mark.parametrize("before", [0, 20])
def test_a_killed_deployment_is_out_within_a_second_and_back_after_its_rest(
    world: Make, answer: Answer, before: float
) -> None:
    gateway = world("a:[a1,a2]", router={"num_retries": 2})
    traffic = Traffic(gateway, 16, 5).run(before + 0.1)
    killed = gateway.now
    traffic.behaviours["a1"] = lambda _: answer
    traffic.run(10)
    assert traffic.success >= 0.999
    assert traffic.share("a1", killed + 1) < 0.01
    traffic.behaviours["a1"] = lambda _: 200
    traffic.run(5.1)
    back = gateway.now
    traffic.run(5)
    assert traffic.share("a1", back) > 0.4


def test_when_all_fail_there_is_no_storm(world: Make) -> None:
    gateway = world("a:[a1,a2,a3]", router={"num_retries": 10})
    traffic = Traffic(gateway, 200, 7, **dict.fromkeys(("a1", "a2", "a3"), lambda _: 500))
    budget, least, most = gateway.router.budget("a"), 0, 0
    for _ in range(3000):
        traffic.run(0.01)
        least, most = max(least, gateway.in_flight()), max(most, budget.used)
    assert traffic.statuses[200] == 0
    assert 3 <= most <= 0.2 * least + 1
    assert max(Counter(int(when) for when, _ in traffic.calls[200:]).values()) < 200, "a second has fewer than clients"
