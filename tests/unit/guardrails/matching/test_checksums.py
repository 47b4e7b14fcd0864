"""Check digits: numbers that their issuers show as examples, and that a slip of one digit is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.guardrails.matching.checksums import CHECKS, digits, iban, luhn

EXAMPLES = {
    "luhn": ("4111 1111 1111 1111", "378282246310005", "046-454-286", "784-1990-1234567-6"),
    "iban": ("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "fr14 2004 1010 0505 0001 3m02 606"),
    "us_ssn": ("123-45-6789", "899-01-0001"),
    "br_cpf": ("529.982.247-25", "11144477735"),
    "br_cnpj": ("11.222.333/0001-81", "11444777000161"),
    "nl_bsn": ("111222333", "1234.56.782"),
    "au_tfn": ("123 456 782",),
    "au_abn": ("51 824 753 556",),
    "au_medicare": ("2123 45670 1",),
    "fr_nir": ("2 55 08 14 168 025 38", "1 84 12 2A 004 003 46"),
    "sg_nric": ("S1234567D", "T1234567J", "F1234567N", "g1234567x"),
}
NONE = {
    "luhn": ("4111 1111 1111 1112", "0000000000000000", "7", ""),
    "iban": ("DE88 3704 0044 0532 0130 00", "DE89", "", "DE8937040044053201300000000000000000000"),
    "us_ssn": ("000-45-6789", "666-45-6789", "900-45-6789", "123-00-6789", "123-45-0000", "123-45-678"),
    "br_cpf": ("529.982.247-26", "111.111.111-11", "529"),
    "br_cnpj": ("11.222.333/0001-82", "11111111111111"),
    "nl_bsn": ("111222334", "000000000", "1"),
    "au_tfn": ("123 456 783", "000000000"),
    "au_abn": ("51 824 753 557", "01 824 753 556"),
    "au_medicare": ("2123 45671 1", "9123 45670 1"),
    "fr_nir": ("2 55 08 14 168 025 39", "2 55 08", "2 55 08 14 168 02A 38"),
    "sg_nric": ("S1234567E", "X1234567D", ""),
}


@pytest.mark.parametrize(("check", "number"), [(name, number) for name in EXAMPLES for number in EXAMPLES[name]])
def test_an_example_passes(check: str, number: str) -> None:
    assert CHECKS[check](number)


@pytest.mark.parametrize(("check", "number"), [(name, number) for name in NONE for number in NONE[name]])
def test_what_is_none_fails(check: str, number: str) -> None:
    assert not CHECKS[check](number)


def test_every_check_is_tried() -> None:
    assert EXAMPLES.keys() == NONE.keys() == CHECKS.keys()


@given(st.integers(1, 10**15))
def test_one_last_digit_of_ten_is_right_by_luhn(number: int) -> None:
    assert sum(luhn(f"{number}{last}") for last in range(10)) == 1


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=11, max_size=30))
def test_one_pair_of_check_digits_is_right_for_an_iban(account: str) -> None:
    assert sum(iban(f"DE{pair:02}{account}") for pair in range(2, 99)) == 1


@given(
    st.sampled_from([(name, number) for name in EXAMPLES if name != "us_ssn" for number in EXAMPLES[name]]), st.data()
)
def test_a_slip_of_one_digit_is_found(example: tuple[str, str], data: st.DataObject) -> None:
    check, number = example
    checked = number[: number.rindex(" ")] if check == "au_medicare" else number  # the last one counts the cards
    at = data.draw(st.sampled_from([index for index, sign in enumerate(checked) if sign.isdigit()]))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))

    assert not CHECKS[check](number[:at] + other + number[at + 1 :])


@given(st.text())
def test_whatever_is_written_is_one_or_none(text: str) -> None:
    assert all(0 <= digit <= 9 for digit in digits(text))
    assert all(check(text) in (True, False) for check in CHECKS.values())
