"""What LiteLLM encrypted is opened, and nothing else is taken for it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.litellm_tables import SALT, boxed, gcm

from tianji.takeover.ciphers import Ciphers, MissingNaCl


@given(st.text())
def test_both_forms_are_opened(text: str) -> None:
    assert Ciphers(SALT).open(boxed(text)) == text
    assert Ciphers(SALT).open(gcm(text)) == text


def test_the_other_alphabet_of_base64_is_read() -> None:
    closed = next(box for box in (boxed("x") for _ in range(1000)) if {"-", "_"} & set(box))
    assert Ciphers(SALT).open(closed.replace("-", "+").replace("_", "/")) == "x"


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="another salt key"):
        Ciphers(SALT).open(text)
    with pytest.raises(ValueError, match="another salt key"):
        Ciphers(SALT).open("v2:gcm:" + text)


def test_another_salt_opens_nothing() -> None:
    for closed in (boxed("x"), gcm("x")):
        with pytest.raises(ValueError, match="another salt key"):
            Ciphers("another").open(closed)


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = boxed("x")
    monkeypatch.setitem(sys.modules, "nacl.secret", None)
    with pytest.raises(MissingNaCl):
        Ciphers(SALT).open(closed)
    assert Ciphers(SALT).open(gcm("x")) == "x"
