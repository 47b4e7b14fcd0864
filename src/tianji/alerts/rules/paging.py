"""When somebody is called out: so many failures within so short a time that it cannot wait until a message is read."""

from collections import deque
from collections.abc import Iterator, Mapping

from tianji.alerts.alert import Alert
from tianji.alerts.rules.requests import is_fault
from tianji.ledger.entry import Entry


class Paging:
    """Counts failures, of whatever deployment."""

    def __init__(self) -> None:
        self._failures: deque[tuple[float, Mapping[str, object]]] = deque()

    def hear(self, entry: Entry, now: float, threshold: int, window: float) -> Iterator[Alert]:
        """Take in an entry, and yield why somebody is called out: `threshold` failures within `window` seconds."""
        if not is_fault(entry):
            return
        said = {
            "exception": entry.error_class, "status": entry.error_code, "model": entry.model_group or entry.model,
            "provider": entry.provider, "deployment": entry.deployment_id, "call": entry.call_id,
        }  # fmt: skip
        self._failures.append((now, said))
        while len(self._failures) > threshold or self._failures[0][0] < now - window:
            self._failures.popleft()
        if len(self._failures) < threshold:
            return
        errors = [about for _, about in self._failures]
        self._failures.clear()
        yield Alert(
            kind="llm_exceptions",
            text=f"{threshold} requests have failed within {window:g} s",
            key="pagerduty:failures",
            ttl=window,
            page={"recent_errors": errors},
        )
