"""Check digits of numbers that name a person, an account or a card: most numbers that look like one are none.

Each function takes a number as it was written, with its spaces, dots and dashes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

_TFN: Final = (1, 4, 3, 7, 5, 8, 6, 9, 10)
_ABN: Final = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
_MEDICARE: Final = (1, 3, 7, 9, 1, 3, 7, 9)
_CNPJ: Final = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_NRIC: Final = (2, 7, 6, 5, 4, 3, 2)
_NRIC_LETTERS: Final = {"S": "JZIHGFEDCBA", "T": "GFEDCBAJZIH", "F": "XWUTRQPNMLK", "G": "RQPNMLKXWUT"}


def digits(written: str) -> list[int]:
    """Return the decimal digits of ASCII in it."""
    return [ord(sign) - 48 for sign in written if "0" <= sign <= "9"]


def luhn(written: str) -> bool:
    """Check cards, the Canadian SIN and the Emirates ID: ISO/IEC 7812-1, annex B."""
    found = digits(written)
    doubled = [sum(divmod(2 * digit, 10)) for digit in found[-2::-2]]
    return len(found) > 1 and any(found) and (sum(found[-1::-2]) + sum(doubled)) % 10 == 0


def iban(written: str) -> bool:
    """Check an IBAN: ISO 13616-1, by the remainder of ISO/IEC 7064 MOD 97-10."""
    signs = [sign for sign in written.upper() if sign.isascii() and sign.isalnum()]
    if not 15 <= len(signs) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def us_ssn(written: str) -> bool:
    """Check social security numbers: no area 000, 666 or from 900 on, no group 00, no serial 0000 (SSA, since 2011)."""
    number = "".join(map(str, digits(written)))
    area, group, serial = number[:3], number[3:5], number[5:]
    return len(number) == 9 and area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def br_cpf(written: str) -> bool:
    """Check the Brazilian CPF: two digits modulo 11 (Receita Federal)."""
    found = digits(written)
    if len(found) != 11 or len(set(found)) == 1:
        return False
    return all(_weighed(found, range(length + 1, 1, -1)) * 10 % 11 % 10 == found[length] for length in (9, 10))


def br_cnpj(written: str) -> bool:
    """Check the Brazilian CNPJ in digits: two of them modulo 11 (Receita Federal)."""
    found = digits(written)
    if len(found) != 14 or len(set(found)) == 1:
        return False
    return all(-_weighed(found, _CNPJ[13 - length :]) % 11 % 10 == found[length] for length in (12, 13))


def nl_bsn(written: str) -> bool:
    """Check the Dutch BSN: eleven-test, in which the last digit counts against the others."""
    found = digits(written)
    return len(found) == 9 and any(found) and (_weighed(found, range(9, 1, -1)) - found[8]) % 11 == 0


def au_tfn(written: str) -> bool:
    """Check the Australian tax file number: nine digits, weighted, modulo 11 (ATO)."""
    found = digits(written)
    return len(found) == 9 and any(found) and _weighed(found, _TFN) % 11 == 0


def au_abn(written: str) -> bool:
    """Check the Australian business number: eleven digits, the first less one, weighted, modulo 89 (ABR)."""
    found = digits(written)
    return len(found) == 11 and found[0] > 0 and _weighed([found[0] - 1, *found[1:]], _ABN) % 89 == 0


def au_medicare(written: str) -> bool:
    """Check the Australian Medicare card: the ninth digit is the weighted sum of those before, modulo 10."""
    found = digits(written)
    return len(found) in (10, 11) and 2 <= found[0] <= 6 and _weighed(found, _MEDICARE) % 10 == found[8]


def fr_nir(written: str) -> bool:
    """Check the French NIR: its key is 97 less the remainder; Corsica counts 2A as 19 and 2B as 18 (INSEE)."""
    signs = "".join(sign for sign in written.upper() if sign.isascii() and sign.isalnum())
    signs = signs.replace("2A", "19", 1) if signs[5:7] == "2A" else signs
    signs = signs.replace("2B", "18", 1) if signs[5:7] == "2B" else signs
    return len(signs) == 15 and signs.isdecimal() and 97 - int(signs[:13]) % 97 == int(signs[13:])


def sg_nric(written: str) -> bool:
    """Check Singapore's NRIC and FIN: the last letter follows from the series and the weighted digits."""
    signs = written.strip().upper()
    found = digits(signs)
    letters = _NRIC_LETTERS.get(signs[:1])
    return letters is not None and len(found) == 7 and letters[_weighed(found, _NRIC) % 11] == signs[-1]


CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    check.__name__: check
    for check in (luhn, iban, us_ssn, br_cpf, br_cnpj, nl_bsn, au_tfn, au_abn, au_medicare, fr_nir, sg_nric)
}


def _weighed(found: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(found, weights, strict=False))
