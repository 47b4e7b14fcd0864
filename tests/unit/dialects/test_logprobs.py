"""How likely tokens were, said by each upstream that knows it, reaches each client that has a place for it."""

import json
from collections.abc import Callable

import pytest
from tests.unit.dialects.pairs import PLAIN, Json, sent, streamed, told

TOKENS = (("Hel", -0.25), ("lo", -1.5))
OPENAI = [
    {"token": token, "logprob": value, "bytes": list(token.encode()), "top_logprobs": []} for token, value in TOKENS
]
GOOGLE = {"chosenCandidates": [{"token": token, "logProbability": value} for token, value in TOKENS]}
COHERE = [{"text": token, "token_ids": [at], "logprobs": [value]} for at, (token, value) in enumerate(TOKENS)]
BASE: Json = {"id": "x", "created": 1, "model": "m"}
ASKS: dict[str, Json] = {
    "chat": PLAIN["chat"] | {"logprobs": True},
    "gemini": PLAIN["gemini"] | {"generationConfig": {"responseLogprobs": True}},
    "responses": PLAIN["responses"] | {"include": ["message.output_text.logprobs"]},
}


def _said(kind: str, **members: object) -> tuple[str, Json]:
    return kind, {"type": kind, **members}


_RESPONSE = {
    "id": "resp_x", "created_at": 1, "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hello", "logprobs": OPENAI}]}],
}  # fmt: skip
ANSWERS: dict[str, tuple[Json, list[tuple[str, Json]]]] = {
    "openai": (
        BASE
        | {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop", "logprobs": {"content": OPENAI}}]},
        [
            *(
                ("", BASE | {"choices": [{"delta": {"content": one["token"]}, "logprobs": {"content": [one]}}]})
                for one in OPENAI
            ),
            ("", BASE | {"choices": [{"delta": {}, "finish_reason": "stop"}]}),
        ],
    ),
    "gemini": (
        {"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP", "logprobsResult": GOOGLE}]},
        [
            (
                "",
                {
                    "candidates": [
                        {"content": {"parts": [{"text": token}]}, "logprobsResult": {"chosenCandidates": [one]}}
                    ]
                },
            )
            for (token, _), one in zip(TOKENS, GOOGLE["chosenCandidates"], strict=True)
        ]
        + [("", {"candidates": [{"finishReason": "STOP"}]})],
    ),
    "cohere": (
        {"finish_reason": "COMPLETE", "message": {"content": [{"type": "text", "text": "Hello"}]}, "logprobs": COHERE},
        [
            *(
                _said("content-delta", delta={"message": {"content": {"text": one["text"]}}}, logprobs=one)
                for one in COHERE
            ),
            _said("message-end", delta={"finish_reason": "COMPLETE"}),
        ],
    ),
    "responses": (
        _RESPONSE,
        [
            _said("response.created", response={"id": "resp_x", "created_at": 1, "model": "m"}),
            *(_said("response.output_text.delta", delta=one["token"], logprobs=[one]) for one in OPENAI),
            _said("response.completed", response=_RESPONSE),
        ],
    ),
}
"""The same two tokens as each upstream says them, whole and streamed."""


def in_chat(answers: list[Json]) -> list[Json]:
    choices = [choice for answer in answers for choice in answer["choices"]]
    return [one for choice in choices for one in (choice.get("logprobs") or {}).get("content") or ()]


def in_gemini(answers: list[Json]) -> list[Json]:
    found = [one for answer in answers for one in answer["candidates"] if "logprobsResult" in one]
    chosen = [token for one in found for token in one["logprobsResult"]["chosenCandidates"]]
    return [{"token": one["token"], "logprob": one["logProbability"]} for one in chosen]


def in_responses(answers: list[Json]) -> list[Json]:
    last = answers[-1].get("response", answers[-1])
    found: list[Json] = last["output"][0]["content"][0]["logprobs"]
    return found


READ: dict[str, Callable[[list[Json]], list[Json]]] = {"chat": in_chat, "gemini": in_gemini, "responses": in_responses}


@pytest.mark.parametrize("upstream", ANSWERS)
@pytest.mark.parametrize("client", READ)
def test_tokens(client: str, upstream: str) -> None:
    whole, events = ANSWERS[upstream]
    for answers in ([told(client, upstream, whole, ASKS[client])], streamed(client, upstream, events, ASKS[client])):
        assert [(one["token"], one["logprob"]) for one in READ[client](answers)] == list(TOKENS)


@pytest.mark.parametrize(
    ("upstream", "asks"),
    [("openai", '"logprobs": true'), ("gemini", "responseLogprobs"), ("cohere", '"logprobs": true'),
     ("responses", "message.output_text.logprobs")],
)  # fmt: skip
@pytest.mark.parametrize("client", ASKS)
def test_they_are_asked_for(client: str, upstream: str, asks: str) -> None:
    assert asks in json.dumps(sent(client, upstream, ASKS[client]))
