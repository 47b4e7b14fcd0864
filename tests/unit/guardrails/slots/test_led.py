"""Bodies of providers' own paths: JSON is looked into, however it is spelled, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.guardrails.content import Direction
from tianji.guardrails.slots.forms import form_led, may_be_json
from tianji.guardrails.slots.texts import Unreadable
from tianji.guardrails.verdict import Rewrite

ASKED, ANSWERED = Direction.REQUEST, Direction.RESPONSE
TEXTS = st.text(max_size=8)


def test_of_a_path_that_leads_through_only_json_is_looked_into() -> None:
    form = form_led("chat")
    odd = form.read(ASKED, b"--x\r\nforbidden")
    assert (odd.content.texts, odd.written(Rewrite())) == ((), odd.body)
    assert form.read(ANSWERED, b"").content.texts == ()
    assert [text.text for text in form.read(ASKED, b'{"messages":[{"content":"a"}]}').content.texts] == ["a"]
    assert [text.text for text in form_led("").read(ASKED, b'["a"]').content.texts] == ["a"]
    for hidden in (b'{"a":1}x', b'\xef\xbb\xbf{"a":"b"}', '{"a":"b"}'.encode("utf-16")):
        with pytest.raises(Unreadable):
            form.read(ASKED, hidden)


@given(
    st.lists(TEXTS) | st.dictionaries(TEXTS, TEXTS) | TEXTS,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le"]),
    st.sampled_from(["", " ", "\r\n\t"]),
)
def test_json_is_known_by_its_beginning_in_any_encoding(value: object, encoding: str, space: str) -> None:
    assert may_be_json((space + json.dumps(value)).encode(encoding))
