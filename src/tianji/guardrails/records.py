"""What is told of the runs of guardrails in answer headers, logs, callbacks and metrics: never what was found.

The members are those of LiteLLM's `guardrail_information`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tianji._core.routing.stats import escape_label
from tianji._core.sharing.shm import Histogram, SharedCounters
from tianji.errors import Header
from tianji.guardrails.running import Outcome, Status
from tianji.guardrails.verdict import Advise, Allow, Answer, Block, Rewrite, Verdict

LONGEST: Final = 2048  # bytes of the header that lists scans
BOUNDS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2,
    5,
    10,
    30,
    60,
    120,
    300,
    420,
    600,
)  # seconds, as LiteLLM's
_HIDDEN: Final = frozenset({"keyword", "snippet", "match", "regex", "text", "matched_text"})
_WORDS: Final = ((Rewrite, "mask"), (Block, "block"), (Answer, "passthrough"), (Advise, "advise"), (Allow, "allow"))
_PROMETHEUS: Final = {
    Status.SUCCESS: "success",
    Status.FLAGGED: "success",
    Status.INTERVENED: "intervened",
    Status.FAILED: "error",
}


def information(outcome: Outcome) -> dict[str, Any]:
    """Return what logs and callbacks hear of a run."""
    guardrail, findings = outcome.guardrail, outcome.findings
    found = {
        "guardrail_name": guardrail.name,
        "guardrail_provider": guardrail.kind,
        "guardrail_id": guardrail.id,
        "guardrail_mode": outcome.hook,
        "guardrail_status": outcome.status,
        "guardrail_response": response(outcome),
        "guardrail_action": _word(outcome.verdict),
        "start_time": outcome.began,
        "end_time": outcome.ended,
        "duration": round(outcome.ended - outcome.began, 6),
        "masked_entity_count": dict(findings.entities) or None,
        "violation_categories": list(findings.categories) or None,
        "confidence_score": findings.score,
        "policy_template": guardrail.template_label,
        "guardrail_scan_id": findings.scan_id or None,
        "unscanned_attachments": outcome.unseen or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def response(outcome: Outcome) -> object:
    """Return how it judged, in a word or with what its vendor said of it; without what was found."""
    if outcome.error:
        return outcome.error
    if isinstance(outcome.said, Block):
        return redacted({"reason": outcome.said.reason, **outcome.said.detail})
    return _word(outcome.said)


def _word(verdict: Verdict | None) -> str:
    return next((word for kind, word in _WORDS if isinstance(verdict, kind)), "error")


def redacted(value: object) -> object:
    """Return a document without the members that may quote what was found."""
    if isinstance(value, Mapping):
        return {key: "[redacted]" if key in _HIDDEN else redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return value


def headers(
    names: Iterable[str], sources: Mapping[str, str], outcomes: Iterable[Outcome], compat: bool
) -> list[Header]:
    """Return what an answer says of guardrails: names, policies, scans, and what vendors want shown."""
    found: list[Header] = []
    named = ",".join(map(_printable, names)).encode()
    if named:
        found.append((b"x-tianji-applied-guardrails", named))
        if compat:
            found.append((b"x-litellm-applied-guardrails", named))
    if sources:
        found.append((b"x-litellm-applied-policies", ",".join(map(_printable, sources)).encode()))
        reasons = "; ".join(f"{_printable(name)}={_printable(why)}" for name, why in sources.items())
        found.append((b"x-litellm-policy-sources", reasons.encode()))
    scans = [one for one in outcomes if one.findings.scan_id]
    if scans:
        ids = ",".join(_printable(one.findings.scan_id) for one in scans)
        found.append((b"x-litellm-guardrail-scan-id", ids.encode()))
        found.append((b"x-litellm-guardrail-scan-metadata", scan_metadata(scans)))
    for one in outcomes:
        found.extend(
            (_printable(name).lower().encode(), _printable(value).encode())
            for name, value in one.findings.headers.items()
        )
    return found


def scan_metadata(scans: Iterable[Outcome]) -> bytes:
    """Return the JSON list of scans, as many as there is room for."""
    rows = [
        {
            "guardrail": one.guardrail.name,
            "stage": one.hook,
            "provider": one.guardrail.kind,
            "scan_id": one.findings.scan_id,
        }
        for one in scans
    ]
    while rows:
        text = msgspec.json.encode(rows)
        if len(text) <= LONGEST and text.isascii():
            return text
        rows.pop()
    return b"[]"


def _printable(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)


class Series:
    """The metrics of runs, in the memory of all workers."""

    def __init__(self, counters: SharedCounters) -> None:
        self._counters = counters
        self._histograms: dict[str, Histogram] = {}

    def heard(self, outcome: Outcome) -> None:
        """Count a run."""
        status = _PROMETHEUS.get(outcome.status)
        name, hook = f'guardrail_name="{escape_label(outcome.guardrail.name)}"', f'hook_type="{outcome.hook}"'
        if outcome.unseen and not outcome.guardrail.strict:
            self._add(f"tianji_guardrail_unscanned_total{{{name},{hook}}}", outcome.unseen)
        if status is None:
            return
        error = f'error_type="{"unavailable" if outcome.error else ""}"'
        self._add(f'litellm_guardrail_requests_total{{{name},status="{status}",{hook}}}')
        if outcome.error:
            self._add(f"litellm_guardrail_errors_total{{{name},{error},{hook}}}")
        labels = f'{name},status="{status}",{error},{hook}'
        histogram = self._histograms.get(labels)
        if histogram is None:
            histogram = Histogram(self._counters, "litellm_guardrail_latency_seconds", labels, BOUNDS)
            self._histograms[labels] = histogram
        histogram.observe(max(0.0, outcome.ended - outcome.began))

    def _add(self, series: str, number: int = 1) -> None:
        self._counters.add(self._counters.slot(series), number)
