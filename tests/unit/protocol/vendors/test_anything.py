"""Whatever a vendor sends: its decoder says what it means, or that it cannot be read, and never anything else."""

import json
import pkgutil
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.protocol import vendors
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target

MODULES = [f"tianji.protocol.vendors.{found.name}" for found in pkgutil.iter_modules(vendors.__path__)]
FORMS = [name for name in MODULES if hasattr(load(name), "outbound")]
NAMES = """choices message delta content type text thinking summary function_call name arguments final_result done
finish_reason usage signature error index tool_calls function prompt_tokens done_reason status output token
generated_text details chatResponse results eval_count data"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4),
    max_leaves=12,
)


def outbound(module: str) -> Any:
    request = msgspec.convert({"model": "x", "messages": [{"role": "user", "content": "q"}]}, Request)
    return load(module).outbound(request, Target(provider="v", model="m"))


@pytest.mark.parametrize("module", FORMS)
@given(body=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whole_answers(module: str, body: bytes) -> None:
    try:
        found = outbound(module).answer(body)
    except TianjiError:
        return
    assert isinstance(found, Completion)
    msgspec.json.encode(found)


@pytest.mark.parametrize("module", FORMS)
@given(bodies=st.lists(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()), max_size=3))
def test_streams(module: str, bodies: list[bytes]) -> None:
    decoder = outbound(module).stream()
    try:
        found = [chunk for body in bodies for chunk in decoder.event("", body)]
        found += decoder.end()
    except TianjiError:
        return
    assert all(isinstance(chunk, Chunk) for chunk in found)
    msgspec.json.encode(found)
