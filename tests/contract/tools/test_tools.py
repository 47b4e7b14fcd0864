"""Tools of MCP servers through the gateway: over each transport, for whom they are, and what they cost."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.accounting.books import entries
from tests.contract.harness import BOOKS, ROOT, Gateway, events, refusing_address
from tests.contract.tools.tooling import ACCEPT, OURS, TURN, call, chat_answer, rpc, words
from tests.fakes.tool_server import TOOLS, ToolServer, close_streams
from tests.fakes.vendors import Answer, Vendors, plain

SECRET = "tok-canary-9Fh3kQ"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ToolServer]]:
    with ToolServer("web") as web, ToolServer("old") as old, ToolServer("machine") as machine:
        yield {"web": web, "old": old, "machine": machine}
        close_streams(old)


@pytest.fixture(scope="module")
def gateway(
    edge: str, servers: dict[str, ToolServer], vendors: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    bound, dead = refusing_address()
    program = {"transport": "stdio", "command": sys.executable, "args": ["-m", "tests.fakes.tool_server"]}
    costs = {"default_cost_per_query": 0.01, "tool_name_to_cost_per_query": {"fail": 0.25}}
    config = {
        "model_list": [
            {
                "model_name": name,
                "litellm_params": {
                    "model": f"{kind}/{name}", "api_base": f"{vendors.url}{end}", "api_key": "k",
                    "input_cost_per_token": 0.001, "output_cost_per_token": 0.001,
                },
            }
            for name, kind, end in (("gpt", "openai", "/v1"), ("claude", "anthropic", ""))
        ],
        "mcp_servers": {
            "web": {
                "url": f"{servers['web'].url}/mcp", "auth_type": "bearer_token", "auth_value": SECRET,
                "static_headers": {"X-Static": "${WORD}"}, "env_vars": [{"name": "WORD", "value": "filled"}],
                "extra_headers": ["X-Trace", "Authorization"], "access_groups": ["tools"],
                "mcp_info": {"mcp_server_cost_info": costs}, "instructions": "Ask the web.",
            },
            "old": {"url": f"{servers['old'].url}/sse", "transport": "sse", "alias": "attic",
                    "disallowed_tools": ["fail"], "allowed_params": {"echo": ["text"]}, "rpm": 5},
            "program": {**program, "env": {"NAME_OF_SERVER": "program", "PYTHONPATH": str(ROOT)},
                        "allowed_tools": ["echo"], "tool_name_to_display_name": {"echo": "say"},
                        "tool_name_to_description": {"echo": "Says."}},
            "machine": {"url": f"{servers['machine'].url}/mcp", "auth_type": "oauth2", "client_id": "me",
                        "oauth2_flow": "client_credentials", "client_secret": "s3cret-canary", "scopes": ["a", "b"],
                        "token_url": f"{servers['machine'].url}/token", "allow_all_keys": True},
            "dead": {"url": f"{dead}/mcp"},
            "hidden": {"url": f"{servers['web'].url}/mcp", "available_on_public_internet": False},
        },
        "guardrails": [
            words("before", "pre_mcp_call", forbidden="BLOCK", private="MASK"),
            words("after", "post_mcp_call", leaked="BLOCK", tall="MASK"),
        ],
        "litellm_settings": {"mcp_aliases": {"book": "web"}},
        "general_settings": {"mcp_internal_ip_ranges": ["10.0.0.0/8"]},
    }  # fmt: skip
    stdio = {"TIANJI_ENABLE_MCP_STDIO": "true", "TIANJI_MCP_STDIO_EXTRA_COMMANDS": sys.executable.rpartition("/")[2]}
    with Gateway(config, tmp_path_factory.mktemp("tools"), edge=edge, env={**BOOKS, **stdio}) as running:
        yield running
    bound.close()


def key(gateway: Gateway, **fields: Any) -> dict[str, str]:
    made = gateway.post("/key/generate", fields)
    assert made.status_code == 200, made.text
    return {"authorization": f"Bearer {made.json()['key']}"}


def names(found: Any) -> set[str]:
    return {tool["name"] for tool in found["result"]["tools"]}


def test_a_client_is_greeted(gateway: Gateway) -> None:
    offered = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    found = rpc(gateway, "initialize", offered)["result"]
    assert found["protocolVersion"] == "2025-06-18"
    assert found["capabilities"] == {"tools": {}, "prompts": {}, "resources": {}}
    assert found["serverInfo"]["name"] == "litellm-mcp-server"
    assert found["instructions"] == "Ask the web."
    assert rpc(gateway, "initialize", offered | {"protocolVersion": "1999-01-01"})["result"]["protocolVersion"] == (
        "2025-11-25"
    )
    assert rpc(gateway, "ping")["result"] == {}
    assert rpc(gateway, "sampling/createMessage")["error"]["code"] == -32601
    noted = gateway.post("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, **ACCEPT)
    assert (noted.status_code, noted.content) == (202, b"")
    assert gateway.client.get("/mcp", headers=ACCEPT).status_code == 405
    assert gateway.client.delete("/mcp").status_code == 200


def test_what_is_no_message_is_refused(gateway: Gateway) -> None:
    for body, code in ((b"{", -32700), (b"[]", -32600), (b'{"jsonrpc":"2.0","id":1.5,"method":"x"}', -32600)):
        answer = gateway.post("/mcp", body, **ACCEPT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    newer = gateway.post(
        "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}, mcp_protocol_version="2026-07-28"
    )
    assert (newer.status_code, newer.json()["error"]["code"]) == (400, -32022)
    assert "2025-11-25" in newer.json()["error"]["data"]["supported"]
    assert gateway.client.post("/mcp", json={}, headers={"authorization": "Bearer sk-nobody"}).status_code == 401


def test_tools_of_all_servers_are_listed_and_called(gateway: Gateway, servers: dict[str, ToolServer]) -> None:
    found = rpc(gateway, "tools/list")
    all_of = {tool["name"] for tool in TOOLS}
    assert names(found) == {
        *(f"book-{name}" for name in all_of), "attic-echo", "attic-refuse", "program-say",
        *(f"machine-{name}" for name in all_of),
    }  # fmt: skip
    shown = {tool["name"]: tool for tool in found["result"]["tools"]}
    assert shown["book-echo"] == TOOLS[0] | {"name": "book-echo"}
    assert shown["program-say"]["description"] == "Says."
    for name, said in (
        ("book-echo", "web"),
        ("attic-echo", "old"),
        ("program-say", "program"),
        ("machine-echo", "machine"),
    ):
        answer = call(gateway, name, text="hi")
        assert answer["result"]["content"] == [{"type": "text", "text": f"{said}: hi"}]
        assert answer["result"]["structuredContent"] == {"said": f"{said}: hi"}
    assert servers["web"].last("tools/call")["name"] == "echo"
    assert call(gateway, "book-fail", text="x")["result"]["isError"] is True


def test_a_stream_of_a_server_is_read_to_its_answer(gateway: Gateway, servers: dict[str, ToolServer]) -> None:
    servers["web"].streams = True
    try:
        assert call(gateway, "book-echo", text="hi")["result"]["content"][0]["text"] == "web: hi"
    finally:
        servers["web"].streams = False
    assert {"jsonrpc": "2.0", "id": "s1", "result": {}} in servers["web"].script.log


def test_a_session_that_a_server_forgot_is_begun_again(gateway: Gateway, servers: dict[str, ToolServer]) -> None:
    assert call(gateway, "book-echo", text="1")["result"]
    servers["web"].reset()
    servers["web"].sessions.clear()
    assert call(gateway, "book-echo", text="2")["result"]["content"][0]["text"] == "web: 2"
    said = [message["method"] for message in servers["web"].script.log]
    assert said == ["initialize", "notifications/initialized", "tools/call"]
    assert call(gateway, "book-echo", text="3")["result"]
    assert [message["method"] for message in servers["web"].script.log][3:] == ["tools/call"]


def test_a_program_that_ended_is_started_again(gateway: Gateway) -> None:
    failed = call(gateway, "program-say", text="die")
    assert failed["error"]["data"]["status"] == 502
    assert call(gateway, "program-say", text="again")["result"]["content"][0]["text"] == "program: again"


def test_prompts_and_resources(gateway: Gateway) -> None:
    listed = rpc(gateway, "prompts/list")["result"]["prompts"]
    assert {prompt["name"] for prompt in listed} == {"book-greet", "attic-greet", "program-greet", "machine-greet"}
    got = rpc(gateway, "prompts/get", {"name": "attic-greet", "arguments": {"who": "you"}})
    assert got["result"]["messages"][0]["content"]["text"] == "hello you"
    uris = {one["uri"] for one in rpc(gateway, "resources/list")["result"]["resources"]}
    assert uris == {"note://web", "note://old", "note://program", "note://machine"}
    for name in ("old", "machine"):
        read = rpc(gateway, "resources/read", {"uri": f"note://{name}"})
        assert read["result"]["contents"][0]["text"] == f"of {name}"
    assert rpc(gateway, "resources/read", {"uri": "note://nobody"})["error"]["code"] == -32002
    assert rpc(gateway, "resources/templates/list")["result"] == {"resourceTemplates": []}


def test_servers_are_named_in_path_and_headers(gateway: Gateway) -> None:
    for path, headers in (
        ("/mcp/web", {}), ("/web/mcp", {}), ("/book/mcp", {}), ("/tools/mcp", {}), ("/mcp", {"x_mcp_servers": "web"}),
        ("/mcp", {"x_mcp_access_groups": "tools"}), ("/mcp/web,attic", {"x_mcp_servers": "book"}),
    ):  # fmt: skip
        assert names(rpc(gateway, "tools/list", path=path, **headers)) == {"book-echo", "book-fail", "book-refuse"}
    assert call(gateway, "echo", "/web/mcp", text="bare")["result"]["content"][0]["text"] == "web: bare"
    unknown = gateway.post("/nobody/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **ACCEPT)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, -32602)
    assert "web-nothing" in call(gateway, "web-nothing-x", "/mcp/attic,program")["error"]["message"]
    hidden = gateway.post("/hidden/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **ACCEPT)
    assert hidden.status_code == 403
    only_events = gateway.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, accept="text/event-stream")
    assert only_events.text == 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'


def test_what_servers_are_sent(gateway: Gateway, servers: dict[str, ToolServer]) -> None:
    web = servers["web"]

    def sent(**headers: str) -> dict[str, str]:
        web.reset()
        assert call(gateway, "book-echo", headers=headers, text="x")["result"]
        return dict(web.headers[-1])

    usual = sent(x_trace="t1")
    assert usual["authorization"] == f"Bearer {SECRET}"
    assert (usual["x-static"], usual["x-trace"]) == ("filled", "t1")
    assert gateway.key not in json.dumps(web.headers)
    own = {"x_litellm_api_key": f"Bearer {gateway.key}"}
    assert sent(**own, authorization="Bearer of-the-client")["authorization"] == "Bearer of-the-client"
    assert sent(**own, authorization=f"Bearer {gateway.key}")["authorization"] == f"Bearer {SECRET}"
    assert gateway.key not in json.dumps(web.headers)
    assert sent(x_mcp_web_authorization="Basic abc")["authorization"] == "Basic abc"
    assert sent(x_mcp_auth="mine")["authorization"] == "Bearer mine"
    form = servers["machine"].forms
    assert form == [
        {
            "grant_type": ["client_credentials"],
            "scope": ["a b"],
            "client_id": ["me"],
            "client_secret": ["s3cret-canary"],
        }
    ]
    assert servers["machine"].headers[-1]["authorization"] == "Bearer granted-token-1"


def test_a_server_that_is_down_is_left_out(gateway: Gateway, servers: dict[str, ToolServer]) -> None:
    failed = rpc(gateway, "tools/list", path="/dead/mcp")["error"]
    assert "dead: the MCP server cannot be reached" in failed["message"]
    assert call(gateway, "dead-echo")["error"]["data"] == {"status": 500, "type": "internal_server_error"}
    servers["machine"].token = "another"
    try:
        refused = call(gateway, "machine-echo")
        assert refused["error"]["data"]["status"] == 401
        assert names(rpc(gateway, "tools/list", path="/mcp/machine,web")) == {"book-echo", "book-fail", "book-refuse"}
    finally:
        servers["machine"].token = None
    told = call(gateway, "book-refuse")["error"]
    assert told == {"code": -32050, "message": "not for Bearer ***"}


def test_keys_use_the_servers_that_they_may(gateway: Gateway) -> None:
    plain = key(gateway)
    assert names(rpc(gateway, "tools/list", **plain)) == {f"machine-{tool['name']}" for tool in TOOLS}
    assert call(gateway, "book-echo", headers=plain)["error"]["code"] == -32602
    confined = key(gateway, object_permission={"mcp_servers": ["attic"], "mcp_tool_permissions": {"web": ["echo"]}})
    machines = {f"machine-{tool['name']}" for tool in TOOLS}
    assert names(rpc(gateway, "tools/list", **confined)) - machines == {"attic-echo", "attic-refuse", "book-echo"}
    refused = call(gateway, "book-fail", headers=confined)["error"]
    assert refused["data"] == {"status": 403, "type": "key_mcp_tool_access_denied"}
    assert call(gateway, "attic-fail", headers=confined)["error"]["data"]["status"] == 403
    assert call(gateway, "attic-echo", headers=confined, other=1)["error"]["data"]["type"] == "mcp_parameter_denied"
    grouped = key(gateway, object_permission={"mcp_access_groups": ["tools"]})
    assert "book-fail" in names(rpc(gateway, "tools/list", **grouped))
    nobody = key(gateway, object_permission={"mcp_servers": ["no-mcp-servers"]})
    assert names(rpc(gateway, "tools/list", **nobody)) == set()
    team = gateway.post("/team/new", {"object_permission": {"mcp_servers": ["web", "old"]}}).json()["team_id"]
    assert names(rpc(gateway, "tools/list", **key(gateway, team_id=team))) >= {"attic-echo", "book-echo"}
    both = key(gateway, team_id=team, object_permission={"mcp_servers": ["web", "program"]})
    assert names(rpc(gateway, "tools/list", **both)) - machines == {f"book-{tool['name']}" for tool in TOOLS}


def test_calls_are_limited_and_paid_for(gateway: Gateway) -> None:
    allowed = {"mcp_servers": ["web", "old"]}
    poor = key(gateway, object_permission=allowed, max_budget=0.3)
    assert call(gateway, "book-fail", headers=poor)["result"]
    assert call(gateway, "book-fail", headers=poor)["result"]
    assert call(gateway, "book-fail", headers=poor)["error"]["data"]["type"] == "budget_exceeded"
    slow = key(gateway, object_permission=allowed, rpm_limit=1)
    assert call(gateway, "book-echo", headers=slow)["result"]
    assert call(gateway, "book-echo", headers=slow)["error"]["data"]["status"] == 429
    mapped = key(gateway, object_permission=allowed, mcp_rpm_limit={"web": 1})
    assert call(gateway, "book-echo", headers=mapped)["result"]
    assert call(gateway, "book-echo", headers=mapped)["error"]["data"]["status"] == 429
    assert call(gateway, "attic-echo", headers=mapped)["result"]


def test_each_call_has_an_entry(gateway: Gateway) -> None:
    assert call(gateway, "book-echo", headers={"x_litellm_call_id": "a-tool"})["result"]
    assert call(gateway, "dead-echo", headers={"x_litellm_call_id": "a-tool"})["error"]
    found = {one["status"]: one for one in entries(gateway, 2, call_id="a-tool")}
    good, bad = found["success"], found["failure"]
    assert (good["call_type"], good["model"], good["cost"]) == ("call_mcp_tool", "MCP: echo", 10_000_000)
    assert good["model_group"] == "web/echo"
    assert (bad["cost"], bad["error_class"]) == (0, "UpstreamConnectFailed")
    logs = gateway.client.get("/spend/logs", params={"request_id": good["request_id"]}).json()
    assert [(row["mcp_namespaced_tool_name"], row["spend"]) for row in logs] == [("web/echo", 0.01)]


def test_tools_over_plain_http(gateway: Gateway) -> None:
    assert gateway.client.get("/mcp/enabled").json() == {"enabled": True}
    listed = gateway.client.get("/mcp-rest/tools/list", params={"mcp_server_name": "web"}).json()
    assert [tool["name"] for tool in listed["tools"]] == ["echo", "fail", "refuse"]
    assert (listed["error"], listed["server_outcomes"]) == (None, {})
    info = listed["tools"][0]["mcp_info"]
    assert (info["server_name"], info["alias"]) == ("web", "book")
    partly = gateway.client.get("/mcp-rest/tools/list").json()
    assert partly["error"] is None
    assert partly["server_outcomes"].keys() == {"dead"}
    failed = gateway.client.get("/mcp-rest/tools/list", params={"mcp_server_name": "dead"}).json()
    assert (failed["tools"], failed["error"]) == ([], "partial_failure")
    body = {"server_id": info["server_id"], "name": "echo", "arguments": {"text": "rest"}}
    assert gateway.post("/mcp-rest/tools/call", body).json()["content"][0]["text"] == "web: rest"
    named = gateway.post("/mcp-rest/tools/call", {"name": "attic-echo"}).json()
    assert (named["isError"], named["content"][0]["text"]) == (False, "old: ")
    for wrong, status in (({}, 400), ({"name": "x-y"}, 404), ({"name": "book-refuse"}, 502), ({"name": "dead-x"}, 500)):
        assert gateway.post("/mcp-rest/tools/call", wrong).status_code == status
    assert "book-echo" in {tool["name"] for tool in gateway.client.get("/v1/mcp/tools").json()["tools"]}


def test_calls_and_results_are_judged(gateway: Gateway, servers: dict[str, ToolServer]) -> None:
    web = servers["web"]
    web.reset()
    refused = call(gateway, "book-echo", text="forbidden")["error"]
    assert refused["data"]["status"] == 400
    assert not [one for one in web.script.log if one["method"] == "tools/call"]
    masked = call(gateway, "book-echo", headers={"x_litellm_call_id": "judged-tool"}, text="so private")
    assert web.last("tools/call")["arguments"] == {"text": "so [KEYWORD_REDACTED]"}
    assert masked["result"]["structuredContent"] == {"said": "web: so [KEYWORD_REDACTED]"}
    assert call(gateway, "book-echo", text="a tall wall")["result"]["content"][0]["text"] == (
        "web: a [KEYWORD_REDACTED] wall"
    )
    body = {"name": "book-echo", "arguments": {"text": "leaked"}}
    blocked = gateway.post("/mcp-rest/tools/call", body, x_litellm_call_id="leaked-tool")
    assert blocked.status_code == 400
    (good,), (bad,) = entries(gateway, 1, call_id="judged-tool"), entries(gateway, 1, call_id="leaked-tool")
    assert [run["guardrail_name"] for run in json.loads(good["guardrails"])] == ["before", "after"]
    assert (bad["status"], bad["cost"]) == ("failure", 10_000_000)  # the server has answered


def asked(vendors: Vendors, path: str) -> list[Any]:
    return [one.json for one in vendors.asked if one.path == path]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_calls_tools(gateway: Gateway, vendors: Vendors, stream: bool) -> None:
    vendors.reset()
    vendors.say(
        "/v1/chat/completions",
        chat_answer(None, ("book-echo", {"text": "hi"}), ("book-fail", {}), ("mine", {})),
        chat_answer("it said hi"),
    )
    own = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object"}}}
    entry = OURS | {"allowed_tools": ["echo", "book-fail"]}
    body = {"model": "gpt", "messages": [TURN], "tools": [own, entry], "stream": stream}
    answer = gateway.chat(body | ({"stream_options": {"include_usage": True}} if stream else {}))
    assert answer.status_code == 200, answer.text
    first, second = asked(vendors, "/v1/chat/completions")
    assert [tool["function"]["name"] for tool in first["tools"]] == ["mine", "book-echo", "book-fail"]
    assert first["tools"][1]["function"]["parameters"] == TOOLS[0]["inputSchema"]
    assert [call["function"]["name"] for call in second["messages"][1]["tool_calls"]] == ["book-echo", "book-fail"]
    assert second["messages"][2:] == [
        {"role": "tool", "tool_call_id": "call_0", "content": "web: hi"},
        {"role": "tool", "tool_call_id": "call_1", "content": "web: "},
    ]
    if stream:
        told = [one for one in events(answer.text)[:-1] if one["choices"]]
        text = "".join(one["choices"][0]["delta"].get("content") or "" for one in told)
    else:
        text = answer.json()["choices"][0]["message"]["content"]
        assert answer.json()["usage"]["total_tokens"] == 30
    assert text == "it said hi"
    # two answers of 15 tokens, and two calls
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(0.03 + 0.01 + 0.25)


def test_a_model_calls_tools_in_responses(gateway: Gateway, vendors: Vendors) -> None:
    for stream in (False, True):
        vendors.reset()
        vendors.say("/v1/chat/completions", chat_answer(None, ("book-echo", {"text": "hi"})), chat_answer("done"))
        answer = gateway.post("/v1/responses", {"model": "gpt", "input": "say", "tools": [OURS], "stream": stream})
        assert answer.status_code == 200, answer.text
        first, second = asked(vendors, "/v1/chat/completions")
        assert [tool["function"]["name"] for tool in first["tools"]] == ["book-echo", "book-fail", "book-refuse"]
        assert second["messages"][-1]["content"] == "web: hi"
        if stream:
            final = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")][-1]
            output = final["response"]["output"]
        else:
            output = answer.json()["output"]
        assert [item["type"] for item in output] == ["mcp_list_tools", "mcp_call", "message"]
        assert (output[1]["name"], output[1]["output"], output[1]["server_label"]) == ("book-echo", "web: hi", "tools")
        assert [tool["name"] for tool in output[0]["tools"]] == ["book-echo", "book-fail", "book-refuse"]


def test_a_model_of_anthropics_calls_tools(gateway: Gateway, vendors: Vendors) -> None:
    def said(*blocks: dict[str, Any]) -> Answer:
        return plain({"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": list(blocks),
                      "stop_reason": "end_turn", "stop_sequence": None,
                      "usage": {"input_tokens": 1, "output_tokens": 1}})  # fmt: skip

    vendors.reset()
    use = {"type": "tool_use", "id": "toolu_1", "name": "book-refuse", "input": {}}
    vendors.say("/v1/messages", said(use), said({"type": "text", "text": "no"}))
    body = {"model": "claude", "max_tokens": 9, "messages": [TURN], "tools": [OURS]}
    answer = gateway.post("/v1/messages", body)
    assert [block["type"] for block in answer.json()["content"]] == ["text"]
    result = asked(vendors, "/v1/messages")[1]["messages"][-1]["content"][0]
    assert result["content"] == "The tool failed: not for Bearer ***"
    assert result["is_error"] is True


def test_calls_that_need_a_word_go_to_the_client(gateway: Gateway, vendors: Vendors) -> None:
    vendors.reset()
    vendors.say("/v1/chat/completions", chat_answer(None, ("book-echo", {"text": "hi"})))
    entry = {"type": "mcp", "server_label": "x", "server_url": f"{gateway.url}/web/mcp", "require_approval": "always"}
    answer = gateway.chat({"model": "gpt", "messages": [TURN], "tools": [entry]})
    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "book-echo"
    assert len(vendors.asked) == 1
    elsewhere = entry | {"server_url": "https://mcp.example.com/mcp/web"}
    vendors.say("/v1/messages", plain({"type": "error", "error": {"type": "api_error", "message": "no"}}, 400))
    gateway.post("/v1/responses", {"model": "claude", "input": "x", "tools": [elsewhere]})
    assert asked(vendors, "/v1/messages")[0]["mcp_servers"][0]["url"] == elsewhere["server_url"]
    unknown = gateway.chat(
        {"model": "gpt", "messages": [TURN], "tools": [OURS | {"server_url": "litellm_proxy/mcp/no"}]}
    )
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "not_found_error")
