import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.storage.vault import Vault

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)
VAULT = Vault("sk-salt-0123456789", "credential values")


@given(TEXT, TEXT)
def test_what_was_closed_opens(text: str, of: str) -> None:
    closed = VAULT.close(text, of)
    assert VAULT.open(closed, of) == text
    assert VAULT.close(text, of) != closed


@pytest.mark.parametrize(
    ("vault", "of"),
    [
        (Vault("sk-another-0123456789", "credential values"), "c/api_key"),
        (Vault("sk-salt-0123456789", "sessions"), "c/api_key"),
        (VAULT, "d/api_key"),
        (VAULT, "c/other"),
    ],
)
def test_another_salt_purpose_or_owner_opens_nothing(vault: Vault, of: str) -> None:
    closed = VAULT.close("secret", "c/api_key")
    with pytest.raises(ValueError, match="another salt key"):
        vault.open(closed, of)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_opens_nothing(at: int, change: int) -> None:
    closed = bytearray(VAULT.close("a secret of some length", "c").encode())
    at = 4 + at % (len(closed) - 4)
    closed[at] = (closed[at] + change) % 128
    try:
        opened = VAULT.open(closed.decode(), "c")
    except ValueError:
        return
    assert opened == "a secret of some length"  # the last bits of base64 mean nothing


def test_an_empty_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Vault("", "credential values")
