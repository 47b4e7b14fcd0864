"""PromptLayer's tracking of requests (https://docs.promptlayer.com/reference/track-request)."""

from collections.abc import Iterable, Sequence
from typing import Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, texts
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

BASE: Final = "https://api.promptlayer.com"


def build(given: Given) -> Sink:
    """Make it of PROMPTLAYER_API_KEY and PROMPTLAYER_API_BASE."""
    url = given.address("promptlayer_api_base", "PROMPTLAYER_API_BASE", default=BASE) + "/rest/track-request"
    key = given.text("promptlayer_api_key", "PROMPTLAYER_API_KEY")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            body = {
                "function_name": "openai.ChatCompletion.create",
                "kwargs": {"model": event.model, "messages": event.messages, **event.model_parameters},
                "tags": [*event.tags, *texts(event.said.get("pl_tags"))],
                "metadata": {name: value for name, value in event.said.items() if isinstance(value, str)},
                "request_response": event.response,
                "request_start_time": event.started,
                "request_end_time": event.ended,
                "api_key": key,
            }
            yield Delivery(url, encode(body), JSON)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=8)
