"""What the other destinations are sent, in the form that their vendors document."""

import gzip
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.unit.callbacks.test_event import ANSWER, REQUEST, payload, told
from tests.unit.callbacks.vendors.making import FAILED, KEYS, OK, SETTINGS, body, configured, sent, sink

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import unique
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import Delivery, Given, Sink, UnwritableError
from tianji.callbacks.vendors import VENDORS
from tianji.errors import UpstreamFailure
from tianji.lazy import load
from tianji.providers.logins.oauth import source_of

STARTED, ENDED = "2026-03-01T12:00:00.001Z", "2026-03-01T12:00:00.251Z"


def saying(**metadata: object) -> LogEvent:
    return told(9, payload=payload(metadata=metadata))


class Fetched:
    """Answers single requests, and remembers them."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, url, headers, body))
        return self.answers.pop(0)


def made(name: str, fetch: Fetched, environ: Mapping[str, str] = KEYS, **params: Any) -> Sink:
    built: Sink = load(VENDORS[name]).build(Given(name, params, environ, fetch))
    return built


async def completed(destination: Sink, *events: LogEvent) -> Delivery:
    (request,) = destination.write(events)
    assert destination.complete is not None
    return await destination.complete(request)


def test_datadog_llm_observability() -> None:
    request = sent("datadog_llm_observability", OK, FAILED)
    assert request.url == "https://api.datadoghq.eu/api/intake/llm-obs/v1/trace/spans"
    assert (request.headers["dd-api-key"], request.accepted) == ("k", {202})
    attributes = body(request)["data"]["attributes"]
    first, second = attributes["spans"]
    assert (attributes["ml_app"], first["parent_id"], first["trace_id"]) == ("litellm-server", "undefined", OK.trace_id)
    assert first["meta"]["kind"] == "llm"
    assert first["meta"]["input"] == {"messages": REQUEST["messages"]}
    assert first["meta"]["output"] == {"messages": [{"role": "assistant", "content": "hello"}]}
    assert (first["metrics"]["total_cost"], first["metrics"]["non_cached_input_tokens"]) == (2.0, 6)
    assert (first["start_ns"], first["duration"]) == (round(OK.started * 1e9), 250_000_000)
    assert (second["status"], second["meta"]["error"]) == ("error", {"message": "slow", "type": "RateLimited"})
    facts = first["meta"]["metadata"]
    assert (facts["temperature"], facts["model_name"], facts["requester_metadata"]) == (0.5, "gpt-4o", '{"a":"b"}')
    assert all(isinstance(fact, str | int | float) for fact in facts.values())
    assert second["meta"]["output"] == {"messages": []}
    own = body(sent("datadog_llm_observability", saying(span_id="s", parent_id="p", name="n")))
    (span,) = own["data"]["attributes"]["spans"]
    assert (span["span_id"], span["parent_id"], span["name"]) == ("s", "p", "n")
    agent = sent("datadog_llm_observability", OK, environ={"LITELLM_DD_AGENT_HOST": "agent"})
    assert agent.url == "http://agent:8126/api/intake/llm-obs/v1/trace/spans"


def test_datadog_is_told_what_was_said_as_text_with_tools_beside_it() -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    odd = {"id": "c2", "type": "function", "function": {"name": "say", "arguments": "a"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "1+"}, {"type": "text", "text": "1"}]},
        {"role": "assistant", "content": None, "tool_calls": [called, odd]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]
    tools = [
        {"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}},
        {"name": "say", "input_schema": {"type": "object"}},
        {"type": "web_search"},
    ]
    event = told(1, payload=payload(messages=messages, tools=tools), session_id="S")
    (span,) = body(sent("datadog_llm_observability", event))["data"]["attributes"]["spans"]
    assert span["meta"]["input"]["messages"] == [
        {"role": "user", "content": "1+1"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"name": "add", "tool_id": "c1", "arguments": {"a": 1}, "type": "function"},
            {"name": "say", "tool_id": "c2", "arguments": {"arguments": "a"}, "type": "function"},
        ]},
        {"role": "tool", "content": "2", "tool_results": [{"tool_id": "c1", "result": "2"}]},
    ]  # fmt: skip
    assert span["meta"]["tool_definitions"] == [
        {"name": "add", "description": "adds", "schema": {"type": "object"}},
        {"name": "say", "schema": {"type": "object"}},
        {"name": "web_search"},
    ]
    assert span["session_id"] == "S"
    (odd_span,) = body(sent("datadog_llm_observability", told(2, payload=payload(messages={"query": "q"}))))["data"][
        "attributes"
    ]["spans"]
    assert odd_span["meta"]["input"]["messages"] == [{"role": "user", "content": '{"query":"q"}'}]


def test_datadog_metrics_and_costs() -> None:
    request = sent("datadog_metrics", OK, FAILED)
    assert (request.url, request.headers["dd-application-key"]) == ("https://api.datadoghq.eu/api/v2/series", "k")
    series = body(request)["series"]
    assert [one["metric"] for one in series].count("litellm.request.total_latency") == 2
    counts = [one for one in series if one["metric"] == "litellm.llm_api.request_count"]
    assert [one["points"][0]["value"] for one in counts] == [1, 1]
    assert {(one["metric"], one["type"]) for one in series} == {  # 1: a count, 3: a gauge
        ("litellm.request.total_latency", 3), ("litellm.llm_api.request_count", 1),
    }  # fmt: skip
    measured = body(sent("datadog_metrics", told(4, upstream=200_000)))["series"]
    values = {one["metric"]: (one["type"], round(one["points"][0]["value"], 6)) for one in measured}
    assert (values["litellm.llm_api.latency"], values["litellm.overhead.latency"]) == ((3, 0.2), (3, 0.05))
    assert {"provider:openai", "model_name:gpt-4o", "status_code:429", "team:t"} <= set(counts[1]["tags"])
    request = sent("datadog_cost_management", OK, OK, told(3, payload=payload(), cost=0), cost_tag_keys=["a"])
    assert (request.method, request.url) == ("PUT", "https://api.datadoghq.eu/api/v2/cost/custom_costs")
    (line,) = body(request)
    assert (line["ProviderName"], line["BilledCost"], line["ChargePeriodStart"]) == ("openai", 4.0, "2026-03-01")
    assert line["Tags"] == {"team": "t", "user": "u", "model_group": "gpt", "a": "b"}


def test_lunary() -> None:
    request = sent("lunary", OK, FAILED)
    assert (request.url, request.headers["authorization"]) == ("https://api.lunary.ai/v1/runs/ingest", "Bearer k")
    start, end, _, error = body(request)["events"]
    assert (start["event"], start["input"], start["timestamp"]) == ("start", REQUEST["messages"], STARTED)
    assert start["runId"] == end["runId"] == unique(OK) != error["runId"]
    assert (end["event"], end["output"], end["tokensUsage"]) == ("end", ANSWER, {"prompt": 10, "completion": 5})
    assert (error["event"], error["error"]) == ("error", {"message": "slow"})


def test_opik() -> None:
    traces, spans = sink("opik", {"OPIK_WORKSPACE": "w"}).write([OK])
    assert traces.url == "https://www.comet.com/opik/api/v1/private/traces/batch"
    assert spans.url == "https://www.comet.com/opik/api/v1/private/spans/batch"
    assert (traces.headers["authorization"], traces.headers["comet-workspace"]) == ("k", "w")
    (trace,), (span,) = body(traces)["traces"], body(spans)["spans"]
    assert span["trace_id"] == trace["id"]
    assert {uuid.UUID(one["id"]).version for one in (trace, span)} == {7}
    assert int(uuid.UUID(span["id"])) >> 80 == int(OK.started * 1000)
    assert (span["usage"]["total_tokens"], span["total_estimated_cost"]) == (15, 2.0)
    assert (trace["project_name"], trace["start_time"], trace["tags"]) == ("Default Project", STARTED, ["a", "b"])
    own = {"project_name": "P", "tags": ["z"], "current_span_data": {"trace_id": "T", "id": "S"}}
    (spans,) = sink("opik").write([saying(opik=own)])
    (span,) = body(spans)["spans"]
    assert (span["trace_id"], span["parent_span_id"], span["project_name"], span["tags"][-1]) == ("T", "S", "P", "z")


def test_greenscale_and_athina() -> None:
    request = sent("greenscale", saying(greenscale_project="P", greenscale_color="red"))
    assert (request.url, request.headers["api-key"]) == ("http://greenscale", "k")
    assert body(request) == {
        "modelId": "gpt-4o", "inputTokenCount": 10, "outputTokenCount": 5, "timestamp": "2026-03-01T12:00:00.259Z",
        "invocationLatency": 250, "project": "P", "tags": [{"key": "color", "value": "red"}],
    }  # fmt: skip
    request = sent("athina", saying(session_id="S", unknown="x"))
    assert (request.url, request.headers["athina-api-key"]) == ("https://log.athina.ai/api/v1/log/inference", "k")
    logged = body(request)
    assert (logged["language_model_id"], logged["prompt"], logged["response"]) == (
        "gpt-4o", REQUEST["messages"], ANSWER,
    )  # fmt: skip
    assert (logged["total_tokens"], logged["response_time"], logged["session_id"]) == (15, 250, "S")
    assert "unknown" not in logged


def test_promptlayer_and_helicone() -> None:
    request = sent("promptlayer", saying(pl_tags=["z"]))
    assert request.url == "https://api.promptlayer.com/rest/track-request"
    tracked = body(request)
    assert (tracked["api_key"], tracked["tags"], tracked["kwargs"]["temperature"]) == ("k", ["a", "b", "z"], 0.5)
    assert tracked["request_response"] == ANSWER
    request = sent("helicone", saying(helicone_session_id="S"))
    assert (request.url, request.headers["authorization"]) == ("https://api.worker.helicone.ai/oai/v1/log", "Bearer k")
    logged = body(request)
    assert logged["providerRequest"]["json"]["model"] == "gpt-4o", "the name that it has"
    assert logged["providerRequest"]["meta"] == {"Helicone-Auth": "Bearer k", "Helicone-Session-Id": "S"}
    assert logged["timing"]["startTime"] == {"seconds": int(OK.started), "milliseconds": 9}
    assert logged["providerRequest"]["url"] == OK.api_base
    request = sent("helicone", told(1, provider="cohere"))
    assert request.url == "https://api.worker.helicone.ai/custom/v1/log"
    assert body(request)["providerRequest"]["url"] == "custom-model-nopath", "what their custom log takes"


def test_lago() -> None:
    request = sent("lago", OK)
    assert (request.url, request.headers["authorization"]) == ("http://lago/api/v1/events", "Bearer k")
    event = body(request)["event"]
    assert (event["external_subscription_id"], event["code"]) == ("c", "tokens")
    assert event["transaction_id"] == unique(OK), "what is told twice is charged once"
    assert event["properties"] == {
        "model": "gpt-4o", "response_cost": 2.0, "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
    }  # fmt: skip
    assert body(sent("lago", OK))["event"]["transaction_id"] == event["transaction_id"], (
        "what is told twice counts once"
    )
    assert body(sent("lago", OK, environ={"LAGO_API_CHARGE_BY": "team_id"}))["event"]["external_subscription_id"] == "t"
    with pytest.raises(UnwritableError, match="no end_user_id"):
        list(sink("lago").write([told(1, end_user=None)]))


def test_deepeval_and_galileo() -> None:
    request = sent("deepeval", FAILED, environ={"LITELM_ENVIRONMENT": "staging"})
    assert (request.url, request.headers["confident_api_key"]) == ("https://api.confident-ai.com/v1/tracing", "k")
    trace = body(request)
    (span,) = trace["llmSpans"]
    assert (span["traceUuid"], span["status"], span["error"]) == (trace["uuid"], "ERRORED", "slow")
    assert (trace["environment"], trace["baseSpans"], trace["startTime"]) == ("staging", [], "2026-03-01T12:00:00.002Z")
    request = sent("galileo", OK, environ={"GALILEO_LOG_STREAM_ID": "s"})
    assert (request.url, request.headers["galileo-api-key"]) == ("https://api.galileo.ai/ingest/traces/p", "k")
    assert body(request)["log_stream_id"] == "s"
    (trace,) = body(request)["traces"]
    (span,) = trace["spans"]
    assert (trace["type"], span["type"], span["metrics"]["duration_ns"]) == ("trace", "llm", 250_000_000)
    assert (trace["output"], trace["metrics"]["cost"]) == ("hello", 2.0)


async def test_galileo_by_name_and_password() -> None:
    fetch = Fetched((200, b'{"access_token": "T", "expires_in": 600}'))
    named = {"GALILEO_API_KEY": "", "GALILEO_USERNAME": "me", "GALILEO_PASSWORD": "pw"}
    destination = made("galileo", fetch, KEYS | named)
    for _ in range(2):
        request = await completed(destination, OK)
        assert (request.url, request.headers["authorization"]) == (
            "https://api.galileo.ai/v2/projects/p/traces", "Bearer T",
        )  # fmt: skip
    assert [(method, url, data) for method, url, _, data in fetch.asked] == [
        ("POST", "https://api.galileo.ai/login", b"username=me&password=pw")
    ]


def test_literalai() -> None:
    request = sent("literalai", OK, FAILED)
    assert request.url == "https://cloud.getliteral.ai/api/graphql"
    assert (request.headers["x-api-key"], request.headers["x-client-name"]) == ("k", "litellm")
    query, variables = body(request)["query"], body(request)["variables"]
    assert query.startswith("mutation AddSteps($id_0: String!, ")
    assert (query.count("ingestStep("), query.count("{"), query.count("}")) == (2, 3, 3)
    assert all(f"${name}: " in query and f": ${name}" in query for name in variables)
    assert (variables["type_0"], variables["startTime_0"], variables["error_1"]) == ("llm", STARTED, "slow")
    assert variables["generation_0"]["messageCompletion"] == {"role": "assistant", "content": "hello"}
    assert variables["generation_0"]["tokenCount"] == 15


async def test_argilla_asks_for_its_dataset_once() -> None:
    fetch = Fetched((200, b'{"items": []}'), (200, b'{"items": [{"id": "7", "name": "litellm-completion"}]}'))
    destination = made("argilla", fetch, **SETTINGS)
    with pytest.raises(UpstreamFailure, match="no dataset 'litellm-completion'; create it"):
        await completed(destination, OK)
    for _ in range(2):
        request = await completed(destination, OK)
    assert (request.method, request.url) == ("PUT", "http://localhost:6900/api/v1/datasets/7/records/bulk")
    assert request.headers["x-argilla-api-key"] == "k"
    (record,) = body(request)["items"]
    assert record["fields"] == {"prompt": REQUEST["messages"], "answer": "hello", "who": "k"}
    assert record["external_id"] == unique(OK), "what is told twice is one record"
    assert [url for _, url, *_ in fetch.asked] == [
        "http://localhost:6900/api/v1/me/datasets?name=litellm-completion"
    ] * 2


def test_langfuse_has_the_tags_that_the_configuration_wants() -> None:
    wanted = {"langfuse_default_tags": ["cache_hit", "user_api_key_alias", "proxy_base_url", "cache_key", "nothing"]}
    made, _ = sinks_of(configured("langfuse", settings=wanted), KEYS | {"PROXY_BASE_URL": "https://proxy"})
    (request,) = made[0].write([OK])
    (trace, _) = body(request)["batch"]
    assert trace["body"]["tags"] == [
        "a", "b", "cache_hit:False", "user_api_key_alias:mine", "proxy_base_url:https://proxy"
    ]  # fmt: skip


def test_what_is_too_large_for_langfuse_goes_without_what_was_said() -> None:
    large = told(1, payload=payload(messages=[{"role": "user", "content": "large " * 200_000}]))
    said = sent("langfuse", large, OK).body
    assert len(said) < 100_000
    assert b"large large" not in said
    assert b'"hi"' in said


async def test_pointfive_asks_for_each_file_where_it_goes() -> None:
    where = b'{"uploadUrl": "https://bucket/%d?sig=x", "objectKey": "k"}'
    fetch = Fetched((200, where % 1), (200, where % 2), (200, b'{"uploadUrl": "http://10.0.0.1/"}'), (403, b"{}"))
    destination = made("pointfive", fetch)
    for number in (1, 2):
        request = await completed(destination, OK, FAILED)
        assert (request.method, request.url) == ("PUT", f"https://bucket/{number}?sig=x")
    assert request.headers == {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    said = [msgspec.json.decode(line) for line in gzip.decompress(request.body).splitlines()]
    assert [one["status"] for one in said] == ["success", "failure"]
    method, url, headers, asked = fetch.asked[0]
    assert (method, url) == ("POST", "https://api.pointfive.co/api/v1/ingestion/upload-url")
    assert headers["authorization"] == "Bearer k"
    assert msgspec.json.decode(asked) == {"kind": "LITELLM", "byteCount": len(request.body)}
    for why in ("does not say where", "status 403"):
        with pytest.raises(UpstreamFailure, match=why):
            await completed(destination, OK)


async def test_braintrust_asks_for_each_project_once() -> None:
    fetch = Fetched((200, b'{"id": "7"}'))
    destination = made("braintrust", fetch)
    assert destination.complete is not None
    for _ in range(2):
        request = await completed(destination, OK)
    assert request.url == "https://api.braintrustdata.com/v1/project_logs/7/insert"
    assert request.headers["authorization"] == "Bearer k"
    (logged,) = body(request)["events"]
    assert (logged["input"], logged["output"]) == (REQUEST["messages"], ANSWER)
    assert (logged["metrics"]["total_cost"], logged["span_attributes"]["type"]) == (2.0, "llm")
    assert (logged["metrics"]["tokens"], logged["metrics"]["start"]) == (15, OK.started)
    assert logged["span_id"] == logged["root_span_id"] == logged["id"]
    assert [(url, data) for _, url, _, data in fetch.asked] == [
        ("https://api.braintrustdata.com/v1/project", b'{"name":"litellm"}')
    ]
    known = await completed(destination, saying(project_id="p/1"))
    assert known.url == "https://api.braintrustdata.com/v1/project_logs/p%2F1/insert"
    assert len(list(destination.write([OK, saying(project_name="mine")]))) == 2


def test_supabase_and_wandb() -> None:
    again = msgspec.structs.replace(FAILED, call_id=OK.call_id)
    request = sent("supabase", again, OK, FAILED)
    assert request.url == "http://supabase/rest/v1/request_logs?on_conflict=litellm_call_id"
    assert request.headers["apikey"] == "k"
    first, second = body(request)
    assert (first["status"], first["total_cost"], first["response"]) == ("success", 2.0, ANSWER)
    assert first.keys() == second.keys()
    assert (second["status"], second["error"]) == ("failure", "slow")
    request = sent("wandb", OK)
    assert request.url == "https://trace.wandb.ai/call/upsert_batch"
    assert request.headers["authorization"] == "Basic YXBpOms="
    start, end = body(request)["batch"]
    assert (start["mode"], end["mode"]) == ("start", "end")
    assert start["req"]["start"]["id"] == end["req"]["end"]["id"]
    assert start["req"]["start"]["project_id"] == "me/mine"
    assert end["req"]["end"]["summary"]["usage"]["gpt-4o"]["total_tokens"] == 15


def test_clickhouse() -> None:
    request = sent("clickhouse", OK, FAILED)
    at = "http://clickhouse:8123/?database=litellm&query=INSERT+INTO+spend_logs+FORMAT+JSONEachRow&"
    assert request.url.startswith(at)
    assert (request.headers["x-clickhouse-user"], request.headers["x-clickhouse-key"]) == ("me", "secret")
    lines = gzip.decompress(request.body).splitlines()
    assert [msgspec.json.decode(line)["id"] for line in lines] == [OK.id, FAILED.id]


def test_sentry() -> None:
    destination = sink("sentry")
    assert (destination.hears, destination.bare) == ({"failure"}, True)
    (request,) = destination.write([FAILED])
    assert request.url == "https://sentry.io/api/7/envelope/"
    assert "sentry_key=key" in request.headers["x-sentry-auth"]
    head, item, event = map(msgspec.json.decode, request.body.splitlines())
    assert head["event_id"] == event["event_id"]
    assert item == {"type": "event"}
    assert event["exception"] == {"values": [{"type": "RateLimited", "value": "slow"}]}
    assert event["tags"]["status"] == "429"


async def test_azure_sentinel(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetched((200, b'{"access_token": "T", "expires_in": 600}'))
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: fetch)
    source_of.cache_clear()  # other tests have the same login
    request = await completed(sink("azure_sentinel"), OK)
    assert request.url == "http://sentinel/dataCollectionRules/dcr/streams/Custom-LiteLLM?api-version=2023-01-01"
    assert request.headers["authorization"] == "Bearer T"
    ((_, url, _, form),) = fetch.asked
    assert url == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert b"scope=https%3A%2F%2Fmonitor.azure.com%2F.default" in form
    (row,) = body(request)
    assert (row["TimeGenerated"], row["id"], row["startTime"]) == (ENDED, OK.id, OK.started)


@pytest.mark.parametrize("cloud", ["us", "cn"])
async def test_azure_sentinel_in_other_clouds(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetched((200, b'{"access_token": "T", "expires_in": 600}'))
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: fetch)
    source_of.cache_clear()
    there = sink("azure_sentinel", {"AZURE_SENTINEL_AUTHORITY_HOST": f"https://login.example.{cloud}"})
    await completed(there, OK)
    ((_, url, _, form),) = fetch.asked
    assert url == f"https://login.example.{cloud}/tenant/oauth2/v2.0/token"
    assert f"scope=https%3A%2F%2Fmonitor.azure.{cloud}%2F.default".encode() in form
