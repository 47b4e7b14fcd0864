"""No destination is told a credential of a request, nor, where it is to hear nothing of it, what was said."""

import gzip
from base64 import b64decode, b64encode
from urllib.parse import quote, unquote_to_bytes

import msgspec
import pytest
from tests.unit.callbacks.otlp.test_rows import KEYS as TRACING
from tests.unit.callbacks.test_event import notice, payload
from tests.unit.callbacks.vendors.making import KEYS, SETTINGS, configured
from tests.unit.ledger.conftest import entry

from tianji.callbacks.making import event_of
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.vendors import NAMED, VENDORS
from tianji.ledger.entry import Payload, Place

SECRET, SAID = "sk-canary-7Qx2Lm9Zt4", "prompt-canary-5f3a"
HOOKS = dict.fromkeys(("RUBRIK_WEBHOOK_URL", "SUMOLOGIC_WEBHOOK_URL", "QUALIFIRE_WEBHOOK_URL"), "http://hook")
PLACE = Place(b"t" * 16, b"s" * 8)
REQUEST = {
    "messages": [{"role": "user", "content": SAID}],
    "api_key": SECRET,
    "langfuse_secret": SECRET,
    "aws_secret_access_key": SECRET,
    "vertex_credentials": SECRET,
    "extra_headers": {"authorization": f"Bearer {SECRET}", "x-odd": SECRET},
    "metadata": {"password": SECRET, "nested": [{"access_token": SECRET}], "note": SAID},
    "tools": [{"type": "mcp", "headers": {"x-key": SECRET}, "authorization": SECRET, "about": SAID}],
    "fallbacks": [{"model": "x", "api_key": SECRET}],
    "litellm_metadata": {"prompt_management_metadata": {"prompt_id": "p", "prompt_variables": {"a": SAID}}},
}
CALLED = {"input": {"text": SAID}, "litellm_metadata": {"mcp_tool_call_metadata": {"name": "echo", "token": SECRET}}}
CALL = Payload(
    msgspec.json.encode(CALLED["input"]), b'{"content": ["%b"]}' % SAID.encode(), msgspec.json.encode(CALLED)
)
ENTRIES = (
    entry(1, payload=payload(**REQUEST), place=PLACE),
    entry(
        2,
        payload=payload(**REQUEST),
        place=PLACE,
        status="failure",
        error_code="500",
        error_class="UpstreamError",
        error_message=f"the model cannot say {SAID!r}",
    ),
    entry(3, payload=payload(**REQUEST), place=Place(b"t" * 16, b"r" * 8, status=200, method="POST", path="/v1/x")),
    entry(4, payload=CALL, place=PLACE, call_type="call_mcp_tool", model="MCP: echo", model_group="web/echo"),
)
EVENTS = tuple(event for event in map(event_of, ENTRIES) if event is not None)
DESTINATIONS = sorted({*VENDORS, *NAMED})


def sinks(name: str) -> list[Sink]:
    found, problems = sinks_of(configured(name, settings=SETTINGS), KEYS | TRACING | HOOKS)
    assert not problems
    return found


def requests(name: str, *, bare: bool) -> list[Delivery]:
    found: list[Delivery] = []
    for sink in sinks(name):
        heard = [event.shown(bare=bare, hidden=sink.hidden) for event in EVENTS if sink.wants(notice(event))]
        for at in range(0, len(heard), sink.batch):
            found += sink.write(heard[at : at + sink.batch])
    return found


def holds(request: Delivery, canary: str) -> bool:
    """Whether a request says it, in any of the forms that text may have in it."""
    body = gzip.decompress(request.body) if request.body.startswith(b"\x1f\x8b") else request.body
    forms = [body, unquote_to_bytes(body), request.url.encode(), *map(_decoded, body.split(b'"'))]
    return (
        any(canary.encode() in form or b64encode(canary.encode()) in form for form in forms)
        or quote(canary) in request.url
    )


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


@pytest.mark.parametrize("name", DESTINATIONS)
def test_no_destination_is_told_a_credential(name: str) -> None:
    found = requests(name, bare=False)
    assert found
    assert not any(holds(request, SECRET) for request in found)


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_bare_destination_is_told_nothing_that_was_said(name: str) -> None:
    assert not any(holds(request, SAID) for request in requests(name, bare=True))


def test_the_canary_would_be_heard() -> None:
    singing = [name for name in DESTINATIONS if any(holds(request, SAID) for request in requests(name, bare=False))]
    numbers = {"datadog_cost_management", "datadog_metrics", "greenscale", "lago", "openmeter"}
    assert set(DESTINATIONS) - set(singing) == numbers  # which are told nothing else
