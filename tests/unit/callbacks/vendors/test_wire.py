"""What each destination is sent: address, credentials, and the form that its vendor documents."""

from base64 import b64encode

import msgspec
import pytest
from tests.unit.callbacks.test_event import ANSWER, REQUEST, notice, payload, told
from tests.unit.callbacks.vendors.making import FAILED, KEYS, OK, body, configured, sent, sink

from tianji.callbacks.forms import moment
from tianji.callbacks.settings import sinks_of, tells, tells_content, wanted
from tianji.callbacks.vendors import TRACED, VENDORS
from tianji.config.schema import Config, Settings


@pytest.mark.parametrize("name", sorted(VENDORS.keys() - TRACED))
def test_every_destination_takes_every_event(name: str) -> None:
    destination = sink(name)
    bare = [OK.bare, FAILED.bare, told(3), told(4, call_type="aembedding", stream=True, team_id=None)]
    wanted = [event for event in [OK, FAILED, *bare] if destination.wants(notice(event))]
    for at in range(0, len(wanted), destination.batch):
        for request in destination.write(wanted[at : at + destination.batch]):
            assert request.url.startswith(("http://", "https://"))
            assert "headers" not in repr(request)
            if request.headers.get("content-type") == "application/json":
                assert body(request)


def test_generic_forms() -> None:
    request = sent("generic_api", OK, FAILED)
    assert (request.url, request.method) == ("http://ears/log", "POST")
    assert [event["status"] for event in body(request)] == ["success", "failure"]
    request = sent("webhook", OK, FAILED, log_format="ndjson", headers={"X-Key": "v"}, endpoint="https://x/y/")
    assert (request.url, request.headers["x-key"]) == ("https://x/y", "v")
    assert [msgspec.json.decode(line)["id"] for line in request.body.splitlines()] == [OK.id, FAILED.id]
    assert len(list(sink("generic_api", log_format="single").write([OK, FAILED]))) == 2
    for form in ("json_array", "ndjson", "single"):
        made = sink("generic_api", log_format=form)
        assert made.as_is is not None
        assert list(made.as_is([OK.wire, FAILED.wire])) == list(made.write([OK, FAILED]))
    only = {"event_types": ["llm_api_failure"]}
    assert [sink("generic_api", **only).wants(notice(event)) for event in (OK, FAILED)] == [False, True]
    (short,) = sink("webhook", log_format="tianji_v1").write([OK])
    assert (body(short)["event"], body(short)["cost"]) == ("llm.success", 2.0)
    named = {"GENERIC_LOGGER_HEADERS": "a=b, c=d=e"}
    headers = sent("generic_api", OK, environ=named).headers
    assert (headers["a"], headers["c"]) == ("b", "d=e")
    assert sent("generic_api", OK, headers={}).headers == {"content-type": "application/json"}
    settings = {"generic_logger_headers": "e=f"}
    (older,), _ = sinks_of(configured("generic_api", settings=settings), KEYS)
    assert next(iter(older.write([OK]))).headers["e"] == "f"


def test_the_first_form_of_generic_events_is_all_text() -> None:
    (first,), problems = sinks_of(configured("generic_api", settings={"generic_api_use_v1": True}), KEYS)
    (request,) = first.write([OK, FAILED])
    told, failed = body(request)
    assert problems == []
    assert {type(value) for value in (*told.values(), *failed.values())} == {str}
    assert told.keys() == {
        "id", "call_type", "cache_hit", "startTime", "endTime", "model", "user", "modelParameters", "messages",
        "response", "usage", "metadata", "cost",
    }  # fmt: skip
    assert (told["id"], told["cost"], told["cache_hit"]) == (OK.id, "2.0", "False")
    assert msgspec.json.decode(told["messages"]) == OK.messages


def test_a_destination_may_have_any_name() -> None:
    block = {"callback_type": "generic_api", "endpoint": "http://mine", "headers": {"k": "{{environment_variables.V}}"}}
    (made,), problems = sinks_of(configured("mine", mine=block), {"V": "secret"})
    (request,) = made.write([OK])
    assert (problems, made.name, request.url, request.headers["k"]) == ([], "mine", "http://mine", "secret")
    (named,), _ = sinks_of(configured("rubrik"), {"RUBRIK_WEBHOOK_URL": "http://r", "RUBRIK_API_KEY": "k"})
    (request,) = named.write([OK])
    assert (request.headers["authorization"], named.hears) == ("Bearer k", {"success"})


def test_datadog() -> None:
    request = sent("datadog", OK, FAILED)
    assert request.url == "https://http-intake.logs.datadoghq.eu/api/v2/logs"
    assert (request.headers["dd-api-key"], request.accepted) == ("k", {202})
    first, second = body(request)
    assert (first["ddsource"], first["service"], first["status"]) == ("litellm", "litellm-server", "info")
    assert first["ddtags"] == "env:unknown,service:litellm-server,version:unknown,request_tag:a,request_tag:b,team:t"
    assert msgspec.json.decode(first["message"])["id"] == OK.id
    assert second["status"] == "error"
    agent = sent("datadog", OK, environ={"LITELLM_DD_AGENT_HOST": "agent", "DD_API_KEY": ""})
    assert agent.url == "http://agent:10518/api/v2/logs"
    assert "dd-api-key" not in agent.headers
    huge = told(5, payload=payload(messages=[{"content": "x" * 1_000_000}]))
    assert len(body(sent("datadog", huge))[0]["message"]) < 10_000


def test_langfuse() -> None:
    request = sent("langfuse", OK)
    assert request.url == "https://cloud.langfuse.com/api/public/ingestion"
    assert request.headers["authorization"] == "Basic " + b64encode(b"pk:sk").decode()
    trace, generation = body(request)["batch"]
    assert (trace["type"], generation["type"]) == ("trace-create", "generation-create")
    assert trace["body"]["id"] == generation["body"]["traceId"] == OK.call_id
    assert trace["body"]["output"] == "hello"
    assert generation["body"]["name"] == "litellm:mine"
    assert generation["body"]["usageDetails"]["input"] == 10 - 4
    assert generation["body"]["costDetails"] == {"total": 2.0}
    both = body(sent("langfuse", told(5, payload=payload(), prompt_tokens=10, cached_tokens=4, written_tokens=3)))
    assert both["batch"][1]["body"]["usageDetails"] == {
        "input": 3, "output": 5, "total": 15, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3,
    }, "each token has one price"  # fmt: skip
    assert generation["body"]["input"] == REQUEST["messages"]
    assert body(sent("langfuse", OK)) == body(request), "told twice it is the same"
    failed = body(sent("langfuse", FAILED))["batch"][1]["body"]
    assert (failed["level"], failed["statusMessage"], failed["name"]) == ("ERROR", "slow", "litellm-acompletion")
    own = {"trace_id": "T", "trace_name": "N", "generation_name": "G", "session_id": "S", "tags": ["z", "a"]}
    trace, generation = (one["body"] for one in body(sent("langfuse", told(6, payload=payload(metadata=own))))["batch"])
    assert (trace["id"], trace["name"], trace["sessionId"], trace["tags"]) == ("T", "N", "S", ["a", "b", "z"])
    assert (generation["traceId"], generation["name"]) == ("T", "G")
    existing = told(7, payload=payload(metadata={"existing_trace_id": "E"}))
    assert [one["type"] for one in body(sent("langfuse", existing))["batch"]] == ["generation-create"]
    updating = told(7, payload=payload(metadata={"existing_trace_id": "E", "update_trace_keys": ["output"]}))
    assert [one["type"] for one in body(sent("langfuse", updating))["batch"]] == ["generation-create"], "nobody lets it"
    lets = sent("langfuse", updating, langfuse_enable_update_trace_keys=True)
    assert body(lets)["batch"][0]["body"] == {"id": "E", "output": "hello"}
    masked = {"mask_input": True, "mask_output": True, "prompt": {"name": "P", "version": 3}, "trace_public": True}
    trace, generation = (
        one["body"] for one in body(sent("langfuse", told(8, payload=payload(metadata=masked))))["batch"]
    )
    assert {trace["input"], trace["output"], generation["input"], generation["output"]} == {"redacted-by-litellm"}
    assert (generation["promptName"], generation["promptVersion"], trace["public"]) == ("P", 3, True)
    streamed = told(9, stream=True, answered_at=round(told(9).started * 1e6) + 100_000)
    (_, said) = (one["body"] for one in body(sent("langfuse", streamed))["batch"])
    assert said["completionStartTime"] == moment(streamed.started + 0.1) < said["endTime"]
    assert sent("langfuse", OK, environ={"LANGFUSE_HOST": "ears:3000"}).url == "http://ears:3000/api/public/ingestion"


@pytest.mark.parametrize(
    ("status", "errors", "means"),
    [
        (207, [], 207),
        (207, [{"id": "a", "status": 400, "message": "no"}], 400),
        (207, [{"id": "a", "status": 503}, {"id": "b", "status": 404}], 400),
        (207, [{"id": "a", "status": 503}, {"id": "b", "status": 429}], 503),
        (207, [{"id": "a"}], 400),
        (207, "none", 207),
        (200, [{"id": "a", "status": 400}], 200),
        (500, [{"id": "a", "status": 400}], 500),
    ],
)
def test_what_langfuse_says_of_each_event(status: int, errors: object, means: int) -> None:
    said = sent("langfuse", OK).meaning
    assert said is not None
    assert said(status, msgspec.json.encode({"successes": [], "errors": errors})) == means
    assert said(status, b"") == status


def test_langsmith() -> None:
    request = sent("langsmith", OK, FAILED, environ={"LANGSMITH_TENANT_ID": "t", "LANGSMITH_PROJECT": "p"})
    assert request.url == "https://api.smith.langchain.com/api/v1/runs/batch"
    assert (request.headers["x-api-key"], request.headers["x-tenant-id"]) == ("k", "t")
    first, second = body(request)["post"]
    assert first["id"] == first["trace_id"]
    assert first["dotted_order"] == f"20260301T120000001000Z{first['id']}"
    assert (first["run_type"], first["session_name"], first["error"], second["error"]) == ("llm", "p", None, "slow")
    assert first["outputs"]["usage_metadata"]["total_cost"] == 2.0
    assert {name: first["outputs"][name] for name in ANSWER} == ANSWER
    assert first["outputs"]["usage_metadata"]["input_token_details"] == {"cache_read": 4, "cache_creation": 0}
    assert second["outputs"].keys() == {"usage_metadata"}
    assert not sink("langsmith", {"LANGSMITH_SAMPLING_RATE": "0.0"}).wants(notice(OK))
    trace, parent = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    above = f"20260301T120000000000Z{trace}.20260301T120000000001Z{parent}"
    own = {"trace_id": trace, "parent_run_id": parent, "dotted_order": above, "run_name": "N", "session_id": "S"}
    (below,) = body(sent("langsmith", told(6, payload=payload(metadata=own))))["post"]
    assert (below["trace_id"], below["parent_run_id"], below["name"]) == (trace, parent, "N")
    assert below["dotted_order"] == f"{above}.20260301T120000006000Z{below['id']}"
    assert below["extra"]["metadata"]["session_id"] == "S"
    for last in (trace, parent):
        contradicting = {**own, "dotted_order": f"20260301T120000000000Z{last}"}
        (alone,) = body(sent("langsmith", told(6, payload=payload(metadata=contradicting))))["post"]
        assert (alone["trace_id"], "parent_run_id" in alone) == (alone["id"], False), "or the batch is refused for it"
    for missing in own:
        (alone,) = body(sent("langsmith", told(6, payload=payload(metadata={**own, missing: None}))))["post"]
        assert missing in ("run_name", "session_id") or alone["trace_id"] == alone["id"]


def test_posthog() -> None:
    request = sent("posthog", OK, FAILED)
    assert request.url == "https://us.i.posthog.com/batch/"
    said = body(request)
    first, second = said["batch"]
    assert (said["api_key"], first["event"], first["distinct_id"]) == ("k", "$ai_generation", "c")
    assert first["uuid"] == body(sent("posthog", OK))["batch"][0]["uuid"] != second["uuid"], "told again it is the same"
    told_of = first["properties"]
    assert (told_of["$ai_total_cost_usd"], told_of["$ai_cache_read_input_tokens"], told_of["$ai_http_status"]) == (
        2.0, 4, 200,
    )  # fmt: skip
    assert told_of["$ai_cost_passthrough"] is True, "or it is told another cost than all others"
    assert told_of["$ai_output_choices"] == [ANSWER["choices"][0]["message"]]
    assert told_of["$ai_cache_reporting_exclusive"] is False, "or tokens of Anthropic's cache count twice"
    assert told_of["a"] == "b", "what the client says are properties"
    assert {"$ai_error", "$ai_time_to_first_token"}.isdisjoint(told_of)
    failed = second["properties"]
    assert (failed["$ai_is_error"], failed["$ai_error"], failed["$ai_http_status"]) == (True, "slow", 429)
    own = {"user_id": "U", "parent_run_id": "P", "$ai_model": "forged", "plan": "pro"}
    request = sent("posthog", told(3, payload=payload(metadata=own), stream=True, call_type="acompletion"))
    (mine,) = body(request)["batch"]
    assert (mine["distinct_id"], mine["properties"]["$ai_parent_id"], mine["properties"]["plan"]) == ("U", "P", "pro")
    assert mine["properties"]["$ai_model"] == "gpt-4o"
    assert mine["properties"].keys() >= {"$ai_stream", "$ai_time_to_first_token"}
    assert mine["properties"].keys().isdisjoint(own.keys() - {"plan", "$ai_model"})
    (embedded,) = body(sent("posthog", told(4, payload=payload(), call_type="aembedding")))["batch"]
    assert embedded["event"] == "$ai_embedding"
    assert embedded["properties"].keys().isdisjoint({"$ai_output_choices", "$ai_output_tokens"})


def test_openmeter() -> None:
    assert not sink("openmeter").wants(notice(FAILED))
    request = sent("openmeter", OK)
    assert request.url == "https://openmeter.cloud/api/v1/events"
    (metered,) = body(request)
    assert (metered["specversion"], metered["type"], metered["subject"]) == ("1.0", "litellm_tokens", "c")
    assert metered["data"]["tokens"]["total_tokens"] == 15
    (metered,) = body(sent("openmeter", OK, environ={"OPENMETER_TRUST_REQUEST_USER": "false"}))
    assert metered["subject"] == "u", "whatever the client says"


@pytest.mark.parametrize(
    ("name", "environ", "said"),
    [
        ("langfuse", {}, "callback langfuse: set LANGFUSE_PUBLIC_KEY"),
        ("datadog", {}, "callback datadog: set DD_SITE"),
        ("generic_api", {}, "callback generic_api: set GENERIC_LOGGER_ENDPOINT"),
        ("generic_api", {"GENERIC_LOGGER_ENDPOINT": "ears"}, "'ears' is no address"),
        ("langsmith", {"LANGSMITH_API_KEY": "k", "LANGSMITH_SAMPLING_RATE": "2"}, "no number from 0 to 1"),
        (
            "posthog",
            {"POSTHOG_API_KEY": "k", "DEFAULT_FLUSH_INTERVAL_SECONDS": "soon"},
            "'soon' is no number of seconds",
        ),
        ("compression_interception", {}, "callback compression_interception: not served by this release"),
        ("argilla", {"ARGILLA_API_KEY": "k"}, "set litellm_settings.argilla_transformation_object"),
        ("lago", {**KEYS, "LAGO_API_CHARGE_BY": "hour"}, "'hour' is none of end_user_id, user_id, team_id"),
        ("deepeval", {**KEYS, "LITELM_ENVIRONMENT": "here"}, "environment 'here' is none of"),
        ("wandb", {**KEYS, "WANDB_PROJECT_ID": "p"}, "'p' has the form entity/project"),
        ("sentry", {"SENTRY_DSN": "https://sentry.io/7"}, "SENTRY_DSN has the form https://key@host/project"),
        ("s3_v2", KEYS, "set s3_bucket_name in s3_callback_params"),
        ("dynamodb", {**KEYS, "AWS_REGION_NAME": "mars"}, "'mars' is no region"),
        ("dynamodb", KEYS, "set dynamodb_table_name"),
    ],
)
def test_what_is_missing_is_said(name: str, environ: dict[str, str], said: str) -> None:
    sinks, (problem,) = sinks_of(configured(name), environ)
    assert sinks == []
    assert said in problem


def test_a_wrong_form_is_said() -> None:
    _, (problem,) = sinks_of(configured("generic_api", generic_api={"log_format": "xml"}), KEYS)
    assert "log_format 'xml' is none of json_array, ndjson, single" in problem


def test_how_often_they_are_told() -> None:
    often = {"DEFAULT_FLUSH_INTERVAL_SECONDS": "2"}
    assert (sink("posthog").interval, sink("posthog", often).interval, sink("langfuse", often).interval) == (5, 2, 1)


def test_who_hears_what() -> None:
    settings = Settings(callbacks=("a",), success_callback=("b", "c"), failure_callback=("c",))
    assert wanted(Config(litellm_settings=settings)) == {
        "a": {"success", "failure"}, "b": {"success"}, "c": {"success", "failure"},
    }  # fmt: skip
    made, _ = sinks_of(Config(litellm_settings=Settings(failure_callback=("posthog",))), KEYS)
    assert made[0].hears == {"failure"}
    _, (problem,) = sinks_of(Config(litellm_settings=Settings(failure_callback=("athina",))), KEYS)
    assert problem == "callback athina: it is told of success alone; name it in success_callback"


def test_a_part_of_all_traces() -> None:
    some = sink("posthog", sampling_rate=0.25)
    traces = [told(number, session_id=str(number)) for number in range(400)]
    assert 60 < sum(map(some.wants, map(notice, traces))) < 140
    assert all(some.wants(notice(told(1, session_id=event.trace_id))) == some.wants(notice(event)) for event in traces)
    _, (problem,) = sinks_of(configured("posthog", posthog={"sampling_rate": "many"}), KEYS)
    assert "'many' for sampling_rate is no number" in problem


@pytest.mark.parametrize("written", ["0.25", ".25", "2.5e-1"])
def test_a_part_is_written_as_any_number(written: str) -> None:
    """LiteLLM reads whole numbers alone here."""
    assert sink("langsmith", {"LANGSMITH_SAMPLING_RATE": written}).share == 0.25


def test_what_others_serve_is_nobody_to_tell() -> None:
    for name in ("prometheus", "dynamic_rate_limiter_v3"):
        assert sinks_of(configured(name), {}) == ([], [])
        assert not tells(configured(name))


def test_code_of_ones_own_is_told_but_is_no_vendor() -> None:
    assert sinks_of(configured("module.handler"), {}) == ([], [])
    assert tells(configured("module.handler"))


def test_content_is_told_unless_that_is_turned_off() -> None:
    assert tells_content(configured("langfuse"))
    assert not tells_content(configured("langfuse", settings={"turn_off_message_logging": True}))
    assert not tells_content(configured("prometheus"))
    for block in ({"turn_off_message_logging": True}, {"message_logging": False}):
        assert sink("posthog", **block).bare


def test_what_no_destination_is_told() -> None:
    settings = {
        "standard_logging_payload_excluded_fields": ("response", "requester_ip_address", "model"),
        "redact_user_api_key_info": True,
    }
    (made,), _ = sinks_of(configured("generic_api", settings=settings), KEYS)
    event = OK.shown(bare=made.bare, hidden=made.hidden)
    assert (event.response, event.ip, event.model) == (None, None, "gpt-4o")
    assert {value for name, value in event.metadata.items() if name.startswith("user_api_key")} == {None}
    assert event.messages == REQUEST["messages"]
