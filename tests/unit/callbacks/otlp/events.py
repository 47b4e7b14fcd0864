"""Events as an OTLP destination hears of them."""

from typing import Any

from tests.unit.callbacks.test_event import payload, told

from tianji.callbacks.event import LogEvent
from tianji.ledger.entry import Place

TRACE, SPAN, REQUEST, CALLER = b"t" * 16, b"s" * 8, b"r" * 8, b"c" * 8
ATTEMPT = Place(TRACE, SPAN, REQUEST, CALLER)
END = Place(TRACE, REQUEST, CALLER, CALLER, 1, 200, "POST", "/v1/chat/completions")


def answered(number: int = 1, **fields: Any) -> LogEvent:
    """An attempt that was answered and says everything."""
    usual = {
        "place": ATTEMPT, "payload": payload(), "cached_tokens": 4, "written_tokens": 1, "key_alias": "mine",
        "cost": 2_000_000_000, "api_base": "https://api.openai.com/v1", "deployment_id": "d",
    }  # fmt: skip
    return told(number, **{**usual, **fields})


def failed(number: int = 2, **fields: Any) -> LogEvent:
    """An attempt that failed."""
    usual = {
        "status": "failure", "error_class": "RateLimited", "error_code": "429", "error_message": "slow",
        "completion_tokens": 0, "cost": 0,
    }  # fmt: skip
    return answered(number, **{**usual, **fields})


def ended(number: int = 1, status: int = 200, **fields: Any) -> LogEvent:
    """The end of a request."""
    place = Place(TRACE, REQUEST, CALLER, CALLER, 1, status, "POST", "/v1/chat/completions")
    usual = {"place": place, "status": "failure" if status >= 300 else "success", "ip": "10.0.0.1"}
    return told(number, **{**usual, **fields})
