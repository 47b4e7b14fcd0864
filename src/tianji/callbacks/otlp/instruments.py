"""What is measured of requests, as histograms, and who adds it up.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.facts import Facts, Value, facts_of, identity

Labels = tuple[tuple[str, Value], ...]
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_QUICK: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_EACH: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_DOLLARS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
MOST_SERIES: Final = 2000  # of an instrument, as OpenTelemetry's own limit; what is beyond goes under one label
OVERFLOW: Final[Labels] = (("otel.metric.overflow", True),)
_NANO: Final = 1_000_000_000
_LABELS: Final = {
    "gen_ai.operation.name": "operation",
    "gen_ai.system": "provider",
    "gen_ai.provider.name": "provider_name",
    "gen_ai.request.model": "model",
    "error.type": "error_type",
}


class Instrument(Struct, frozen=True):
    """A histogram; bounds: upper ends of its buckets."""

    name: str
    unit: str
    description: str
    bounds: tuple[float, ...]


DURATION: Final = Instrument("gen_ai.client.operation.duration", "s", "Duration of a call", _SECONDS)
TOKENS: Final = Instrument("gen_ai.client.token.usage", "{token}", "Tokens of a call", _TOKENS)
COST: Final = Instrument("gen_ai.usage.cost", "USD", "Cost of a call", _DOLLARS)
FIRST: Final = Instrument("gen_ai.server.time_to_first_token", "s", "Time to the first token of a stream", _QUICK)
EACH: Final = Instrument("gen_ai.server.time_per_output_token", "s", "Time for a token after the first", _EACH)
RESPONSE: Final = Instrument("gen_ai.client.response.duration", "s", "Duration of the answer of an upstream", _SECONDS)


class Series(Struct):
    """The values of one set of labels. Times are nanoseconds since 1970."""

    attributes: Labels
    start: int
    end: int
    buckets: list[int]
    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0


class Meter:
    """Adds up what events measure. An event counts once, however often its batch is written.

    delta: each batch is told for itself; labels: whether a label is told
    """

    def __init__(self, *, delta: bool, labels: Callable[[str], bool], now: Callable[[], int] = time.time_ns) -> None:
        self._delta = delta
        self._labels = labels
        self._now = now
        self._start = self._told = now()
        self._measured: dict[Instrument, dict[Labels, Series]] = {}
        self._counted: frozenset[str] = frozenset()

    def take(self, events: Sequence[LogEvent]) -> Mapping[Instrument, Sequence[Series]]:
        """Count events and return what is to be told now.

        A batch that was refused is written again in parts: those have no event that was not counted.
        """
        fresh = [event for event in events if event.id not in self._counted]
        if fresh:
            self._counted = frozenset(event.id for event in events)
            if self._delta:
                self._start = self._told
            self._told = self._now()
        if self._delta:
            self._measured = {}
        for event in events if self._delta else fresh:
            self._count(event)
        return {instrument: list(series.values()) for instrument, series in self._measured.items()}

    def _count(self, event: LogEvent) -> None:
        common = tuple((name, value) for name, value in _labels(event).items() if self._labels(name))
        for instrument, value, more in measured(event):
            series = self._measured.setdefault(instrument, {})
            labels = (*common, *more)
            if labels not in series and len(series) >= MOST_SERIES:
                labels = OVERFLOW
            _add(series, instrument, labels, value, self._start)
            series[labels].end = self._told


def measured(event: LogEvent) -> Iterable[tuple[Instrument, float, Labels]]:
    """Yield what is measured of an attempt."""
    yield DURATION, event.ended - event.started, ()
    if event.failed:
        return
    if event.prompt_tokens:
        yield TOKENS, event.prompt_tokens, (("gen_ai.token.type", "input"),)
    if event.completion_tokens:
        yield TOKENS, event.completion_tokens, (("gen_ai.token.type", "output"),)
    if event.response_cost:
        yield COST, event.response_cost, ()
    if event.cache_hit:
        return
    yield RESPONSE, event.ended - event.started, ()
    if event.stream:
        yield FIRST, event.response_time, ()
        if event.completion_tokens > 1:
            yield EACH, (event.ended - event.first_token) / (event.completion_tokens - 1), ()


def chosen(included: Collection[str] | None, excluded: Collection[str]) -> Callable[[str], bool]:
    """Return whether a label is told: one of `included`, where that is given, and none of `excluded`."""
    return lambda name: (included is None or name in included) and name not in excluded


def _labels(event: LogEvent) -> Facts:
    """Return the labels of an event: nothing that differs from request to request."""
    facts = facts_of(event)
    found: Facts = {name: facts[own] for name, own in _LABELS.items() if own in facts}
    found["gen_ai.framework"] = "litellm"
    for name, value in identity(event).items():
        if name.startswith("user_api_key_") and name != "user_api_key_end_user_id":
            found[f"metadata.{name}"] = value
    return found


def _add(series: dict[Labels, Series], instrument: Instrument, labels: Labels, value: float, start: int) -> None:
    one = series.get(labels)
    if one is None:
        one = series[labels] = Series(labels, start, start, [0] * (len(instrument.bounds) + 1), least=value, most=value)
    one.buckets[bisect_left(instrument.bounds, value)] += 1
    one.count += 1
    one.total += value
    one.least, one.most = min(one.least, value), max(one.most, value)
