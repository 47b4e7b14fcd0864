"""What was masked in a request stands in the answer again, wherever a stream was cut."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.guardrails.streaming.streams import EVERY, Run, heard, repeated

from tianji.guardrails.content import Direction
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.slots.restoring import Restoring
from tianji.guardrails.streaming.policy import Policy, Scan

TOKENS = {"<P>": "Ann", "<P_1>": "Bob \"the\" 'builder'", "<P_10>": "<P>", "": "nobody"}
RESTORING = Restoring(TOKENS)
EXPECTED = re.compile("<P>|<P_1>|<P_10>")
WORDS = st.lists(st.sampled_from(["<P", ">", "_1", "0>", "<P_1>", " and ", "<", "é"]), max_size=25)


@given(st.sampled_from(list(EVERY)), WORDS, st.lists(st.integers(0, 4000), max_size=8))
def test_tokens_are_put_back_over_all_borders(name: str, words: list[str], cuts: list[int]) -> None:
    policy = Policy(Scan.WINDOW, hold=RESTORING.reach, every=1)
    driven = Run(EVERY[name][0], [(policy, RESTORING)], as_array=name == "gemini array")
    data = EVERY[name][1](words)
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        driven.feed(data[begin:end])
    driven.end()

    expected = EXPECTED.sub(lambda found: TOKENS[found[0]], "".join(words))
    assert heard(driven.out) == expected
    assert repeated(driven.out) <= {expected, ""}


def test_tokens_are_put_back_in_a_whole_answer_and_its_calls() -> None:
    call = {"function": {"name": "mail", "arguments": '{"to": "<P_1>", "<P>": 1}'}}
    body = json.dumps({"choices": [{"message": {"content": "dear <P>,", "tool_calls": [call]}}]}).encode()
    document = form_of("chat").read(Direction.RESPONSE, body)
    verdict = RESTORING(document.content)

    message = json.loads(document.written(verdict))["choices"][0]["message"]

    assert message["content"] == "dear Ann,"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"to": TOKENS["<P_1>"], "<P>": 1}


def test_without_tokens_there_is_nothing_to_do() -> None:
    assert Restoring({}).reach == 0
