"""Amazon DynamoDB: an item an event, all of strings.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
"""

from collections.abc import Iterable, Sequence

from tianji.callbacks.accounts.aws import account
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, texts_of
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
            item = {name: {"S": text} for name, text in texts_of(event).items()}
            yield Delivery(f"{url}/", encode({"TableName": table, "Item": item}), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=16, complete=place.signing("dynamodb"))
