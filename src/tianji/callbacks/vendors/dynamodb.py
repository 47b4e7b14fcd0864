"""Amazon DynamoDB: an item an event, all of strings.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
"""

from collections.abc import Iterable, Sequence
from typing import Any

from tianji.callbacks.accounts.aws import account
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, moment
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink


def build(given: Given) -> Sink:
    """Make it of dynamodb_table_name, AWS_REGION_NAME and what finds keys of AWS."""
    place = account(given, "")
    table = given.text("dynamodb_table_name")
    url = given.address(
        "dynamodb_endpoint_url", "AWS_ENDPOINT_URL_DYNAMODB", default=f"https://dynamodb.{place.domain}"
    )
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.PutItem"}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            item = {name: {"S": _text(value)} for name, value in _row(event).items() if value is not None}
            yield Delivery(f"{url}/", encode({"TableName": table, "Item": item}), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=16, complete=place.signing("dynamodb"))


def _row(event: LogEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "call_type": event.call_type,
        "startTime": moment(event.started),
        "endTime": moment(event.ended),
        "model": event.model,
        "user": event.end_user,
        "modelParameters": event.model_parameters,
        "messages": event.messages,
        "response": event.response,
        "usage": event.usage,
        "metadata": event.metadata,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
