"""Values that the gateway repeats, in headers, errors, logs and towards upstreams, stay values."""

import json
import re

import pytest
from tests.contract.harness import Gateway, Mock, eventually
from tests.contract.raw_http import Answer, Wire
from tests.security.hostile import BODY, HOST, KEY, PATH, field

BREAKS = {
    "CR LF": "\r\nx-injected: 1",
    "CR LF CR LF": "\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "LF": "\nx-injected: 1",
    "CR": "\rx-injected: 1",
    "NUL": "\0x-injected: 1",
    "ESC": "\x1b[2J\x1b]0;x\x07",
    "line separator": "\u2028x-injected: 1",
    "CR LF by overflow": "\u010d\u010ax-injected: 1",  # their low bytes are CR LF
    "quotes": '","x":"',
    "markup": "</script><script>x</script>",
}
REPEATED = ("x-tianji-call-id", "x-litellm-call-id")


def post(path: str, content: str, lines: str = "") -> bytes:
    """Return a request with a body in UTF-8."""
    encoded = content.encode()
    start = f"POST {path} HTTP/1.1\r\n{HOST}{KEY}{lines}content-length: {len(encoded)}\r\n\r\n"
    return start.encode("latin-1") + encoded


def only(gateway: Gateway, request: bytes) -> Answer:
    """Return the one answer to a request; another may follow on its connection, so nothing of it came loose."""
    with Wire(gateway.port) as wire:
        wire.send(request)
        (answer,) = wire.answers(1)
        if not answer.closes:
            wire.send(f"GET /after HTTP/1.1\r\n{HOST}{field('connection', 'close')}\r\n".encode())
            answer, after = wire.rest()
            assert after.status == 404
        assert "x-injected" not in answer.headers
        return answer


@pytest.mark.parametrize("text", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_name_of_a_pattern(gateway: Gateway, mock: Mock, text: str, stream: bool) -> None:
    """It stands in headers and answers, and goes upstream."""
    name = f"mock-{text}"
    answer = only(gateway, post(PATH, json.dumps({"model": name, "messages": [], "stream": stream})))
    assert answer.status == 200
    assert mock.last()["json"]["model"] == name
    assert all(value.isprintable() for value in answer.headers.values())
    first = answer.body.partition(b"\n")[0].removeprefix(b"data: ")
    assert json.loads(first)["model"] == name


@pytest.mark.parametrize("text", BREAKS.values(), ids=BREAKS)
def test_a_model_name_that_nobody_knows(gateway: Gateway, mock: Mock, text: str) -> None:
    answer = only(gateway, post(PATH, json.dumps({"model": f"none{text}", "messages": []})))
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert json.loads(answer.body)["error"]["code"] == "model_not_found"
    assert mock.requests() == []


ESCAPES = ["%0d%0ax-injected:%201", "%0a", "%0d", "%00", "%1b%5b2J", "%e2%80%a8", "%c2%9b", "%ff"]
PLACES = ["/v1/models/{}", "/openai/deployments/{}/chat/completions", "/engines/{}/chat/completions", "/{}"]


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("place", PLACES)
def test_an_escape_in_the_path(gateway: Gateway, mock: Mock, place: str, escape: str) -> None:
    answer = only(gateway, post(place.format(f"mock-{escape}"), '{"messages":[]}'))
    assert answer.status in (400, 404, 405)
    assert mock.requests() == []


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize(
    "value", ["a\tb", "a b", "a\x80b", '"a"', "a\\r\\nb", "a" * 129, "a" * 5000, "", "a%0d%0ab", "<a>"]
)
def test_a_call_id_is_plain_or_another(gateway: Gateway, mock: Mock, name: str, value: str) -> None:
    answer = only(gateway, post(PATH, BODY, field(name, value)))
    assert answer.status == 200
    for repeated in REPEATED:
        assert re.fullmatch(r"[!#-\[\]-~]{1,128}", answer.headers[repeated])


@pytest.mark.parametrize("value", ["a\tb", "x\x80\xff", "a\r\n b", "a\rb", "a\nb", "a\0b"])
def test_what_a_preflight_asks_for(gateway: Gateway, value: str) -> None:
    """The one place where a header value is repeated as it is: a field value in, a field value out."""
    lines = field("origin", "https://a.example") + field("access-control-request-method", "POST")
    asked = field("access-control-request-headers", value)
    request = f"OPTIONS {PATH} HTTP/1.1\r\n{HOST}{lines}{asked}{field('connection', 'close')}\r\n"
    with Wire(gateway.port) as wire:
        wire.send(request.encode("latin-1"))
        (answer,) = wire.rest()
    if answer.status == 200:
        assert answer.headers["access-control-allow-headers"] == value
    else:
        assert answer.status == 400
    assert (answer.status == 400) == (not value.replace("\t", "").replace("\x80", "").isprintable())


@pytest.mark.parametrize("text", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("member", ["name", "value"])
def test_headers_for_the_upstream(gateway: Gateway, mock: Mock, member: str, text: str) -> None:
    pair = {f"x-a{text}": "a"} if member == "name" else {"x-a": f"a{text}"}
    answer = only(gateway, post(PATH, json.dumps({"model": "gpt-test", "messages": [], "extra_headers": pair})))
    if answer.status == 200:  # quotes and markup are fine in a value, and what is beyond latin-1 is replaced
        sent = dict(mock.last()["headers"])
        assert member == "value"
        assert sent["x-a"] == f"a{text}".encode("latin-1", "replace").decode("latin-1")
        assert "x-injected" not in sent
    else:
        assert answer.status == 400
        assert mock.requests() == []


def test_a_path_makes_no_line_of_the_log(gateway: Gateway) -> None:
    """Every line of the access log is one JSON object, whatever the path says."""
    marked = "/a-line-of-the-log"
    for escape in ESCAPES:
        assert only(gateway, post(f"{marked}{escape}", "{}")).status in (400, 404)
    for raw in ('"', "\\", "'", "{", "\\n"):
        only(gateway, post(f"{marked}{raw}", "{}"))
    eventually(lambda: gateway.log.count(marked) >= len(ESCAPES), "the access log is written")
    for line in gateway.log.split("\n"):
        if marked in line:
            assert isinstance(json.loads(line), dict)
    assert "\nx-injected" not in gateway.log
