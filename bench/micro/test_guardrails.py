"""What guardrails that judge here cost, by 16 KB of text: `pytest bench/micro/test_guardrails.py`.

Each shall stay below a millisecond where it finds nothing, which is nearly always.
"""

import sysconfig
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.filtering.category import names
from tianji.guardrails.vendor import Hook, Occasion, Surroundings, Type
from tianji.guardrails.vendors import block_code_execution, content_filter, hide_secrets, prompt_injection
from tianji.guardrails.vendors.content_filter import prebuilt

PLAIN = (Path(sysconfig.get_path("stdlib")) / "pydoc_data/topics.py").read_text(encoding="utf-8")[:16_000]
TEXTS = {
    "plain": (PLAIN,),
    "parts": tuple(PLAIN[at : at + 160] for at in range(0, len(PLAIN), 160)),
    "chinese": ("请把下面的合同翻译成英文，并指出其中的风险。" * 250,),
    "found": (PLAIN.replace(" is ", " 123-45-6789, a@b.cc ", 20),),
}
LOOKS: dict[str, tuple[Type[Any], dict[str, Any]]] = {
    "all patterns": (
        content_filter.TYPE,
        {"patterns": [{"pattern_type": "prebuilt", "pattern_name": name, "action": "MASK"} for name in prebuilt()]},
    ),
    "two patterns": (
        content_filter.TYPE,
        {
            "patterns": [
                {"pattern_type": "prebuilt", "pattern_name": name, "action": "MASK"} for name in ("email", "us_ssn")
            ]
        },
    ),
    "1000 words": (
        content_filter.TYPE,
        {"blocked_words": [{"keyword": f"{number:05}word", "action": "MASK"} for number in range(1000)]},
    ),
    "hidden secrets": (hide_secrets.TYPE, {}),
    "prompt injection": (prompt_injection.TYPE, {}),
    "code execution": (block_code_execution.TYPE, {}),
    "all categories": (content_filter.TYPE, {"categories": [{"category": name} for name in names()]}),
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("look", LOOKS)
def test_look(benchmark: BenchmarkFixture, look: str, text: str) -> None:
    kind, params = LOOKS[look]
    assert kind.look is not None
    judge = kind.look(msgspec.convert(params, kind.params), Surroundings(Path()))
    content = Content(Direction.REQUEST, tuple(Text(part) for part in TEXTS[text]))
    occasion = Occasion(name=look, hook=Hook.PRE_CALL)
    benchmark(lambda: judge(content, occasion))
