"""What a request may use and cost at most, before anybody has answered it.

Tokens of the prompt are its bytes divided by four, as LiteLLM's proxy reckons; those of the answer are what the request
allows, else what its caller is known for, else as many as the prompt's, and some. Money is reckoned for more: an answer
that nobody bounds may have 16,384 tokens, or as many as the model can write.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji._core.asked import Asked
from tianji._core.meter import Rates, estimate
from tianji._core.router import Deployment, Group
from tianji._core.spans import ObjectSpans
from tianji.auth.identity import Identity
from tianji.errors import MalformedJSON
from tianji.gateway.snapshot import Members
from tianji.routing.resolution import Resolution

BYTES_A_TOKEN: Final = 4
UNBOUND: Final = 16_384  # tokens of an answer that nobody bounds
FLOOR: Final = 1024  # tokens that an answer is expected to have at least
MOST: Final = 1 << 36  # tokens
BOUNDS: Final = (b"max_completion_tokens", b"max_tokens", b"max_output_tokens")
SILENT: Final = frozenset({"embeddings", "moderations"})  # operations whose answers have no tokens
_ONE: Final = 1_000_000  # tokens, to tell whether a price is nothing


class Estimate(Struct, frozen=True):
    """Tokens, and nano-dollars; these are negative where nothing that could serve the request costs anything."""

    input_tokens: int
    output_tokens: int
    nano: int


class Prices(Struct, frozen=True):
    """What the deployments of a group cost, each price once, and the most that any of their models can write."""

    group: Group
    rates: tuple[Rates, ...]
    free: bool
    most_output: int


class Estimates:
    """Reckons for the deployments of one configuration."""

    def __init__(self, members: Members) -> None:
        self._most = {
            deployment.id: entry.info.max_output_tokens or entry.info.max_tokens or UNBOUND
            for pairs in members.values()
            for entry, deployment in pairs
        }
        self._prices: dict[tuple[int, str], Prices] = {}  # by the group, which it holds, and the model

    def of(self, asked: Asked, body: ObjectSpans, *, smallest: int | None) -> Estimate:
        """Return what a request may use. `smallest`: the smallest of the limits of tokens a minute; None for none."""
        prices = self._of_group(asked.group, asked.resolution, asked.routed)
        prompt = min(len(body.source) // BYTES_A_TOKEN, MOST)
        times = max(_number(body, b"n") or 1, _number(body, b"best_of") or 1)
        bound = bounded(body)
        if asked.operation.name in SILENT:
            answer = most = 0
        elif bound is None:
            floor = FLOOR if smallest is None else min(FLOOR, smallest // 4)
            answer = expected(asked) or max(prompt, floor)
            most = min(UNBOUND, prices.most_output)
        else:
            answer = bound
            most = min(bound, prices.most_output)
        nano = max((estimate(rates, prompt, min(most * times, MOST)) for rates in prices.rates), default=0)
        return Estimate(max(1, prompt), min(answer * times, MOST), -1 if prices.free else nano)

    def free(self, group: Group) -> bool:
        """Whether everything that serves a group has a price, and it is nothing."""
        return self._of_group(group, None, "").free

    def _of_group(self, group: Group, resolution: Resolution | None, routed: str) -> Prices:
        # behind a pattern, what it costs depends on the model that was captured
        name = (id(group), "" if resolution is None else routed)
        known = self._prices.get(name)
        if known is None:
            if len(self._prices) >= FLOOR:
                self._prices.clear()
            found = (rates_of(deployment, resolution) for deployment in group.deployments)
            rates = tuple(dict.fromkeys(one for one in found if one is not None))
            known = self._prices[name] = Prices(
                group=group,
                rates=rates,
                free=bool(rates) and all(one.known and estimate(one, _ONE, _ONE) == 0 for one in rates),
                most_output=max((self._most.get(one.id, UNBOUND) for one in group.deployments), default=UNBOUND),
            )
        return known


def bounded(body: ObjectSpans) -> int | None:
    """Return how many tokens a request allows one answer; None where it says nothing."""
    written = (_number(body, name) for name in BOUNDS)
    return next((number for number in written if number is not None), None)


def _number(body: ObjectSpans, name: bytes) -> int | None:
    """Return a member that is a number above zero; what is none is for the upstream to refuse."""
    try:
        number = body.integer(name)
    except MalformedJSON:
        return None
    return None if number is None or number <= 0 else min(number, MOST)


def expected(asked: Asked) -> int | None:
    """Return how many tokens the answers to this caller are known to have, by his key's or his team's metadata."""
    identity = asked.exchange.identity
    if not isinstance(identity, Identity):
        return None
    for metadata in (identity.metadata, identity.team_metadata):
        by_model = metadata.get("default_estimated_output_tokens_per_model")
        own = by_model.get(asked.routed) if isinstance(by_model, Mapping) else None
        for found in (own, metadata.get("default_estimated_output_tokens")):
            if isinstance(found, int) and not isinstance(found, bool) and found > 0:
                return min(found, MOST)
    return None


def rates_of(deployment: Deployment, resolution: Resolution | None) -> Rates | None:
    """Return the prices of a deployment; behind a pattern, those of the model that it captured."""
    if deployment.rates is not None or deployment.prices is None:
        return deployment.rates
    named = deployment.model if resolution is None else resolution.upstream_model(deployment.model)
    return deployment.prices(named)
