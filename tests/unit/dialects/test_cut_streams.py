"""A stream that breaks off is never told as one that ended well: by each upstream, to each client, at every event."""

import json
from typing import Any

import msgspec
import pytest
from tests.unit.dialects.pairs import DIALECTS, PLAIN, UPSTREAMS, asked
from tests.unit.dialects.test_every_pair import STREAMS

ERROR: dict[str, object] = {
    "message": "it broke off",
    "type": "server_error",
    "code": "500",
    "param": None,
    "status": 500,
}
SAYS_ITS_END = {  # how an upstream says that its answer is whole
    "openai": '"finish_reason":"tool_calls"',
    "anthropic": '"stop_reason"',
    "gemini": '"finishReason"',
    "bedrock": '"stopReason"',
    "cohere": '"finish_reason"',
    "responses": '"response.completed"',
}
ENDS = ("[DONE]", "message_stop", "response.completed", "response.incomplete", "finishReason", '"stop_reason":"')
"""What a client takes for the end of an answer that is whole."""


def fails(client: str, event: Any) -> bool:
    if client == "messages":
        return bool(event["type"] == "error")
    return bool(event["type"] == "response.failed") if client == "responses" else "it broke off" in str(event["error"])


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", DIALECTS)
def test_wherever_it_is_cut(client: str, upstream: str) -> None:
    events = STREAMS[upstream]()
    last = next(
        at for at, (_, data) in enumerate(events) if SAYS_ITS_END[upstream] in msgspec.json.encode(data).decode()
    )
    assert last > 3
    for cut in range(last):
        inbound, outbound = asked(client, upstream, PLAIN[client])
        decoder, encoder = outbound.stream(), inbound.stream()
        chunks = [chunk for name, data in events[:cut] for chunk in decoder.event(name, msgspec.json.encode(data))]
        chunks += decoder.end()
        assert not decoder.finished
        assert not decoder.done
        written = (b"".join(map(encoder.chunk, chunks)) + encoder.failed(ERROR)).decode()
        assert not [end for end in ENDS if end in written], written
        told = [json.loads(line[6:]) for line in written.splitlines() if line.startswith("data: ")]
        assert fails(client, told[-1])
        assert "it broke off" in written
