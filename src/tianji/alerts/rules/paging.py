"""When somebody is called out: so much goes wrong at once that it cannot wait until a message is read."""

from collections import deque
from collections.abc import Iterator, Mapping

from tianji.alerts.alert import Alert
from tianji.alerts.rules.requests import is_fault
from tianji.config.schema.alerting import AlertingArgs
from tianji.ledger.entry import Entry

Event = Mapping[str, object]


class Paging:
    """Counts failures, and requests that hang, of whatever deployment."""

    def __init__(self) -> None:
        self._failures: deque[tuple[float, Event]] = deque()
        self._hung: deque[tuple[float, Event]] = deque()

    def hear(self, entry: Entry, now: float, args: AlertingArgs) -> Iterator[Alert]:
        """Take in an entry, and yield why somebody is called out."""
        if not is_fault(entry):
            return
        said = {
            "exception": entry.error_class, "status": entry.error_code, "model": entry.model_group or entry.model,
            "provider": entry.provider, "deployment": entry.deployment_id, "call": entry.call_id,
        }  # fmt: skip
        many, window = args.failure_threshold, args.failure_threshold_window_seconds
        errors = _enough(self._failures, now, said, many, window)
        if errors:
            text = f"{many} requests have failed within {window:g} s"
            yield _called("llm_exceptions", "failures", text, window, errors)

    def hung(self, title: str, count: int, now: float, args: AlertingArgs) -> Iterator[Alert]:
        """Take in that so many requests hang at a deployment, and yield why somebody is called out."""
        many, window, seconds = (
            args.hanging_threshold_fails, args.hanging_threshold_window_seconds, args.hanging_threshold_seconds,
        )  # fmt: skip
        for _ in range(count):
            said = {"exception": "HangingRequest", "deployment": title, "seconds": seconds}
            errors = _enough(self._hung, now, said, many, window)
            if errors:
                text = f"{many} requests have been under way for more than {seconds:g} s, found within {window:g} s"
                yield _called("llm_requests_hanging", "hanging", text, window, errors)


def _enough(events: deque[tuple[float, Event]], now: float, said: Event, many: int, window: float) -> list[Event]:
    """Count one more event; return them all, which count once, when there are `many` within `window` seconds."""
    events.append((now, said))
    while len(events) > many or events[0][0] < now - window:
        events.popleft()
    if len(events) < many:
        return []
    found = [about for _, about in events]
    events.clear()
    return found


def _called(kind: str, what: str, text: str, ttl: float, errors: list[Event]) -> Alert:
    return Alert(kind=kind, text=text, key=f"pagerduty:{what}", ttl=ttl, page={"recent_errors": errors})
