"""What Tianji promises of its speed, in figures that `python -m bench` measures; every run is held against it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import GOVERNED, GRANIAN, MESSAGES, NATIVE, THROUGH, TO_CLAUDE, Figures


@dataclass(frozen=True)
class Promise:
    """A bound on one figure of one row."""

    text: str
    row: str
    figure: str
    most: float | None = None
    least: float | None = None

    @property
    def bound(self) -> str:
        return f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}"


@dataclass(frozen=True)
class Verdict:
    """How a run stands to a promise: `met` is None when it was not measured."""

    promise: Promise
    seen: float | None
    met: bool | None


# A large body is the kernel's, which copies it on each leg: nginx, which looks at none of it, takes 12 to 20 times as
# much for 400 KB as for 1 KB. So a large request is held against nginx's own, and not against a small one.
PROMISES = (
    Promise("native edge: CPU of a small request, times nginx's", NATIVE, "cpu_nginx", most=1.6),
    Promise(
        "native edge, key with every limit and ledger: CPU of a small request, times nginx's",
        GOVERNED,
        "cpu_nginx",
        most=2.2,
    ),
    Promise("native edge: requests a second of a core, times nginx's", NATIVE, "rate_nginx", least=0.65),
    Promise("native edge: CPU of a paced stream's chunk, times nginx's", NATIVE, "chunk_nginx", most=1.4),
    Promise("native edge: p99 added at 60 % load, µs", NATIVE, "load_p99", most=1000),
    Promise("native edge: CPU of a 400 KB request, times nginx's", NATIVE, "big_nginx", most=1.5),
    Promise("native edge: start to readiness, s", NATIVE, "start_seconds", most=2),
    Promise("native edge: idle memory, MiB", NATIVE, "idle_mib", most=60),
    Promise("native edge: stalls and errors in 4,000 parallel streams", NATIVE, "crowd_faults", most=0),
    Promise("native edge: requests a second of a core, times LiteLLM's", NATIVE, "rate_litellm", least=100),
    Promise("native edge: requests a second of a core, times the best peer's", NATIVE, "rate_peers", least=1),
    *(
        Promise(f"{pair}: {what} a second of a core, times those of bytes that go through", row, figure, least=0.6)
        for pair, row in (("chat to Anthropic's form", TO_CLAUDE), ("Messages to OpenAI's form", MESSAGES))
        for what, figure in (("requests", "rate_native"), ("chunks", "chunks_native"))
    ),
    Promise("passed through: CPU of a small request, times chat's", THROUGH, "cpu_native", most=1),
    Promise("passed through: p99 added at 60 % load, µs", THROUGH, "load_p99", most=2000),
    Promise("Granian edge: CPU of a small request, times a bare hello's", GRANIAN, "cpu_hello", most=1.6),
    Promise("Granian edge: p99 added at 60 % load, µs", GRANIAN, "load_p99", most=1000),
    Promise("Granian edge: CPU of a 400 KB request, times nginx's", GRANIAN, "big_nginx", most=2.5),
    Promise("Granian edge: start to readiness, s", GRANIAN, "start_seconds", most=2),
)


def judge(found: Mapping[str, Figures]) -> list[Verdict]:
    """Hold the figures of a run against every promise."""
    return [_judge(promise, found.get(promise.row, {}).get(promise.figure)) for promise in PROMISES]


def _judge(promise: Promise, seen: float | None) -> Verdict:
    if seen is None:
        return Verdict(promise, None, None)
    met = (promise.most is None or seen <= promise.most) and (promise.least is None or seen >= promise.least)
    return Verdict(promise, seen, met)
