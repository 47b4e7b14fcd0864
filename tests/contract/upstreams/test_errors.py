"""What is refused, with which status and type, in which words; and that nothing of it reaches an upstream."""

import json
from collections.abc import Iterator

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import MASTER_KEY, Gateway, Mock, client_at, openai_model

CHAT = "/v1/chat/completions"
BODY = b'{"model":"gpt-test","messages":[]}'


@pytest.fixture
def stranger(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client without a key."""
    with client_at(gateway.url) as client:
        yield client


def check(answer: httpx.Response, status: int, kind: str, param: str | None, code: str | None = None) -> str:
    """Hold an error against OpenAI's shape and return its message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-tianji-call-id"] == answer.headers["x-litellm-call-id"]
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == (kind, param, code or str(status))
    return str(error["message"])


# -- keys ---------------------------------------------------------------------------------------------------------

GOOD = [
    {"authorization": f"Bearer {MASTER_KEY}"},
    {"authorization": f"bearer {MASTER_KEY}"},
    {"authorization": f"Basic {MASTER_KEY}"},
    {"authorization": f"AWS4-HMAC-SHA256 Credential={MASTER_KEY}/20261122/r/s/aws4_request, SignedHeaders=a"},
    {"x-api-key": MASTER_KEY},
    {"api-key": MASTER_KEY},
    {"x-goog-api-key": MASTER_KEY},
    {"ocp-apim-subscription-key": MASTER_KEY},
    {"x-litellm-api-key": MASTER_KEY, "authorization": "Bearer sk-wrong"},
    {"x-litellm-api-key": f"Bearer {MASTER_KEY}"},
    {"x-tianji-api-key": MASTER_KEY},
]
BAD = [
    ({}, "auth_error", None),
    ({"authorization": MASTER_KEY}, "auth_error", None),
    ({"authorization": f"Token {MASTER_KEY}"}, "auth_error", None),
    ({"authorization": "Bearer"}, "auth_error", None),
    ({"authorization": "Bearer hello"}, "auth_error", None),
    ({"authorization": "Bearer sk-wrong"}, "token_not_found_in_db", "key"),
    ({"authorization": f"Bearer {MASTER_KEY}x"}, "token_not_found_in_db", "key"),
    ({"authorization": f"Bearer {MASTER_KEY[:-1]}"}, "token_not_found_in_db", "key"),
    ({"x-litellm-api-key": "sk-wrong", "authorization": f"Bearer {MASTER_KEY}"}, "token_not_found_in_db", "key"),
    ({"authorization": "Bearer sk-wrong", "x-api-key": MASTER_KEY}, "token_not_found_in_db", "key"),
    ({"x-api-key": ""}, "auth_error", None),
    ({"cookie": f"token={MASTER_KEY}"}, "auth_error", None),
]


@pytest.mark.parametrize("headers", GOOD, ids=lambda headers: next(iter(headers)))
def test_a_key_is_taken_from_every_header_of_the_field(
    stranger: httpx.Client, mock: Mock, headers: dict[str, str]
) -> None:
    assert stranger.post(CHAT, content=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize(("headers", "kind", "param"), BAD, ids=str)
def test_a_wrong_key_is_401(
    stranger: httpx.Client, mock: Mock, headers: dict[str, str], kind: str, param: None
) -> None:
    for path in (CHAT, "/v1/embeddings", "/openai/deployments/gpt-test/chat/completions"):
        answer = stranger.post(path, content=b"not even JSON", headers=headers)
        message = check(answer, 401, kind, param)
        assert message.startswith("Authentication Error, ")
        assert "sk-wrong" not in answer.text
        assert MASTER_KEY[:-1] not in answer.text
    assert mock.requests() == []


def test_a_key_in_the_query_does_not_count(stranger: httpx.Client) -> None:
    assert stranger.post(f"{CHAT}?key={MASTER_KEY}", content=BODY).status_code == 401


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/gpt-test", "/metrics", "/health"])
def test_what_tells_of_the_inside_needs_a_key(stranger: httpx.Client, path: str) -> None:
    check(stranger.get(path), 401, "auth_error", None)


def test_a_header_of_the_settings_overrides_all_others(start_gateway: StartGateway, mock: Mock) -> None:
    settings = {"litellm_key_header_name": "X-Gateway-Key"}
    gateway = start_gateway({"model_list": [openai_model("m", "m", mock.url)], "general_settings": settings})
    right = f"Bearer {MASTER_KEY}"
    assert gateway.client.get("/v1/models").status_code == 200
    assert gateway.client.get("/v1/models", headers={"x-gateway-key": "Bearer sk-wrong"}).status_code == 401
    named = {"x-gateway-key": right, "authorization": "Bearer sk-wrong"}
    assert gateway.client.get("/v1/models", headers=named).status_code == 200


# -- bodies -------------------------------------------------------------------------------------------------------

MALFORMED = [
    (b"", "at byte 0"),
    (b"{", "at byte 1 (line 1, column 2)"),
    (b"[]", "expected a JSON object at byte 0"),
    (b"null", "expected a JSON object at byte 0"),
    (b'{"model":"gpt-test","messages":[],}', "at byte 34"),
    (b'{"model":"gpt-test",\n "messages":[tru]}', "at byte 34 (line 2, column 14)"),
    (b'{"model":"gpt-test","messages":[]} x', "at byte 35"),
    (b'{"model":"gpt-test","model":"canned","messages":[]}', '"model" stands twice, at byte 20'),
    (b'{"model":"gpt-test","messages":[],"mod\\u0065l":"canned"}', '"model" stands twice, at byte 34'),
    (b'{"model":"gpt-\xff","messages":[]}', "not valid UTF-8 at byte 14"),
    (b"\xef\xbb\xbf" + BODY, "byte order mark"),
    (b'{"model":"gpt-test","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper than 128 levels"),
    (b'{"model":"gpt-test","messages":[],"a":01}', "at byte 39"),
    (b'{"model":"gpt-test","messages":[],"a":NaN}', "at byte 38"),
    (b"{'model':'gpt-test','messages':[]}", "at byte 1"),
    (b'{"model":5,"messages":[]}', '"model" must be a string, at byte 9'),
]


@pytest.mark.parametrize(("body", "told"), MALFORMED, ids=[told for _, told in MALFORMED])
def test_bad_json_is_400_and_says_where(gateway: Gateway, mock: Mock, body: bytes, told: str) -> None:
    assert told in check(gateway.post(CHAT, body), 400, "invalid_request_error", "request_body")
    assert mock.requests() == []


WRONG = [
    (CHAT, b'{"messages":[]}', "model", None),
    (CHAT, b'{"model":"","messages":[]}', "model", None),
    (CHAT, b'{"model":"gpt-test"}', "messages", "missing_required_parameter"),
    (CHAT, b'{"model":"gpt-test","messages":null}', "messages", "missing_required_parameter"),
    (CHAT, b'{"model":"gpt-test","messages":{}}', "messages", "invalid_type"),
    (CHAT, b'{"model":"gpt-test","messages":[],"stream":"yes"}', "stream", "invalid_type"),
    ("/v1/completions", b'{"model":"gpt-test"}', "prompt", "missing_required_parameter"),
    ("/v1/embeddings", b'{"model":"embed"}', "input", "missing_required_parameter"),
    ("/v1/embeddings", b'{"model":"embed","input":5}', "input", "invalid_type"),
    ("/v1/moderations", b"{}", "input", "missing_required_parameter"),
    ("/engines/gpt-test/chat/completions", b"{}", "messages", "missing_required_parameter"),
]


@pytest.mark.parametrize(("path", "body", "param", "code"), WRONG)
def test_members_that_are_missing_or_wrong_are_named(
    gateway: Gateway, mock: Mock, path: str, body: bytes, param: str, code: str | None
) -> None:
    assert param in check(gateway.post(path, body), 400, "invalid_request_error", param, code)
    assert mock.requests() == []


@pytest.mark.parametrize("name", ["gpt-tset", "GPT-TEST", "gpt-test\x00", "a" * 5000, "龍", "../../etc"])
def test_an_unknown_model_is_404(gateway: Gateway, mock: Mock, name: str) -> None:
    answer = gateway.chat({"model": name, "messages": []})
    message = check(answer, 404, "invalid_request_error", "model", "model_not_found")
    assert ("'gpt-test'" in message) == (name in ("gpt-tset", "GPT-TEST", "gpt-test\x00"))
    assert "whispered" not in message
    assert len(message) < 500
    assert mock.requests() == []


def test_a_hidden_alias_is_not_offered(gateway: Gateway) -> None:
    assert "whispered" not in gateway.chat({"model": "whisperd", "messages": []}).text


def test_a_body_over_the_limit_is_413(start_gateway: StartGateway, mock: Mock) -> None:
    settings = {"max_request_size_mb": 1}
    gateway = start_gateway({"model_list": [openai_model("m", "m", mock.url)], "general_settings": settings})
    fitting = b'{"model":"m","messages":[],"x":"' + b"a" * 1_000_000 + b'"}'
    assert gateway.post(CHAT, fitting).status_code == 200
    answer = gateway.post(CHAT, fitting + b" " * 100_000)
    assert "1048576 bytes" in check(answer, 413, "invalid_request_error", None)
    with gateway.connect() as client:  # it is refused before it is there, chunked too
        client.sendall(
            b"POST %b HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\ntransfer-encoding: chunked\r\n\r\n"
            b"200000\r\n%b\r\n" % (CHAT.encode(), MASTER_KEY.encode(), b" " * 0x200000)
        )
        assert b" 413 " in client.recv(1000)
    assert len(mock.requests()) == 1
    assert gateway.chat({"model": "m", "messages": []}).status_code == 200


# -- routes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [("GET", CHAT), ("PUT", CHAT), ("DELETE", "/v1/models"), ("POST", "/")])
def test_a_wrong_method_is_405(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.client.request(method, path)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert ("POST" in answer.headers["allow"]) == (path == CHAT)


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/chat", "/v2/chat/completions", "/v1/chat/completions/more"])
def test_an_unknown_route_is_404(stranger: httpx.Client, path: str) -> None:
    answer = stranger.post(path, content=BODY)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_the_root_answers_everybody(stranger: httpx.Client) -> None:
    assert stranger.get("/").json() == {"status": "ok", "docs": "/docs"}
    head = stranger.head("/")
    assert (head.status_code, head.content) == (200, b"")


# -- what a client may not choose ---------------------------------------------------------------------------------

FORBIDDEN = [
    "api_base",
    "base_url",
    "model_list",
    "user_config",
    "aws_role_name",
    "aws_sts_endpoint",
    "vertex_credentials",
    "azure_ad_token",
    "langfuse_host",
    "s3_endpoint_url",
    "input_cost_per_token",
]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_members_are_401_wherever_they_stand(gateway: Gateway, mock: Mock, name: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)
    inside = json.dumps({name: "http://169.254.169.254/"})
    members = [
        inside[1:-1],
        f'"{escaped}":1',
        f'"metadata":{inside}',
        f'"litellm_metadata":{inside}',
        f'"extra_body":{inside}',
        f'"metadata":{json.dumps(inside)}',
        f'"m\\u0065tadata":{{"{escaped}":1}}',
    ]
    for member in members:
        answer = gateway.post(CHAT, f'{{"model":"gpt-test","messages":[],{member}}}'.encode())
        message = check(answer, 401, "auth_error", None)
        assert message.startswith(f"Authentication Error, Rejected Request: {name} is not allowed in request body")
    assert mock.requests() == []


def test_the_word_of_a_forbidden_member_is_fine_elsewhere(gateway: Gateway, mock: Mock) -> None:
    content = [{"role": "user", "content": "api_base", "api_base": 1}]
    assert gateway.chat({"model": "gpt-test", "messages": content}).status_code == 200


@pytest.mark.parametrize("key", ["os.environ/HOME", "oidc/github/x", "a\r\nx: y", "", "é", 5])
def test_an_api_key_of_the_body_must_be_a_key(gateway: Gateway, mock: Mock, key: object) -> None:
    answer = gateway.chat({"model": "gpt-test", "messages": [], "api_key": key})
    check(answer, 401, "auth_error", None)
    assert mock.requests() == []


@pytest.mark.parametrize("name", ["mock_timeout", "mock_testing_fallbacks", "mock_delay"])
def test_faults_on_purpose_are_refused(gateway: Gateway, mock: Mock, name: str) -> None:
    check(gateway.chat({"model": "gpt-test", "messages": [], name: True}), 400, "invalid_request_error", name)


HEADERS = [
    {"x": "a\r\nb: c"},
    {"x": "a\nb: c"},
    {"x": "a\0"},
    {"a b": "c"},
    {"x:y": "z"},
    {"": "z"},
    {"x\r\ny": "z"},
    {"Authorization": "Bearer x"},
    {"Host": "evil"},
    {"Content-Length": "0"},
    {"Transfer-Encoding": "chunked"},
    {"Connection": "close"},
    "text",
    ["x"],
]


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_extra_headers_cannot_inject(gateway: Gateway, mock: Mock, headers: object) -> None:
    answer = gateway.chat({"model": "gpt-test", "messages": [], "extra_headers": headers})
    check(answer, 400, "invalid_request_error", "extra_headers")
    assert mock.requests() == []


def test_extra_headers_do_not_stand_beside_what_the_operator_set(gateway: Gateway, mock: Mock) -> None:
    wish = {"X-Tenant": "t2", "User-Agent": "me/1", "x-own": "1"}
    assert gateway.chat({"model": "shaped", "messages": [], "extra_headers": wish}).status_code == 200
    arrived = mock.last()["headers"]
    assert [value for name, value in arrived if name == "x-tenant"] == ["t1"]
    assert len({name for name, _ in arrived}) == len(arrived)
    assert ["x-own", "1"] in arrived
