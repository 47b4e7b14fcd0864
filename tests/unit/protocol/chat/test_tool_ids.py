"""Ids that carry signatures."""

import base64
import re

from hypothesis import given
from hypothesis import strategies as st

from tianji.protocol.chat import tool_ids


@given(st.text("abcxyz_-019", min_size=1, max_size=20).filter(lambda text: tool_ids.MARK not in text), st.binary())
def test_what_goes_out_comes_back(call_id: str, signature: bytes) -> None:
    sent = base64.b64encode(signature).decode() or None
    if call_id.endswith("_"):
        call_id += "x"
    joined = tool_ids.join(call_id, sent)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", joined)
    assert tool_ids.split(joined) == (call_id, sent)


def test_the_alphabet_of_other_gateways_is_read_too() -> None:
    assert tool_ids.split("c__thought__a+/b") == ("c", "a+/b")


def test_an_id_without_a_signature() -> None:
    assert tool_ids.split("call_1") == ("call_1", None)
    assert tool_ids.split("call_1__thought__") == ("call_1", None)
