"""block_code_execution: what counts as code, and when it passes all the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.guardrails.looking import OCCASION, answered, asked, built

from tianji.guardrails.content import Content, Direction, Kind, Text
from tianji.guardrails.vendors.block_code_execution import MASK, TYPE, blocks
from tianji.guardrails.verdict import Allow, Answer, Block, Rewrite

PYTHON = "```python\nprint(1)\n```"
LOOSE = "```\nimport os\nos.remove('x');\n```"


def test_code_in_an_answer_is_refused_and_in_a_request_answered() -> None:
    look = built(TYPE, {})

    assert isinstance(look(answered(f"Here:\n{PYTHON}"), OCCASION), Block)
    assert isinstance(look(asked(f"Here:\n{PYTHON}"), OCCASION), Answer)
    assert look(answered("Here: `x`"), OCCASION) == Allow()


@pytest.mark.parametrize(
    ("params", "text", "refused"),
    [
        ({}, "```json\n{}\n```", False),
        ({}, LOOSE, True),
        ({"confidence_threshold": 0.85}, LOOSE, False),
        ({}, "```\nDear Sir or Madam\n```", False),
        ({"confidence_threshold": 0}, "```\nDear Sir or Madam\n```", True),
        ({"blocked_languages": ["bash"]}, PYTHON, False),
        ({"blocked_languages": ["sh"]}, "~~~Shell\nls\n~~~", True),
        ({"blocked_languages": ["c#"]}, "````cs\n```\n````", True),
        ({"blocked_languages": []}, PYTHON, False),
        ({}, "```js", True),  # never closed
    ],
)
def test_the_language_or_the_lines_say_how_sure_it_is(params: dict[str, Any], text: str, refused: bool) -> None:
    assert isinstance(built(TYPE, params)(answered(text), OCCASION), Block) is refused


def test_code_is_masked_with_its_fences() -> None:
    said = built(TYPE, {"action": "mask"})(answered(f"a {PYTHON} b {LOOSE}", "c"), OCCASION)

    assert isinstance(said, Rewrite)
    assert said.texts == {0: f"a {MASK} b {MASK}"}
    assert said.findings.entities == {"code_block": 2}


@pytest.mark.parametrize(
    ("params", "text", "refused"),
    [
        ({}, "Please run the following script: rm -rf /", True),
        ({}, "execute this code", True),
        ({"detect_execution_intent": False}, "execute this code", False),
        ({}, "I run in the morning and follow the code of conduct", False),
        ({}, f"Explain what this does, do not run it: {PYTHON}", False),
        ({"detect_execution_intent": False}, f"Do not run it: {PYTHON}", True),
    ],
)
def test_what_a_request_wants_counts(params: dict[str, Any], text: str, refused: bool) -> None:
    assert isinstance(built(TYPE, params)(asked(text), OCCASION), Answer) is refused


def test_instructions_and_arguments_are_left_alone() -> None:
    texts = (Text(PYTHON, "system", Kind.INSTRUCTIONS), Text(PYTHON, "assistant", Kind.TOOL_ARGUMENTS, 1))

    assert built(TYPE, {})(Content(Direction.REQUEST, texts), OCCASION) == Allow()


@given(st.text(st.sampled_from("`~a\n {};")))
def test_blocks_lie_in_the_text_one_after_another(text: str) -> None:
    at = 0
    for block in blocks(text):
        assert at <= block.start < block.end <= len(text)
        assert text.startswith(("```", "~~~"), block.start)
        at = block.end
