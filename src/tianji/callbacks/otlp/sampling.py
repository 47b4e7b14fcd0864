"""Which traces are told: all of one or nothing, by chance, by the client's word, or by how requests ended.

https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling
"""

from collections.abc import Callable, Mapping
from typing import Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.span import ids
from tianji.callbacks.sink import Given
from tianji.errors import ConfigurationError
from tianji.ledger.entry import FAILURE, SUCCESS

Sampler = Callable[[LogEvent], bool]
_KINDS: Final[Mapping[str, float | None]] = {"always_on": 1.0, "always_off": 0.0, "traceidratio": None}
_BY_PARENT: Final = "parentbased_"


def sampler(given: Given) -> Sampler:
    """Return which events are told, by OTEL_TRACES_SAMPLER: unless it says otherwise, what the client wants told.

    Raises ConfigurationError for what is not known.
    """
    wished = given.variable("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    kind = wished.removeprefix(_BY_PARENT)
    if kind not in _KINDS:
        raise ConfigurationError(f"callback {given.name}: OTEL_TRACES_SAMPLER={wished!r} is not known; write always_on")
    fixed = _KINDS[kind]
    share = rate(given, "", "OTEL_TRACES_SAMPLER_ARG") if fixed is None else fixed

    def told(event: LogEvent) -> bool:
        trace = event.trace
        if wished != kind and trace is not None and trace.caller_id is not None:
            return trace.sampled
        return chance(event) < share

    return told


def shared(given: Given, param: str, variable: str) -> Sampler:
    """Return a sampler that tells a part of all traces."""
    share = rate(given, param, variable)
    return lambda event: chance(event) < share


def by_outcome(given: Given, success: str, failure: str) -> Sampler:
    """Return a sampler that tells parts of what succeeded and of what failed, by these params."""
    shares = {SUCCESS: rate(given, success), FAILURE: rate(given, failure)}
    return lambda event: chance(event) < shares[FAILURE if event.failed else SUCCESS]


def chance(event: LogEvent) -> float:
    """Return a number from 0 on and below 1 that all events of a trace share, here and wherever its id is known."""
    trace_id, _, _ = ids(event, whole=True)
    return (int.from_bytes(trace_id[8:], "big") >> 11) / 2**53  # as many bits as a float has


def rate(given: Given, param: str, *variables: str) -> float:
    """Return a part of all, 1 where nothing is said. Raises ConfigurationError for what is none."""
    text = given.text(param, *variables, default="1")
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ConfigurationError(
            f"callback {given.name}: {(variables or (param,))[0]}={text!r} is no number from 0 to 1"
        )
    return found
