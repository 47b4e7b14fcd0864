"""custom_code: the function in the configuration, what it may use, and what its process may take."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.guardrails.looking import OCCASION, answered, asked

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Direction, Kind, Text, ToolCall
from tianji.guardrails.custom.calling import MOST, Calling
from tianji.guardrails.custom.sandbox import check, compiled
from tianji.guardrails.vendor import Call, Reply, Surroundings
from tianji.guardrails.vendors.custom_code import TYPE, CodeParams
from tianji.guardrails.verdict import Allow, Answer, Block, Rewrite, Unavailable

MANY = """
async def apply_guardrail(inputs, request_data, input_type):
    texts = inputs["texts"]
    if contains(texts[0], "block"):
        return block("no " + input_type, {"texts": len(texts)})
    if contains(texts[0], "mask"):
        return modify(texts=[regex_replace(text, "[0-9]", "#") for text in texts])
    if contains(texts[0], "flag"):
        return flag("odd")
    if contains(texts[0], "fewer"):
        return modify(texts=[])
    if contains(texts[0], "fail"):
        return {}["none"]
    if contains(texts[0], "call"):
        made = inputs["tool_calls"][0]
        made["function"]["arguments"] = "{}"
        return modify(tool_calls=[made])
    if contains(texts[0], "spin"):
        while True:
            pass
    if contains(texts[0], "much"):
        return modify(texts=["x" * 10 ** 9])
    if contains(texts[0], "whose"):
        return block(request_data["user_id"] + " " + request_data["metadata"]["a"])
    return texts
"""
Make = Callable[..., Any]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Make a service of a source; all of them are closed in the end, and leave nothing."""
    made: list[Any] = []

    def of(source: str, **limits: Any) -> Any:
        assert TYPE.service is not None
        params = CodeParams(custom_code=source, **{"timeout": 5, **limits})
        made.append(TYPE.service(params, Surroundings(tmp_path, dict(os.environ, SECRET="s3cret"))))
        return made[-1]

    yield of
    for service in made:
        service.close()
        await asyncio.gather(*service._pool._starts)
    await asyncio.sleep(0)  # transports that were closed say so to their loop


async def test_what_the_function_says_becomes_a_verdict(make: Make) -> None:
    service = make(MANY)

    assert await service(asked("hi"), OCCASION) == Allow()
    assert await service(asked("block", "it"), OCCASION) == Answer("no request")
    refused = await service(answered("block"), OCCASION)
    assert isinstance(refused, Block)
    assert (refused.reason, refused.detail) == ("no response", {"guardrail": "mine", "texts": 1})
    assert await service(asked("mask 12", "same", "3\ud800"), OCCASION) == Rewrite({0: "mask ##", 2: "#\ud800"})
    assert await service(asked("mask"), OCCASION) == Allow()
    assert await service(asked("flag"), OCCASION) == Allow(flagged="odd")


async def test_a_call_is_rewritten_and_its_arguments_are_no_texts(make: Make) -> None:
    service = make(MANY)
    texts = (Text("1", "assistant", Kind.TOOL_ARGUMENTS), Text("call", "assistant"))
    call = ToolCall("x", '{"a": "1"}', "c1")

    said = await service(Content(Direction.RESPONSE, texts, calls=(call,)), OCCASION)
    assert said == Rewrite(calls={0: ToolCall("x", "{}", "c1")})
    masked = await service(Content(Direction.RESPONSE, (texts[0], Text("mask 1", "assistant"))), OCCASION)
    assert masked == Rewrite({1: "mask #"})


@pytest.mark.parametrize(
    ("text", "says"), [("fewer", "other than 1 texts"), ("fail", "KeyError"), ("much", "MemoryError")]
)
async def test_code_that_fails_is_unavailable_and_serves_on(text: str, says: str, make: Make) -> None:
    service = make(MANY, memory=256, processes=1)

    with pytest.raises(Unavailable, match=says):
        await service(asked(text), OCCASION)
    assert await service(asked("hi"), OCCASION) == Allow()


async def test_a_process_whose_caller_gave_up_is_killed_and_replaced(make: Make) -> None:
    service = make(MANY, processes=1)
    await service(asked("hi"), OCCASION)
    (child,) = service._pool._serving
    spinning = asyncio.ensure_future(service(asked("spin"), OCCASION))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(service(asked("hi"), OCCASION))
    await asyncio.sleep(0)

    spinning.cancel()
    assert await waiting == Allow()
    with pytest.raises(asyncio.CancelledError):
        await spinning
    assert child not in service._pool._serving


async def test_processes_are_no_more_than_may_be(make: Make) -> None:
    service = make(MANY, processes=2)
    said = await asyncio.gather(*(service(asked("mask 1"), OCCASION) for _ in range(20)))

    assert said == [Rewrite({0: "mask #"})] * 20
    assert len(service._pool._serving) + len(service._pool._starts) == 2


async def test_nothing_is_started_before_it_is_needed_and_nothing_is_left(make: Make) -> None:
    service = make(MANY)
    assert not service._pool._serving

    await service(asked("hi"), OCCASION)
    (process,) = service._pool._processes
    service.close()
    assert await asyncio.to_thread(process.wait) < 0
    assert not service._pool._processes


async def test_who_gives_up_while_a_process_starts_leaves_it_to_the_next(make: Make) -> None:
    service = make(MANY, processes=1)
    first = asyncio.ensure_future(service(asked("hi"), OCCASION))
    await asyncio.sleep(0)
    first.cancel()

    assert await service(asked("hi"), OCCASION) == Allow()
    assert len(service._pool._serving) == 1


async def test_code_that_cannot_be_run_says_so_to_each(make: Make) -> None:
    service = make(
        "x = {}['none']\ndef apply_guardrail(inputs, request_data, input_type):\n    return allow()", processes=1
    )

    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be loaded: KeyError"):
            await service(asked("hi"), OCCASION)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("regex_match('abc', 'b.')", True),
        ("regex_match_all('a1b2', '[0-9]')", ["1", "2"]),
        ("regex_find_all('a1b2', '([a-z])[0-9]')", ["a", "b"]),
        ("json_parse('{\"a\": [1]}')", {"a": [1]}),
        ("json_parse('{')", None),
        ("json_stringify({'a': 1})", '{"a": 1}'),
        ("json_schema_valid({'a': 1}, {'type': 'object', 'required': ['a']})", True),
        ("json_schema_valid({'b': 1}, {'type': 'object', 'required': ['a']})", False),
        ("json_schema_valid({'a': True}, {'properties': {'a': {'type': 'integer'}}})", False),
        ("json_schema_valid([1, 'x'], {'type': 'array', 'items': {'enum': [1]}})", False),
        ("extract_urls('see https://a.example/x, and http://b.example.')", ["https://a.example/x", "http://b.example"]),
        ("is_valid_url('ftp://a')", False),
        ("all_urls_valid('https://a.example')", True),
        ("get_url_domain('https://a.example:8/x')", "a.example"),
        ("detect_code('def f(x):')", True),
        ("detect_code_languages('SELECT a FROM b')", ["sql"]),
        ("contains_code_language('let mut x', ['rust'])", True),
        ("[contains('ab', 'b'), contains_any('ab', ['x']), contains_all('ab', ['a', 'b'])]", [True, False, True]),
        ("[word_count('a b'), char_count('a b'), lower('A'), upper('a'), trim(' a ')]", [2, 3, "a", "A", "a"]),
        ("math.floor(2.5)", 2),
    ],
)
def test_helpers_do_what_their_names_say(expression: str, value: Any) -> None:
    source = f"def apply_guardrail(inputs, request_data, input_type):\n    return {expression}"
    check(source)
    assert compiled(source)(None, None, None) == value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import os", "line 2: nothing can be imported"),
        ("return ().__class__", "line 2: __class__"),
        ("return open('/etc/passwd')", r"line 2: open\(\)"),
        ("return eval('1')", r"eval\(\)"),
        ("return (", "no Python, line 2"),
    ],
)
def test_what_would_not_work_stops_the_start(body: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        check(f"def apply_guardrail(inputs, request_data, input_type):\n    {body}")


def test_a_source_without_the_function_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="defines no function apply_guardrail"):
        check("def other(): return 1")


CALLS = """
async def apply_guardrail(inputs, request_data, input_type):
    found = await http_post("https://judge.example/v1", {"text": inputs["texts"][0]}, headers={"X-Own": "a"})
    if not found["success"]:
        return flag(str(found["status_code"]) + " " + str(found["error"]))
    again = await http_get("https://judge.example/v2", timeout=1)
    return block(found["body"]["verdict"] + again["body"])
"""


async def test_code_may_have_calls_made(make: Make) -> None:
    made: list[Call] = []

    async def send(call: Call) -> Reply:
        made.append(call)
        json = {"content-type": "application/json"}
        return Reply(200, b'{"verdict": "no"}', json) if call.method == "POST" else Reply(200, b"!", {})

    service = make(CALLS)
    assert await service(asked("hello"), OCCASION, send) == Answer("no!")
    assert [(call.method, call.url, call.body) for call in made] == [
        ("POST", "https://judge.example/v1", b'{"text":"hello"}'),
        ("GET", "https://judge.example/v2", b""),
    ]
    assert made[0].headers == {"x-own": "a", "content-type": "application/json"}


async def test_code_hears_of_a_call_without_an_answer(make: Make) -> None:
    async def away(_call: Call) -> Reply:
        raise Unavailable("it is away")

    async def refusing(_call: Call) -> Reply:
        return Reply(403, b"", {})

    service = make(CALLS)
    assert await service(asked("hello"), OCCASION, away) == Allow(flagged="None it is away")
    assert await service(asked("hello"), OCCASION, refusing) == Allow(flagged="403 status 403")
    assert await service(asked("hello"), OCCASION) == Allow(flagged="None no calls are made here")


MANY_CALLS = """
async def apply_guardrail(inputs, request_data, input_type):
    for number in range(30):
        found = await http_get("https://a.example")
    return flag(found["error"])
"""


async def test_code_has_only_so_many_calls_made(make: Make) -> None:
    made: list[Call] = []

    async def send(call: Call) -> Reply:
        made.append(call)
        return Reply(200)

    assert await make(MANY_CALLS)(asked("hello"), OCCASION, send) == Allow(
        flagged=f"{MOST} calls for one content are the most"
    )
    assert len(made) == MOST


NO_CALLS: list[dict[str, Any]] = [
    {"url": "file:///etc/passwd"},
    {"url": "https://a", "method": "TRACE"},
    {"url": 7},
    {},
    {"url": "https://a", "headers": [1]},
]


@pytest.mark.parametrize("wanted", NO_CALLS)
async def test_what_is_no_call_is_said(wanted: dict[str, Any]) -> None:
    async def send(_call: Call) -> Reply:
        raise AssertionError

    said = await Calling(send)({"action": "call", **wanted})
    assert (said["success"], said["status_code"]) == (False, None)
    assert said["error"]
