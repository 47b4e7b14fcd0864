"""Argilla: records of a dataset (https://docs.argilla.io/latest/reference/argilla-server/).

`argilla_transformation_object` says what each field of a record holds: `messages`, `response`, or another member of an
event. The id of the dataset is asked for once. `async_dataset_hook` of the operator's own loggers looks at each record.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, unique
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sift, Sink
from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.providers.logins.oauth import read_object

BASE: Final = "http://localhost:6900"
_DATASET: Final = "/api/v1/datasets/"


def build(given: Given) -> Sink:
    """Make it of ARGILLA_API_KEY, ARGILLA_BASE_URL, ARGILLA_DATASET_NAME and argilla_transformation_object."""
    base = given.address("argilla_base_url", "ARGILLA_BASE_URL", default=BASE)
    headers = JSON | {"x-argilla-api-key": given.text("argilla_api_key", "ARGILLA_API_KEY")}
    dataset = given.text("argilla_dataset_name", "ARGILLA_DATASET_NAME", default="litellm-completion")
    fields = given.params.get("argilla_transformation_object")
    if not isinstance(fields, Mapping) or not fields:
        raise ConfigurationError(
            f"callback {given.name}: set litellm_settings.argilla_transformation_object, a map such as "
            "{prompt: messages, answer: response}"
        )
    found: list[str] = []

    def written(events: Sequence[LogEvent], sift: Sift | None = None) -> Iterable[Delivery]:
        items = (({"fields": _fields(event, fields), "external_id": unique(event)}, event) for event in events)
        kept = [item if sift is None else sift(item, event) for item, event in items]
        records = [item for item in kept if item is not None]
        if records:
            yield Delivery(f"{base}{_DATASET}records/bulk", encode({"items": records}), headers, method="PUT")

    async def complete(request: Delivery) -> Delivery:
        if not found:
            url = f"{base}/api/v1/me/datasets?name={quote(dataset, safe='')}"
            listed = read_object("Argilla", await given.fetch("GET", url, headers, b"")).get("items") or ()
            named = [str(one["id"]) for one in listed if one.get("name") == dataset]
            if not named:
                raise UpstreamFailure(f"Argilla has no dataset {dataset!r}; create it", sent=False)
            found.append(named[0])
        return msgspec.structs.replace(request, url=f"{base}{_DATASET}{quote(found[0], safe='')}/records/bulk")

    return Sink(
        given.name,
        written,
        hears=SUCCESSES,
        share=given.share("argilla_sampling_rate", "ARGILLA_SAMPLING_RATE"),
        batch=int(given.number("argilla_batch_size", "ARGILLA_BATCH_SIZE", default=100)) or 1,
        complete=complete,
        sifted=written,
    )


def _fields(event: LogEvent, wanted: Mapping[str, Any]) -> dict[str, Any]:
    known = event.members()
    known["response"] = event.text or event.response
    return {field: _at(known, str(path)) for field, path in wanted.items()}


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
