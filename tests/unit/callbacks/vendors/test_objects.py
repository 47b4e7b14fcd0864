"""Objects in buckets hold the standard payload as LiteLLM publishes it, whole, with each member of its type.

Transcribed from https://docs.litellm.ai/docs/proxy/logging_spec (LiteLLM, MIT licence), strictly: a member that is
named there is there, and is of no other type. Three are told apart from it, and why stands beside them. How an object
is put into a bucket is Amazon's to say (PutObject, in test_stores).
"""

import gzip
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError
from tests.unit.callbacks.test_event import payload, told
from tests.unit.callbacks.vendors.making import FAILED, KEYS, OK, configured
from tests.unit.callbacks.vendors.test_schemas import STEERING, TREES

from tianji.callbacks.event import LogEvent
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import Delivery


class Published(BaseModel):
    """Members that it does not name are further ones, which programs do not look at."""

    model_config = ConfigDict(strict=True, extra="allow")


class VectorStoreRequest(Published):
    vector_store_id: str | None
    custom_llm_provider: str | None
    query: str | None
    vector_store_search_response: dict[str, Any] | None
    start_time: float | None
    end_time: float | None


class Metadata(Published):
    user_api_key_hash: str | None
    user_api_key_alias: str | None
    user_api_key_org_id: str | None
    user_api_key_team_id: str | None
    user_api_key_user_id: str | None
    user_api_key_team_alias: str | None
    spend_logs_metadata: dict[str, Any] | None
    requester_ip_address: str | None
    requester_metadata: dict[str, Any] | None
    vector_store_request_metadata: list[VectorStoreRequest] | None


class AdditionalHeaders(Published):
    x_ratelimit_limit_requests: int = 0  # the provider says which of them it says
    x_ratelimit_limit_tokens: int = 0
    x_ratelimit_remaining_requests: int = 0
    x_ratelimit_remaining_tokens: int = 0


class HiddenParams(Published):
    model_id: str | None
    cache_key: str | None
    api_base: str | None
    response_cost: float | str | None  # published as a text; LiteLLM writes the number, and so do we
    additional_headers: AdditionalHeaders | None
    batch_models: list[str] | None
    litellm_model_name: str | None


class ModelInformation(Published):
    model_map_key: str
    model_map_value: dict[str, Any] | None


class CostFailure(Published):
    error_str: str
    traceback_str: str
    model: str
    cache_hit: bool | None
    custom_llm_provider: str | None
    base_model: str | None
    call_type: str
    custom_pricing: bool | None


class ErrorInformation(Published):
    error_code: str | None
    error_class: str | None
    llm_provider: str | None


class StandardLoggingPayload(Published):
    id: str
    trace_id: str
    call_type: str
    response_cost: float
    response_cost_failure_debug_info: CostFailure | None  # published without null, which it is where nothing failed
    status: Literal["success", "failure"]
    total_tokens: int
    prompt_tokens: int
    completion_tokens: int
    startTime: float  # noqa: N815
    endTime: float  # noqa: N815
    completionStartTime: float  # noqa: N815
    response_time: float
    model_map_information: ModelInformation
    model: str
    model_id: str | None
    model_group: str | None
    api_base: str
    metadata: Metadata
    cache_hit: bool | None
    cache_key: str | None
    saved_cache_cost: float | None  # published without null; what the cache has saved has no price here
    request_tags: list[str]
    end_user: str | None
    requester_ip_address: str | None
    messages: str | list[Any] | dict[str, Any] | None
    response: str | list[Any] | dict[str, Any] | None
    error_str: str | None
    error_information: ErrorInformation | None
    model_parameters: dict[str, Any]
    hidden_params: HiddenParams


def put(name: str, *events: LogEvent, **params: Any) -> Delivery:
    block = {"s3_bucket_name": "bucket", "s3_region_name": "eu-west-1", **params}
    (made,), problems = sinks_of(configured(name, settings={"s3_callback_params": block}), KEYS)
    assert problems == []
    (request,) = made.write(events)
    return request


def objects(request: Delivery) -> list[Any]:
    raw = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    return [msgspec.json.decode(line) for line in raw.splitlines()]


EVENTS = {
    "whole": OK,
    "failed": FAILED,
    "bare": OK.bare,
    "failed and bare": FAILED.bare,
    "of the cache": told(3, cache_hit=True),
    "of nobody": told(4, key=None, user_id=None, team_id=None, end_user=None, ip=None),
    "without a price": told(5, items=(), cost=0, payload=payload()),
}


@pytest.mark.parametrize(
    ("name", "params"),
    [("s3", {}), ("s3_v2", {}), ("s3_v2", {"s3_log_prompts_only": True}), ("gcs_bucket", {})],
)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_object_has_the_published_form(name: str, params: dict[str, Any], event: LogEvent) -> None:
    (one,) = objects(put(name, event, **params))
    StandardLoggingPayload.model_validate(one)
    assert (one["saved_cache_cost"] is None) == one["cache_hit"]


@pytest.mark.parametrize(("name", "params"), [("s3_v2", {"s3_batch_file_upload": True}), ("gcs_bucket", {})])
def test_so_has_each_line_of_an_object_that_holds_many(name: str, params: dict[str, Any]) -> None:
    found = objects(put(name, *EVENTS.values(), **params))
    assert [one["id"] for one in found] == [event.id for event in EVENTS.values()]
    for one in found:
        StandardLoggingPayload.model_validate(one)


@given(st.dictionaries(st.sampled_from(STEERING), TREES, max_size=4), TREES, TREES)
def test_clients_cannot_spoil_it(metadata: dict[str, Any], user: Any, temperature: Any) -> None:
    event = told(9, payload=payload(metadata=metadata, user=user, temperature=temperature, tags=user))
    StandardLoggingPayload.model_validate(objects(put("s3_v2", event))[0])


@pytest.mark.parametrize("name", sorted(StandardLoggingPayload.model_fields))
def test_a_member_that_is_not_there_or_of_another_type_is_noticed(name: str) -> None:
    (whole,) = objects(put("s3_v2", OK))
    for spoilt in ({key: value for key, value in whole.items() if key != name}, {**whole, name: {1}}):
        with pytest.raises(ValidationError, match=name):
            StandardLoggingPayload.model_validate(spoilt)
