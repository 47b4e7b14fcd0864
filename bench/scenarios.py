"""The requests that are counted and timed in memory, each with what the upstream says to it."""

from dataclasses import dataclass

from bench.inmemory import CONFIG, OPEN, TOLD
from bench.macro.targets import GOVERNED, KEY

ANSWER = (
    b'{"id":"chatcmpl-9lMgfRSWPHcw51s6wxKT1YEO2CKpd","object":"chat.completion","created":1694268190,"model":"demo",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"The weather in Paris is mild today.","refusal":'
    b'null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":'
    b'21,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}'
)
EVENT = (
    b'data: {"id":"chatcmpl-9lMgfRSWPHcw51s6wxKT1YEO2CKpd","object":"chat.completion.chunk","created":1694268190,'
    b'"model":"demo","choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}]}\n\n'
)
CHUNKS = 64
MESSAGE = (
    b'{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[%b],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,'
    b'"cache_read_input_tokens":0,"output_tokens":12}}'
)
SPOKEN = MESSAGE % b'{"type":"text","text":"The weather in Paris is mild today."}'


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    name: str
    request: bytes
    answer: tuple[bytes, ...]  # the upstream's, one read each; none when it is not asked
    status: int = 200
    config: str = CONFIG  # of the worker


def post(body: bytes, key: str = KEY, path: bytes = b"/v1/chat/completions") -> bytes:
    """A request as OpenAI's client library for Python sends it."""
    return (
        b"POST %b HTTP/1.1\r\nHost: gateway:4000\r\nAccept-Encoding: gzip, deflate\r\n"
        b"Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
        b"User-Agent: OpenAI/Python 3.50.0\r\nX-Stainless-Lang: python\r\nX-Stainless-Runtime: CPython\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (path, key.encode(), len(body), body)
    )


def keyless(body: bytes) -> bytes:
    """The same of a client that sends no key."""
    return post(body).replace(b"Authorization: Bearer %b\r\n" % KEY.encode(), b"")


def chat(size: int, *, model: str = "demo", stream: bool = False, more: bytes = b"") -> bytes:
    """A chat body of `size` bytes; `more` are further members."""
    front = b'{"model":"%b",%b"stream":%b,"messages":[{"role":"user","content":"' % (
        model.encode(),
        more,
        b"true" if stream else b"false",
    )
    words = b"what the client said "
    room = size - len(front) - len(b'"}]}')
    return front + (words * (room // len(words) + 1))[:room] + b'"}]}'


def whole(body: bytes) -> tuple[bytes, ...]:
    """An answer that arrives in one read."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: %d\r\n\r\n"
    return (head % len(body) + body,)


def streamed() -> tuple[bytes, ...]:
    """An answer that arrives event by event."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    events = [EVENT % number for number in range(CHUNKS)]
    pieces = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    done = b"data: [DONE]\n\n"
    return (head, *pieces, b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done))


def streamed_message() -> tuple[bytes, ...]:
    """The same as Anthropic says it."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    events = [
        (b"message_start", b'"message":' + MESSAGE % b""),
        (b"content_block_start", b'"index":0,"content_block":{"type":"text","text":""}'),
        *(
            (b"content_block_delta", b'"index":0,"delta":{"type":"text_delta","text":" word%d"}' % number)
            for number in range(CHUNKS)
        ),
        (b"content_block_stop", b'"index":0'),
        (b"message_delta", b'"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":64}'),
        (b"message_stop", b'"index":0'),
    ]
    framed = [b'event: %b\ndata: {"type":"%b",%b}\n\n' % (kind, kind, members) for kind, members in events]
    *pieces, last = [b"%x\r\n%b\r\n" % (len(event), event) for event in framed]
    return (head, *pieces, last + b"0\r\n\r\n")


PASSED = b"/openai/v1/chat/completions"
MESSAGES = b'"max_tokens":1024,'  # what a body of Anthropic's form has as well
SCENARIOS = (
    Scenario("small", post(chat(200)), whole(ANSWER)),
    Scenario("priced", post(chat(200, model="priced")), whole(ANSWER)),
    Scenario("governed", post(chat(200, model="priced"), key=GOVERNED), whole(ANSWER)),
    Scenario("4KB", post(chat(4000)), whole(ANSWER)),
    Scenario("stream-of-64", post(chat(200, stream=True)), streamed()),
    Scenario("through", post(chat(200, model="gpt-4o-mini"), path=PASSED), whole(ANSWER)),
    Scenario("stream-through", post(chat(200, model="gpt-4o-mini", stream=True), path=PASSED), streamed()),
    Scenario("translated", post(chat(200, model="claude")), whole(SPOKEN)),
    Scenario("messages-translated", post(chat(200, more=MESSAGES), path=b"/v1/messages"), whole(ANSWER)),
    Scenario("messages", post(chat(200, model="claude", more=MESSAGES), path=b"/v1/messages"), whole(SPOKEN)),
    Scenario("translated-stream", post(chat(200, model="claude", stream=True)), streamed_message()),
    Scenario("wrong-key", post(chat(200), key="sk-another-0123456789abcdef012345"), (), 401),
    Scenario("open", post(chat(200)), whole(ANSWER), config=OPEN),
    Scenario("open-keyless", keyless(chat(200)), whole(ANSWER), config=OPEN),
    Scenario("told", post(chat(200)), whole(ANSWER), config=TOLD),
    Scenario("told-governed", post(chat(200, model="priced"), key=GOVERNED), whole(ANSWER), config=TOLD),
    Scenario("told-4KB", post(chat(4000)), whole(ANSWER), config=TOLD),
    Scenario("told-stream-of-64", post(chat(200, stream=True)), streamed(), config=TOLD),
    Scenario("unknown-model", post(chat(200, model="nobody")), (), 404),
)
