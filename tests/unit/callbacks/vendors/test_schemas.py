"""What Langfuse and Datadog are sent has the form that they publish, whatever clients say in their metadata.

Transcribed from the schemas `TraceBody` and `CreateGenerationBody` of https://api.reference.langfuse.com and from
`HTTPLogItem` of https://docs.datadoghq.com/api/latest/logs/#send-logs, strictly: no member is of another type.
"""

from datetime import datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from tests.unit.callbacks.test_event import payload, told
from tests.unit.callbacks.vendors.making import FAILED, OK, body, sent

from tianji.callbacks.event import LogEvent


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Trace(Strict):
    id: str | None = None
    timestamp: str | None = None
    name: str | None = None
    userId: str | None = None  # noqa: N815
    input: Any = None
    output: Any = None
    sessionId: str | None = None  # noqa: N815
    release: str | None = None
    version: str | None = None
    metadata: Any = None
    tags: list[str] | None = None
    environment: str | None = None
    public: bool | None = None


class Generation(Strict):
    id: str | None = None
    traceId: str | None = None  # noqa: N815
    name: str | None = None
    startTime: str | None = None  # noqa: N815
    endTime: str | None = None  # noqa: N815
    completionStartTime: str | None = None  # noqa: N815
    metadata: Any = None
    input: Any = None
    output: Any = None
    level: Literal["DEBUG", "DEFAULT", "WARNING", "ERROR"] | None = None
    statusMessage: str | None = None  # noqa: N815
    parentObservationId: str | None = None  # noqa: N815
    version: str | None = None
    environment: str | None = None
    model: str | None = None
    modelParameters: dict[str, str | int | bool | list[str]] | None = None  # noqa: N815
    usageDetails: dict[str, int] | None = None  # noqa: N815
    costDetails: dict[str, float | int] | None = None  # noqa: N815
    promptName: str | None = None  # noqa: N815
    promptVersion: int | None = None  # noqa: N815


class Ingested(Strict):
    id: str
    timestamp: str


class OfTrace(Ingested):
    type: Literal["trace-create"]
    body: Trace


class OfGeneration(Ingested):
    type: Literal["generation-create"]
    body: Generation


class Batch(Strict):
    batch: list[OfTrace | OfGeneration]
    metadata: Any = None


class Log(BaseModel):
    """Further members are attributes, of any form."""

    model_config = ConfigDict(strict=True, extra="allow")
    ddsource: str
    ddtags: str
    hostname: str
    message: str = Field(max_length=1 << 20)
    service: str


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
STEERING = (
    "trace_id", "existing_trace_id", "trace_name", "session_id", "trace_user_id", "trace_version", "version", "tags",
    "trace_release", "trace_metadata", "trace_public", "generation_name", "generation_id", "parent_observation_id",
    "mask_input", "mask_output", "update_trace_keys", "prompt",
)  # fmt: skip


def check_langfuse(event: LogEvent) -> None:
    batch = Batch.model_validate(body(sent("langfuse", event)), strict=True)
    for one in batch.batch:
        datetime.fromisoformat(one.timestamp)


@pytest.mark.parametrize("event", [OK, FAILED, OK.bare])
def test_events_have_the_forms_of_their_vendors(event: LogEvent) -> None:
    check_langfuse(event)
    TypeAdapter(list[Log]).validate_python(body(sent("datadog", event)))


@given(st.dictionaries(st.sampled_from(STEERING), TREES, max_size=6))
def test_clients_cannot_spoil_them(metadata: dict[str, Any]) -> None:
    event = told(9, payload=payload(metadata=metadata))
    check_langfuse(event)
    TypeAdapter(list[Log]).validate_python(body(sent("datadog", event)))


def test_another_form_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="sessionId"):
        Trace.model_validate({"sessionId": 5})
