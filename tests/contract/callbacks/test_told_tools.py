"""Who hears of calls of tools, and has a word on them: hooks of the operator's own, callbacks, and traces."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.accounting.books import entries
from tests.contract.callbacks.telling import environment
from tests.contract.harness import PATIENCE, Gateway, eventually, refusing_address
from tests.contract.tools.tooling import OURS, TURN, call, chat_answer, rpc, words
from tests.fakes.collector import Collector
from tests.fakes.ears import Ears
from tests.fakes.tool_server import ToolServer
from tests.fakes.vendors import Vendors

SECRET = "tok-canary-9Fh3kQ"
CLIENT = "00f067aa0ba902b7"
HOOKS = """
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.mcp import MCPPostCallResponseObject


class Results(CustomLogger):
    async def async_post_mcp_tool_call_hook(
        self, kwargs, response_obj: MCPPostCallResponseObject, start_time, end_time
    ):
        said = response_obj.mcp_tool_call_response[0].text
        about = kwargs["mcp_tool_call_metadata"]
        if "price" in said:
            response_obj.hidden_params.response_cost = 0.125
        if "shout" in said:
            response_obj.mcp_tool_call_response[0].text = f"{said.upper()} by {about['namespaced_tool_name']}"
            assert kwargs["arguments"] == about["arguments"] and (end_time - start_time).total_seconds() >= 0
        if "hidden" in said:
            raise HTTPException(status_code=451, detail="not this one")
        if "repeated" in said:
            raise HTTPException(status_code=400, detail=said)
        if "breaks" in said:
            response_obj.hidden_params.response_cost = "much"
        return response_obj


results = Results()
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, vendors: Vendors, collector: Collector, ears: Ears, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("told_tools")
    (folder / "tool_hooks.py").write_text(HOOKS)
    bound, dead = refusing_address()
    params = {"model": "openai/gpt", "api_base": f"{vendors.url}/v1", "api_key": "k"}
    costs = {"default_cost_per_query": 0.01, "tool_name_to_cost_per_query": {"fail": 0.25}}
    with ToolServer("web") as web:
        config = {
            "model_list": [{"model_name": "gpt", "litellm_params": params}],
            "mcp_servers": {
                "web": {
                    "url": f"{web.url}/mcp", "alias": "book", "auth_type": "bearer_token", "auth_value": SECRET,
                    "mcp_info": {"mcp_server_cost_info": costs},
                },
                "dead": {"url": f"{dead}/mcp"},
            },
            "guardrails": [words("before", "pre_mcp_call", private="MASK")],
            "litellm_settings": {
                "callbacks": ["otel", "generic_api", "tool_hooks.results"],
                "provider_url_destination_allowed_hosts": ["127.0.0.1"],
            },
        }  # fmt: skip
        told = environment(
            ears, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SEMCONV_STABILITY_OPT_IN="gen_ai_latest_experimental"
        )
        with Gateway(config, folder, edge=edge, env=told) as running:
            yield running
    bound.close()


def test_hooks_have_the_last_word_on_results(gateway: Gateway) -> None:
    shouted = call(gateway, "book-echo", headers={"x_litellm_call_id": "hooked-tool"}, text="shout the price")
    assert shouted["result"] == {
        "content": [{"type": "text", "text": "WEB: SHOUT THE PRICE by web/echo"}], "isError": False,
    }  # fmt: skip
    (paid,) = entries(gateway, 1, call_id="hooked-tool")
    assert (paid["cost"], paid["status"]) == (125_000_000, "success")
    refused = call(gateway, "book-echo", headers={"x_litellm_call_id": "refused-tool"}, text="hidden")["error"]
    assert (refused["data"]["status"], refused["message"]) == (451, "not this one")
    broken = call(gateway, "book-echo", headers={"x_litellm_call_id": "broken-tool"}, text="breaks")["error"]
    assert broken["data"]["status"] == 500
    for name in ("refused-tool", "broken-tool"):
        (bad,) = entries(gateway, 1, call_id=name)
        assert (bad["status"], bad["cost"]) == ("failure", 10_000_000)  # the server has answered


def test_callbacks_are_told_of_calls(gateway: Gateway, ears: Ears) -> None:
    named = {"x_litellm_call_id": "told-tool", "mcp_session_id": "s-9", "x_litellm_tags": "a,b", "user_agent": "app"}
    assert call(gateway, "book-echo", headers=named, text="so private", token="tok-1")["result"]

    def found() -> list[dict[str, Any]]:
        return [event for event in ears.events() if event["litellm_call_id"] == "told-tool"]

    eventually(lambda: len(found()) == 1, "the event of a call", PATIENCE)
    (event,) = found()
    about = event["metadata"]["mcp_tool_call_metadata"]
    assert about.pop("result")["content"] == [{"type": "text", "text": "web: so [KEYWORD_REDACTED]"}]
    assert about == {
        "name": "echo", "arguments": {"text": "so [KEYWORD_REDACTED]"}, "mcp_server_name": "web",
        "mcp_server_logo_url": None, "namespaced_tool_name": "web/echo", "mcp_session_id": "s-9",
        "mcp_server_cost_info": {"default_cost_per_query": 0.01, "tool_name_to_cost_per_query": {"fail": 0.25}},
        "mcp_auth_mode": "bearer_token", "mcp_server_resource": event["api_base"],
    }  # fmt: skip
    assert (event["call_type"], event["model"], event["response_cost"]) == ("call_mcp_tool", "MCP: echo", 0.01)
    assert (event["request_tags"], event["user_agent"]) == (["a", "b", "User-Agent: app"], "app")
    assert SECRET not in json.dumps(event)


def test_an_error_of_a_call_does_not_repeat_what_nobody_is_told(gateway: Gateway, ears: Ears) -> None:
    hush = {"x_litellm_enable_message_redaction": "true"}
    told: dict[str, dict[str, Any]] = {}
    for name, headers in (("aloud", {}), ("hushed", hush)):
        refused = call(gateway, "book-echo", headers={**headers, "x_litellm_call_id": name}, text="repeated words")
        assert refused["error"]["message"] == "web: repeated words"
        eventually(lambda name=name: name in {event["litellm_call_id"] for event in ears.events()}, name, PATIENCE)
        (told[name],) = (event for event in ears.events() if event["litellm_call_id"] == name)
    assert [told[name]["error_str"] for name in ("aloud", "hushed")] == [
        "web: repeated words", "web: redacted-by-litellm"
    ]  # fmt: skip
    assert "repeated words" not in json.dumps(told["hushed"])


def test_a_teams_own_callbacks_are_told_of_its_calls(gateway: Gateway, ears: Ears) -> None:
    secret = "sk-canary-of-a-team"
    variables = {"langfuse_public_key": "pk-team", "langfuse_secret": secret, "langfuse_host": ears.url}
    team = gateway.post("/team/new", {"object_permission": {"mcp_servers": ["web"]}}).json()["team_id"]
    own = {"callback_name": "langfuse", "callback_type": "success_and_failure", "callback_vars": variables}
    assert gateway.post(f"/team/{team}/callback", own).status_code == 200
    made = gateway.post("/key/generate", {"team_id": team, "object_permission": {"mcp_servers": ["web"]}}).json()
    theirs = {"authorization": f"Bearer {made['key']}"}
    for name, bearer, text in (("of-team", theirs, ""), ("of-team-bad", theirs, "hidden "), ("of-nobody", {}, "")):
        answer = call(gateway, "book-echo", headers={**bearer, "x_litellm_call_id": name}, text=f"{text}said {name}")
        assert ("error" in answer) == bool(text)

    def told(name: str) -> list[tuple[str, Any]]:
        posted = [(headers["authorization"], said) for path, headers, said in ears.heard
                  if path == "/api/public/ingestion" and f"said {name}" in str(said)]  # fmt: skip
        return [(who, one) for who, said in posted for one in said["batch"] if f"said {name}" in str(one)]

    eventually(lambda: told("of-team") and told("of-team-bad"), "the team's account is told", PATIENCE)
    assert {who for name in ("of-team", "of-team-bad") for who, _ in told(name)} == {
        f"Basic {b64encode(f'pk-team:{secret}'.encode()).decode()}"
    }
    good, bad = (next(one["body"] for _, one in told(name) if one["type"] == "generation-create")
                 for name in ("of-team", "of-team-bad"))  # fmt: skip
    assert (good["level"], bad["level"]) == ("DEFAULT", "ERROR")
    assert "web: said of-team" in json.dumps(good["output"])

    def everywhere() -> set[str]:
        return {event["litellm_call_id"] for event in ears.events()}

    eventually(lambda: {"of-team", "of-team-bad", "of-nobody"} <= everywhere(), "everybody's is told of all", PATIENCE)
    assert told("of-nobody") == []
    assert secret not in gateway.log


def spans_of(collector: Collector, trace: str, count: int) -> dict[str, Any]:
    """The spans of a trace by their names, once there are so many."""

    def found() -> list[Any]:
        return [span for span in collector.spans("/v1/traces") if span.trace_id.hex() == trace]

    eventually(lambda: len(found()) >= count, f"{count} spans of {trace}", PATIENCE)
    return {span.name: span for span in found()}


def said(span: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


def test_traces_of_calls_and_lists(gateway: Gateway, collector: Collector) -> None:
    trace = "1" * 32
    assert call(gateway, "book-fail", headers={"traceparent": f"00-{trace}-{CLIENT}-01"}, text="hi")["result"]
    found = spans_of(collector, trace, 2)
    tool, request = found["tools/call fail"], found["POST /mcp"]
    assert (request.kind, tool.kind, request.parent_span_id.hex()) == (2, 3, CLIENT)
    assert tool.parent_span_id == request.span_id
    told = said(tool)
    assert (told["gen_ai.operation.name"], told["gen_ai.tool.name"], told["mcp.method.name"]) == (
        "execute_tool", "fail", "tools/call",
    )  # fmt: skip
    assert (told["error.type"], tool.status.code) == ("tool_error", 2)
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"text": "hi"}
    assert said(request)["mcp.method.name"] == "tools/call"

    trace = "2" * 32
    assert rpc(gateway, "tools/list", path="/mcp/web,dead", traceparent=f"00-{trace}-{CLIENT}-01")["result"]
    request = spans_of(collector, trace, 3)["POST /mcp/web,dead"]
    asked = [span for span in collector.spans("/v1/traces") if span.parent_span_id == request.span_id]
    assert {(span.name, said(span)["litellm.mcp.server.name"], span.status.code) for span in asked} == {
        ("tools/list", "web", 1), ("tools/list", "dead", 2),
    }  # fmt: skip


def test_a_model_and_its_tools_are_one_trace(gateway: Gateway, vendors: Vendors, collector: Collector) -> None:
    vendors.reset()
    vendors.say("/v1/chat/completions", chat_answer(None, ("book-echo", {"text": "hi"})), chat_answer("done"))
    trace = "3" * 32
    body = {"model": "gpt", "messages": [TURN], "tools": [OURS]}
    assert gateway.chat(body, traceparent=f"00-{trace}-{CLIENT}-01").status_code == 200
    spans_of(collector, trace, 7)
    found = [span for span in collector.spans("/v1/traces") if span.trace_id.hex() == trace]
    (whole,) = [span for span in found if span.parent_span_id.hex() == CLIENT]
    below = sorted(span.name for span in found if span.parent_span_id == whole.span_id)
    assert below == ["POST /v1/chat/completions"] * 2 + ["tools/call echo", "tools/list"]
    known = {span.span_id for span in found}
    assert {span.parent_span_id for span in found if span is not whole} <= known
