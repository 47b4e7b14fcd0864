"""Ids that clients see: the same each time, whoever's they are, and nobody can make one up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.identity import Identity, Role
from tianji.auth.owners import digest, owner_of
from tianji.errors import ObjectNotFound
from tianji.objects.ids import Copy, Ref, Seal
from tianji.objects.kinds import BATCH, FILE

SEAL = Seal("salt")
ONE = Identity(role=None, user_id=None, key="one")
REF = Ref(owner_of(ONE), (Copy(digest("place"), "file-abc"),), 5, 70)


def caller(**about: object) -> Identity:
    return Identity(**{"role": None, "user_id": None, "key": "other", **about})  # type: ignore[arg-type]


def test_an_id_is_the_same_each_time_and_on_every_machine() -> None:
    made = SEAL.close(FILE, REF)
    assert made == Seal("salt").close(FILE, REF)
    assert Seal("salt").open(FILE, made, ONE) == REF
    assert made.startswith("file-tj")
    assert made.removeprefix("file-tj").replace("-", "").replace("_", "").isalnum()


@given(st.binary(min_size=8, max_size=8), st.text(max_size=40), st.integers(-1, 10**6), st.integers(0, 10**9))
def test_whatever_an_id_says_is_read_again(place: bytes, name: str, rows: int, tokens: int) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    ref = Ref(owner_of(ONE), (Copy(place, name), Copy(place[::-1], "x")), rows, tokens)
    assert SEAL.open(FILE, SEAL.close(FILE, ref), ONE) == ref


def test_every_changed_character_is_noticed() -> None:
    made = SEAL.close(FILE, REF)
    for at in range(len("file-tj"), len(made) - 1):
        other = "A" if made[at] != "A" else "B"
        with pytest.raises(ObjectNotFound):
            SEAL.open(FILE, made[:at] + other + made[at + 1 :], ONE)


@pytest.mark.parametrize(
    ("kind", "text", "seal"),
    [
        (BATCH, SEAL.close(FILE, REF), SEAL),
        (BATCH, SEAL.close(FILE, REF).replace("file-", "batch_"), SEAL),
        (FILE, SEAL.close(FILE, REF), Seal("pepper")),
        (FILE, SEAL.close(FILE, REF), Seal(None)),
        (FILE, "file-abc", SEAL),
        (FILE, "", SEAL),
        (FILE, "file-tj\u00e9", SEAL),
    ],
)
def test_what_is_no_id_of_this_kind_is_not_there(kind: object, text: str, seal: Seal) -> None:
    with pytest.raises(ObjectNotFound):
        seal.open(kind, text, ONE)  # type: ignore[arg-type]


@given(st.text(max_size=80))
def test_nothing_that_is_made_up_opens(text: str) -> None:
    with pytest.raises(ObjectNotFound):
        SEAL.open(FILE, text, ONE)


@pytest.mark.parametrize(
    ("maker", "asker", "sees"),
    [
        (caller(key="a"), caller(key="a"), True),
        (caller(key="a"), caller(key="b"), False),
        (caller(user_id="u"), caller(key="b", user_id="u"), True),
        (caller(user_id="u"), caller(user_id="v"), False),
        (caller(key="u"), caller(user_id="u"), False),
        (caller(team_id="t", user_id="u"), caller(key="b", team_id="t"), True),
        (caller(team_id="t", user_id="u"), caller(user_id="u"), False),
        (caller(key="a"), caller(role=Role.PROXY_ADMIN), True),
        (caller(key="a"), caller(role=Role.PROXY_ADMIN_VIEWER), False),
    ],
)
def test_whose_it_is(maker: Identity, asker: Identity, sees: bool) -> None:
    made = SEAL.close(FILE, Ref(owner_of(maker), REF.copies))
    if sees:
        assert SEAL.open(FILE, made, asker).copies == REF.copies
    else:
        with pytest.raises(ObjectNotFound):
            SEAL.open(FILE, made, asker)
